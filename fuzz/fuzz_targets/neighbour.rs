//! Any frame as an answer to a question for a MAC address: ARP or neighbour discovery.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prtip_engine::port::doorbell;
use prtip_engine::wire::{arp::Arp, ndp::Advertisement};

fuzz_target!(|frame: &[u8]| {
    if let Some(answer) = doorbell::read(frame) {
        assert_eq!(answer.mac[0] & 1, 0, "a group is nobody's neighbour");
        assert!(frame.len() >= 14 + 28);
    }
    if let Some(arp) = Arp::new(frame) {
        let _ = (arp.operation(), arp.sender_mac(), arp.sender(), arp.target_mac(), arp.target());
    }
    if let Some(advertisement) = Advertisement::new(frame) {
        let _ = (advertisement.target(), advertisement.destination(), advertisement.target_mac());
    }
});
