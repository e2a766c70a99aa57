//! The highest rate that an engine reaches tells the lab's truth like any other.

use crate::setting::{sized, turn_alone};
use crate::truth::{ONE_QUEUE, TWO_QUEUES, tells_the_truth, v4, v6};

#[test]
fn live_frames_are_the_truth() {
    let Some(_turn) = turn_alone("truth at the highest rate of live frames") else { return };
    // Enough for many calls of the generator.
    let v4 = sized("198.18.0.0/20", "198.18.0.0/18");
    tells_the_truth(ONE_QUEUE, v4, "--port-engine live --rate max");
    tells_the_truth(TWO_QUEUES, v4, "--port-engine live --rate max");
    tells_the_truth(TWO_QUEUES, v6(), "--port-engine live --rate max --syn linux");
}

#[test]
fn af_xdp_is_the_truth() {
    let Some(_turn) = turn_alone("truth at the highest rate over AF_XDP") else { return };
    tells_the_truth(ONE_QUEUE, v4(), "--port-engine xdp --rate max");
    tells_the_truth(TWO_QUEUES, v4(), "--port-engine xdp --rate max");
    tells_the_truth(TWO_QUEUES, v6(), "--port-engine xdp --rate max");
}

#[test]
fn af_packet_is_the_truth() {
    let Some(_turn) = turn_alone("truth at the highest rate over AF_PACKET") else { return };
    tells_the_truth(ONE_QUEUE, v4(), "--port-engine packet --rate max");
    tells_the_truth(TWO_QUEUES, v4(), "--port-engine packet --rate max");
    tells_the_truth(TWO_QUEUES, v6(), "--port-engine packet --rate max");
}
