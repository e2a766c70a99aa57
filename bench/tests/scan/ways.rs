//! Where people scan from: targets on the local network, several interfaces, several
//! gateways, no route at all; item by item against what the hosts' own kernels say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::setting::turn;
use crate::town::{Place, Street, Told};
use crate::tube::Tube;

const PORTS: [u16; 3] = [22, 80, 8080];

/// A scanner and three hosts beside it, one of which listens on nothing.
fn street() -> (Place, Street) {
    let scanner = Place::new();
    let mut street = Street::new(&scanner, 0);
    street.host(10, &[22, 80]);
    street.host(11, &[80, 8080]);
    street.host(200, &[]);
    street.settle(&scanner);
    (scanner, street)
}

fn without_host(told: &Told, addr: &str) -> BTreeSet<(IpAddr, u16, String)> {
    let addr: IpAddr = addr.parse().unwrap();
    told.ports().into_iter().filter(|(ip, ..)| *ip != addr).collect()
}

#[test]
fn local_targets_are_found_item_by_item_over_both_engines_and_families() {
    let Some(_turn) = turn("ways: local") else { return };
    let (scanner, mut street) = street();
    for engine in ["xdp", "packet", "auto"] {
        for (v6, targets, own) in
            [(false, "198.18.0.0/24", "198.18.0.1"), (true, "2001:2::/120", "2001:2::1")]
        {
            // What is not there is looked for three times, not at once.
            let told = scanner.prtip(&format!(
                "-p 22,80,8080 {targets} --port-engine {engine} --json --show open,closed \
                 --rate 5000 --retries 1 --cooldown 0.5"
            ));
            assert_eq!(told.code, Some(0));
            assert_eq!(without_host(&told, own), street.truth(&PORTS, v6), "{engine} {targets}");
            assert_eq!(told.booked("unaccounted"), 0);
            // Three hosts and our own address are there, 252 are not, in two rounds.
            assert_eq!(told.booked("unsent"), 252 * 3 * 2);
            assert_eq!(told.booked("neighbour_replies"), 3);
            let asked = told.booked("neighbour_requests");
            assert!((252 * 3..=252 * 3 + 9).contains(&asked), "{asked} questions");
            let started = told.of("scan_started").next().unwrap();
            assert_eq!(started["interface"], "scan0,lo", "our own address is scanned over lo");
        }
    }
    // The controls: the truth is not a constant, and who does not answer ARP is not there.
    let before = street.truth(&PORTS, false);
    street.hosts[0].listeners.remove(0);
    assert_ne!(street.truth(&PORTS, false), before);
    street.hosts[1].place.ip("link set eth0 arp off");
    let told = scanner.prtip(
        "-p 22,80,8080 198.18.0.8/29 --json --show all --rate 5000 --retries 0 --cooldown 0.5",
    );
    let of = |last: u8| -> BTreeMap<u64, (String, String)> {
        let ip = format!("198.18.0.{last}");
        let ports = told.of("port").filter(|record| record["ip"] == ip.as_str());
        ports
            .map(|record| {
                let text = |name: &str| record[name].as_str().unwrap().to_owned();
                (record["port"].as_u64().unwrap(), (text("state"), text("reason")))
            })
            .collect()
    };
    let said = |state: &str, reason: &str| (state.to_owned(), reason.to_owned());
    assert_eq!(of(10)[&22], said("closed", "rst"));
    assert_eq!(of(10)[&80], said("open", "syn-ack"));
    for last in [11, 12] {
        assert!(of(last).values().all(|known| *known == said("filtered", "no-arp")), "{last}");
        assert_eq!(of(last).len(), 3);
    }
}

