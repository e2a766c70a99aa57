//! The search against simulated networks: a far end that takes so many probes a second
//! and drops the rest, with loss of its own, delay and hosts that do not always answer.

use std::collections::VecDeque;

use super::*;

#[derive(Clone, Copy)]
struct Network {
    /// Probes a second that the far end takes.
    capacity: f64,
    /// Share of the questions that are answered where nothing is over the rate.
    answering: f64,
    /// What this host sends at most, and what it drops beyond its own limit.
    sender: f64,
    drops_above: f64,
    delay_ns: u64,
    /// New answers for the sample, a share of the probes.
    hits: f64,
}

const NETWORK: Network = Network {
    capacity: f64::INFINITY,
    answering: 1.0,
    sender: 1e6,
    drops_above: f64::INFINITY,
    delay_ns: MS,
    hits: 0.1,
};

struct Run {
    search: Search,
    /// Probes lost by the far end, those put back, and all.
    lost: f64,
    put_back: f64,
    sent: f64,
    /// When it settled first, in seconds.
    settled_s: f64,
    /// The highest rate in the last minute.
    highest: f64,
}

/// Runs for `seconds`; `change` may change the network.
fn run(
    network: Network,
    seconds: f64,
    seed: u64,
    mut change: impl FnMut(f64, &mut Network),
) -> Run {
    let mut network = network;
    let mut random = seed;
    let mut draw = move || {
        random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = random;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ word >> 31) >> 11) as f64 / (1u64 << 53) as f64
    };
    const TICK_NS: u64 = 2 * MS;
    let mut search = Search::new(0);
    let (mut rate, mut questions) = (search.rate(), 0.0);
    let (mut sent, mut drops, mut held, mut owed) = (0.0, 0.0_f64, 0.0_f64, 0.0_f64);
    let (mut asked, mut answered, mut step) = (0_u64, 0_u64, 0_u64);
    let mut on_the_way: VecDeque<(u64, u64)> = VecDeque::new();
    let (mut lost, mut put_back, mut unjudged) = (0.0, 0.0, 0.0);
    let (mut settled_s, mut highest) = (f64::INFINITY, 0.0_f64);
    for tick in 1..=(seconds * 1e9) as u64 / TICK_NS {
        let now_ns = tick * TICK_NS;
        change(now_ns as f64 / 1e9, &mut network);
        let real: f64 = rate.min(network.sender);
        let probes = real * TICK_NS as f64 / 1e9;
        sent += probes;
        unjudged += probes;
        drops += (real - network.drops_above).max(0.0) * TICK_NS as f64 / 1e9;
        held = (held + probes * network.hits).min(2000.0);
        let passed = (network.capacity / real).min(1.0);
        lost += probes * (1.0 - passed);
        owed += questions * TICK_NS as f64 / 1e9;
        while owed >= 1.0 {
            owed -= 1.0;
            asked += 1;
            if draw() < passed * network.answering {
                on_the_way.push_back((now_ns + network.delay_ns, step));
            }
        }
        while on_the_way.front().is_some_and(|(at, _)| *at <= now_ns) {
            let (_, of) = on_the_way.pop_front().expect("there is one");
            answered += u64::from(of == step);
        }
        let look = Look {
            now_ns,
            sent: sent as u64,
            drops: drops as u64,
            asked,
            answered,
            held: held as u64,
            wait_ns: network.delay_ns * 2 + 60 * MS,
            exhausted: false,
        };
        if let Some(order) = search.turn(&look) {
            (rate, questions) = (order.rate, order.questions);
            if order.begins {
                (asked, answered, step) = (0, 0, step + 1);
            }
            if let Some(clean) = order.clean {
                put_back += if clean { 0.0 } else { unjudged };
                unjudged = 0.0;
            }
        }
        if search.settled && settled_s.is_infinite() {
            settled_s = now_ns as f64 / 1e9;
        }
        if now_ns as f64 / 1e9 > seconds - 60.0 {
            highest = highest.max(rate);
        }
    }
    Run { search, lost, put_back, sent, settled_s, highest }
}

fn still(network: Network, seed: u64) -> Run {
    run(network, 40.0, seed, |_, _| {})
}

#[test]
fn settles_within_a_tenth_below_what_the_far_end_takes() {
    for capacity in [300.0, 900.0, 5_000.0, 30_000.0, 150_000.0, 700_000.0] {
        for (answering, delay_ns) in [(1.0, MS), (0.99, MS), (1.0, 200 * MS), (0.8, 50 * MS)] {
            for seed in 0..8 {
                let network = Network { capacity, answering, delay_ns, ..NETWORK };
                // A slow network needs longer for as many questions.
                let seconds = if capacity < 1000.0 { 180.0 } else { 60.0 };
                let found = run(network, seconds, seed, |_, _| {}).search.found();
                if answering < 0.9 && capacity < 2.0 * START {
                    continue; // a tenth lost at the first rate is not told from chance there
                }
                let why = format!("{found:?} of {capacity}, {answering}, {delay_ns}, {seed}");
                assert!(found.settled, "{why}");
                // Below the rate where it starts there are few questions a second.
                let (least, most) = match capacity {
                    ..START => (0.83, 1.12),
                    _ => (0.9, 1.08),
                };
                assert!(found.pps > capacity * least && found.pps < capacity * most, "{why}");
            }
        }
    }
}

