//! Questions for MAC addresses, answered by a real kernel.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use prtip_engine::error::Kind;
use prtip_engine::port::doorbell::{Asker, Doorbell};
use prtip_engine::route::Interface;

use crate::namespace::Pair;

const OURS: [&str; 2] = ["198.18.0.1", "2001:2::1"];

fn bell() -> Doorbell {
    let interface = Interface::by_name("scan0").unwrap();
    let mac = interface.mac.unwrap();
    let (ifindex, interface) = (interface.index, interface.name);
    Doorbell::open(Asker { interface, ifindex, mac, vlan: None }).unwrap()
}

/// Asks for these neighbours, again and again (a link that has just come up loses the
/// first packets), until `count` have answered, or three times where none should.
/// Returns them and how many answers there were.
fn ask(bell: &mut Doorbell, targets: &[&str], count: usize) -> (BTreeMap<IpAddr, [u8; 6]>, u64) {
    let (mut known, mut heard) = (BTreeMap::new(), 0);
    let tries = if count > 0 { 20 } else { 3 };
    for _ in 0..tries {
        for target in targets {
            let target: IpAddr = target.parse().unwrap();
            let source = OURS[usize::from(target.is_ipv6())].parse().unwrap();
            assert!(bell.ask(source, target).unwrap());
        }
        let deadline = Instant::now() + Duration::from_millis(250);
        while Instant::now() < deadline {
            bell.wait(Duration::from_millis(20));
            bell.receive(64, &mut |answer| {
                let answer = answer.expect("nothing but answers passes the filter here");
                known.insert(answer.addr, answer.mac);
                heard += 1;
            });
        }
        if count > 0 && known.len() >= count {
            break;
        }
    }
    (known, heard)
}

#[test]
fn a_neighbour_that_is_there_answers_and_others_do_not() {
    let Some(pair) = Pair::new() else { return };
    pair.near.enter(|| {
        let mut bell = bell();
        let targets = ["198.18.0.2", "198.18.0.77", "2001:2::2", "2001:2::77"];
        let (known, heard) = ask(&mut bell, &targets, 2);
        let far = [2, 0, 0, 0, 0, 2];
        let expected = ["198.18.0.2", "2001:2::2"].map(|addr| (addr.parse().unwrap(), far));
        assert_eq!(known, BTreeMap::from(expected));
        assert_eq!(bell.statistics(), (heard, 0), "our own questions are not heard");
    });
    // The control: with ARP off nobody answers.
    pair.far.ip("link set far0 arp off");
    pair.near.enter(|| {
        assert_eq!(ask(&mut bell(), &["198.18.0.2"], 0).0, BTreeMap::new());
    });
}

#[test]
fn an_interface_that_goes_down_is_told() {
    let Some(pair) = Pair::new() else { return };
    pair.near.enter(|| {
        let bell = bell();
        pair.near.ip("link set scan0 down");
        let [ours, target] = ["198.18.0.1", "198.18.0.2"].map(|addr| addr.parse().unwrap());
        let error = bell.ask(ours, target).unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.to_string().contains("scan0"), "{error}");
    });
}