#[test]
fn local_hosts_are_up_when_they_answer_on_the_link() {
    let Some(_turn) = turn("ways: -sn") else { return };
    let (scanner, street) = street();
    for engine in ["xdp", "packet"] {
        for (v6, targets, reason, missing) in [
            (0, "198.18.0.0/24", "arp-response", "no-arp"),
            (1, "2001:2::/120", "nd-response", "no-nd"),
        ] {
            let told = scanner.prtip(&format!(
                "-sn {targets} --port-engine {engine} --json --show all --rate 5000 --cooldown 0.5"
            ));
            assert_eq!((told.code, told.booked("unaccounted")), (Some(0), 0));
            let mut up = BTreeMap::new();
            for host in told.of("host").filter(|host| host["state"] == "up") {
                let ip: IpAddr = host["ip"].as_str().unwrap().parse().unwrap();
                up.insert(ip, (host["reason"].clone(), host["mac"].clone()));
            }
            let own =
                up.remove(&targets.replace("0/24", "1").replace("/120", "1").parse().unwrap());
            assert_eq!(own.unwrap().0, "echo-reply", "our own address, over lo");
            let expected: BTreeMap<IpAddr, _> = street
                .hosts
                .iter()
                .map(|host| (host.addrs[v6], (reason.into(), host.mac.clone().into())))
                .collect();
            assert_eq!(up, expected, "{engine} {targets}");
            let down: Vec<_> = told.of("host").filter(|host| host["state"] == "down").collect();
            assert_eq!(down.len(), 252);
            assert!(down.iter().all(|host| host["reason"] == missing), "{:?}", down[0]);
        }
    }
    let local = "198.18.0.8/29 --json --rate 5000 --retries 0 --cooldown 0.5";
    let reasons = |told: &Told| -> Vec<String> {
        told.of("host").map(|host| host["reason"].as_str().unwrap().to_owned()).collect()
    };
    let told = scanner.prtip(&format!("-sn --disable-arp-ping {local}"));
    assert_eq!(reasons(&told), ["echo-reply", "echo-reply"], "asked as all others");
    let told = scanner.prtip(&format!("-sn -PR {local}"));
    assert_eq!(reasons(&told), ["arp-response", "arp-response"]);
    // The control: who does not answer ARP is down.
    street.hosts[1].place.ip("link set eth0 arp off");
    let told = scanner.prtip(&format!("-sn {local}"));
    assert_eq!(reasons(&told), ["arp-response"]);
    // -PR is for neighbours only.
    scanner.ip("route add 198.18.77.0/24 via 198.18.0.10");
    let told = scanner.prtip("-sn -PR 198.18.0.10 198.18.77.1");
    assert_eq!(told.code, Some(2));
    assert!(told.words.contains("198.18.77.1"), "{}", told.words);
}