#[test]
fn a_network_that_always_loses_does_not_slow_the_scan() {
    for answering in [0.99, 0.9, 0.6, 0.3] {
        for seed in 0..8 {
            let network = Network { answering, ..NETWORK };
            let found = run(network, 90.0, seed, |_, _| {}).search.found();
            assert!(found.pps > 800_000.0, "{found:?} with {answering}, seed {seed}");
        }
    }
}

#[test]
fn what_the_far_end_dropped_during_the_search_is_put_back() {
    for capacity in [5_000.0, 30_000.0, 150_000.0] {
        let run = still(Network { capacity, ..NETWORK }, 3);
        assert!(run.lost > 100.0, "the search lost something");
        assert!(run.put_back > run.lost * 0.95, "{} of {}", run.put_back, run.lost);
        assert!(run.put_back < run.sent * 0.5, "{} of {}", run.put_back, run.sent);
        assert!(run.settled_s < 25.0, "settled after {} s", run.settled_s);
    }
}

#[test]
fn a_step_whose_loss_is_not_measured_goes_on_rising() {
    // The control of the tests above: a sample that always answers tells of no loss.
    let network = Network { capacity: 5_000.0, ..NETWORK };
    let blind = Network { capacity: f64::INFINITY, ..network };
    assert!(still(network, 1).search.found().pps < 5_100.0);
    assert!(still(blind, 1).search.found().pps > 800_000.0);
}

#[test]
fn drops_on_this_host_stop_it_too() {
    for drops_above in [20_000.0, 300_000.0] {
        let found = still(Network { drops_above, ..NETWORK }, 5).search.found();
        assert!(found.pps > drops_above * 0.9 && found.pps < drops_above * 1.02, "{found:?}");
        assert!(found.why.contains("dropped on this host"), "{found:?}");
    }
}

#[test]
fn a_host_that_sends_no_faster_settles_there() {
    let found = still(Network { sender: 220_000.0, ..NETWORK }, 5).search.found();
    assert!(found.settled && found.pps > 200_000.0 && found.pps < 240_000.0, "{found:?}");
    assert_eq!(found.why, "this host sends no faster");
}

#[test]
fn without_answers_it_stays_low_and_says_so() {
    let found = still(Network { hits: 0.000_01, ..NETWORK }, 5).search.found();
    assert!(!found.settled && found.pps <= BLIND_MOST, "{found:?}");
    assert!(found.why.contains("nothing tells of loss"), "{found:?}");
}

#[test]
fn a_network_that_becomes_slower_or_faster_is_followed() {
    let network = Network { capacity: 40_000.0, ..NETWORK };
    let slower = run(network, 120.0, 7, |now_s, network| {
        network.capacity = if now_s < 40.0 { 40_000.0 } else { 12_000.0 };
    });
    let found = slower.search.found();
    assert!(found.pps > 10_800.0 && found.pps < 12_300.0, "{found:?}");
    let faster = run(network, 240.0, 7, |now_s, network| {
        network.capacity = if now_s < 40.0 { 40_000.0 } else { 90_000.0 };
    });
    let found = faster.search.found();
    assert!(found.pps > 80_000.0 && found.pps < 92_000.0, "{found:?}");
}

#[test]
fn hosts_that_cease_to_answer_at_any_rate_do_not_bring_it_down() {
    let network = Network { capacity: 40_000.0, ..NETWORK };
    let fewer = run(network, 180.0, 7, |now_s, network| {
        network.answering = if now_s < 40.0 { 1.0 } else { 0.6 };
    });
    let found = fewer.search.found();
    assert!(found.pps > 34_000.0 && found.pps < 42_500.0, "{found:?}");
    assert!(fewer.highest < 60_000.0, "{}", fewer.highest);
}

#[test]
fn the_last_step_is_judged_when_the_scan_ends() {
    let mut search = Search::new(0);
    let mut look = Look { held: 500, wait_ns: 100 * MS, ..Look::default() };
    let mut orders = Vec::new();
    for tick in 1..5_000 {
        look.now_ns = tick * 2 * MS;
        look.sent = tick * 100;
        look.exhausted = tick > 100;
        orders.extend(search.turn(&look));
    }
    assert!(search.is_over());
    assert!(orders.last().is_some_and(|order| order.clean.is_some()), "{orders:?}");
    assert!(!search.found().settled);
}