#[test]
fn several_interfaces_and_gateways_are_scanned_in_one_process() {
    let Some(_turn) = turn("ways: several") else { return };
    let scanner = Place::new();
    let mut streets = [Street::new(&scanner, 0), Street::new(&scanner, 1)];
    for street in &mut streets {
        street.host(10, &[22, 80]);
        street.host(11, &[8080]);
        street.settle(&scanner);
    }
    // Networks behind hosts: two gateways on the first interface, one on the second,
    // for IPv6 by a link-local next hop.
    for (street, host, network) in [(0, 0, 100), (0, 1, 101), (1, 0, 102)] {
        let place = &streets[street].hosts[host].place;
        let dev = format!("scan{street}");
        for last in 1..=4 {
            place.ip(&format!(
                "addr add 198.18.{network}.{last}/32 dev lo
                 addr add 2001:2:0:{network}::{last}/128 dev lo nodad"
            ));
        }
        place.ip("addr add fe80::2/64 dev eth0 nodad");
        place.output("ip link set eth0 addrgenmode none");
        let via = format!("198.18.{street}.{}", 10 + host);
        scanner.ip(&format!("route add 198.18.{network}.0/24 via {via} dev {dev}"));
        // A link-local address for the scanner, and one a host that differs.
        let next = format!("fe80::{network}");
        place.ip(&format!("addr add {next}/64 dev eth0 nodad"));
        scanner.ip(&format!("-6 route add 2001:2:0:{network}::/64 via {next} dev {dev}"));
    }
    for dev in ["scan0", "scan1"] {
        scanner.ip(&format!("addr add fe80::1/64 dev {dev} nodad"));
    }
    let mut truth = BTreeSet::new();
    for (street, host, network) in [(0, 0, 100), (0, 1, 101), (1, 0, 102)] {
        let listening = streets[street].hosts[host].place.listening();
        for (last, port) in (1..=4).flat_map(|last| PORTS.map(|port| (last, port))) {
            let state = if listening.contains(&port) { "open" } else { "closed" };
            for text in [format!("198.18.{network}.{last}"), format!("2001:2:0:{network}::{last}")]
            {
                truth.insert((text.parse::<IpAddr>().unwrap(), port, state.to_owned()));
            }
        }
    }
    for street in &streets {
        truth.extend(street.truth(&PORTS, false));
        truth.extend(street.truth(&PORTS, true));
    }
    let far: String = [100, 101, 102]
        .map(|network| format!("198.18.{network}.0/29 2001:2:0:{network}::/125 "))
        .concat();
    let near = "198.18.0.8/29 198.18.1.8/29 2001:2::8/125 2001:2:0:1::8/125";
    for (engine, rate) in [("xdp", "5000"), ("packet", "5000"), ("auto", "max")] {
        let told = scanner.prtip(&format!(
            "-p 22,80,8080 {far} {near} --port-engine {engine} --rate {rate} --json \
             --show open,closed --retries 1 --cooldown 0.5"
        ));
        assert_eq!((told.code, told.booked("unaccounted")), (Some(0), 0));
        assert_eq!(told.ports(), truth, "{engine}");
        assert_eq!(told.of("scan_started").next().unwrap()["interface"], "scan0,scan1");
    }
    // One interface asked for: what lies behind the other is told, not left out.
    let told = scanner.prtip("-p 22 198.18.100.1 198.18.102.1 -e scan0,lo --json");
    assert_eq!(told.code, Some(1));
    assert!(told.words.contains("the way there is scan1"), "{}", told.words);
}

#[test]
fn a_router_named_by_its_mac_needs_no_route() {
    let Some(_turn) = turn("ways: no route") else { return };
    let (scanner, street) = street();
    street.hosts[0].place.ip("addr add 198.18.55.5/32 dev lo");
    let scan = "-p 22,80,8080 198.18.55.5 --json --show open,closed --cooldown 0.5";
    let told = scanner.prtip(scan);
    assert_eq!(told.code, Some(1), "there is no route: {}", told.words);
    let mac = &street.hosts[0].mac;
    for engine in ["xdp", "packet"] {
        let told =
            scanner.prtip(&format!("{scan} --port-engine {engine} -e scan0 --router-mac {mac}"));
        assert_eq!((told.code, told.booked("unaccounted")), (Some(0), 0));
        let states: Vec<String> = told.ports().into_iter().map(|(_, _, state)| state).collect();
        assert_eq!(states, ["open", "open", "closed"], "{engine}");
    }
    // The control: another machine's address leads nowhere.
    let told = scanner.prtip(&format!("{scan} -e scan0 --router-mac 02:00:00:00:99:99"));
    assert_eq!(told.ports().len(), 0);
}

#[test]
fn an_interface_without_ethernet_is_scanned_beside_one_with_it() {
    let Some(_turn) = turn("ways: tun") else { return };
    let (scanner, street) = street();
    let far = Place::new();
    let _tube = Tube::between(&scanner, &far);
    scanner.ip("addr add 198.18.60.1/24 dev tun0\nlink set tun0 up");
    scanner.ip("addr add 2001:2:0:60::1/64 dev tun0 nodad");
    far.ip("addr add 198.18.60.2/24 dev tun0\nlink set tun0 up");
    far.ip("addr add 2001:2:0:60::2/64 dev tun0 nodad");
    let _listeners = far.listen(&[80]);
    let mut truth = BTreeSet::new();
    for addr in ["198.18.60.2", "2001:2:0:60::2"] {
        for port in PORTS {
            let state = if far.listening().contains(&port) { "open" } else { "closed" };
            truth.insert((addr.parse::<IpAddr>().unwrap(), port, state.to_owned()));
        }
    }
    let scan = "-p 22,80,8080 198.18.60.2 2001:2:0:60::2 --json --show open,closed --cooldown 0.5";
    let told = scanner.prtip(scan);
    assert_eq!((told.code, told.booked("unaccounted")), (Some(0), 0));
    assert_eq!(told.ports(), truth);
    assert_eq!(told.of("scan_started").next().unwrap()["port_engine"], "raw");

    let told = scanner.prtip(&format!("{scan} 198.18.0.8/29 --rate 5000"));
    assert_eq!((told.code, told.booked("unaccounted")), (Some(0), 0));
    truth.extend(street.truth(&PORTS, false).into_iter().filter(|(addr, ..)| {
        let last = addr.to_string().rsplit('.').next().unwrap().to_owned();
        ["10", "11"].contains(&last.as_str())
    }));
    assert_eq!(told.ports(), truth);

    let told = scanner.prtip(&format!("{scan} --port-engine xdp"));
    assert_eq!(told.code, Some(2));
    assert!(told.words.contains("no Ethernet header"), "{}", told.words);
}

#[test]
fn a_bridge_is_an_interface_like_others() {
    let Some(_turn) = turn("ways: bridge") else { return };
    let scanner = Place::new();
    let mut street = Street::new(&scanner, 0);
    street.host(10, &[80]);
    // The scanner's own bridge in front of its port, with the addresses.
    scanner.ip("link add bridge0 type bridge
         addr flush dev scan0
         link set scan0 master bridge0
         link set bridge0 up
         addr add 198.18.0.1/24 dev bridge0
         addr add 2001:2::1/64 dev bridge0 nodad");
    street.settle(&scanner);
    for (engine, mode) in [("xdp", "generic"), ("packet", "")] {
        let told = scanner.prtip(&format!(
            "-p 22,80,8080 198.18.0.10 2001:2::a --port-engine {engine} --json \
             --show open,closed --cooldown 0.5"
        ));
        assert_eq!((told.code, told.booked("unaccounted")), (Some(0), 0));
        let mut truth = street.truth(&PORTS, false);
        truth.extend(street.truth(&PORTS, true));
        assert_eq!(told.ports(), truth, "{engine}");
        let started = told.of("scan_started").next().unwrap();
        assert_eq!(started["interface"], "bridge0");
        assert_eq!(started["xdp_mode"].as_str().unwrap_or_default(), mode);
    }
}

#[test]
fn several_source_addresses_share_the_targets() {
    let Some(_turn) = turn("ways: sources") else { return };
    let (scanner, street) = street();
    scanner.ip("addr add 198.18.0.3/24 dev scan0\naddr add 198.18.0.4/24 dev scan0");
    let host = &street.hosts[0].place;
    let mut truth = BTreeSet::new();
    for last in 0..32 {
        let addr = format!("198.18.100.{last}");
        host.ip(&format!("addr add {addr}/32 dev lo"));
        for port in PORTS {
            let state = if host.listening().contains(&port) { "open" } else { "closed" };
            truth.insert((addr.parse::<IpAddr>().unwrap(), port, state.to_owned()));
        }
    }
    scanner.ip("route add 198.18.100.0/24 via 198.18.0.10");
    let scan = "-p 22,80,8080 198.18.100.0/27 --json --show open,closed --cooldown 0.5 \
                --source-ip 198.18.0.1 --source-ip 198.18.0.3";
    for engine in ["xdp", "packet"] {
        let told = scanner.prtip(&format!("{scan} --source-ip 198.18.0.4 --port-engine {engine}"));
        assert_eq!((told.code, told.booked("unaccounted")), (Some(0), 0));
        assert_eq!(told.ports(), truth, "{engine}");
    }
    // The control: what leaves from an address that nobody has gets no answer.
    let told = scanner.prtip(&format!("{scan} --source-ip 198.18.0.5"));
    let found = told.ports();
    assert!(found.is_subset(&truth));
    let hosts: BTreeSet<IpAddr> = found.iter().map(|(addr, ..)| *addr).collect();
    assert!((8..32).contains(&hosts.len()), "{} hosts of 32", hosts.len());
}
