//! Route lookups in namespaces with known routes.

use std::net::IpAddr;
use std::time::Duration;

use prtip_engine::error::Kind;
use prtip_engine::route::{Interface, LinkKind, Overrides, Reach, look_up, neighbour, resolve};

use crate::namespace::{Namespace, Pair};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn on(interface: &str) -> Overrides {
    Overrides { interface: Some(interface.to_owned()), ..Overrides::default() }
}

#[test]
fn a_gateway_is_found_with_its_source_address_and_mac() {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("route add default via 198.18.0.2");
    pair.near.ip("route add default via 2001:2::2");
    pair.near.enter(|| {
        let path = resolve([ip("198.19.7.7"), ip("2001:2:0:5::9")], &Overrides::default()).unwrap();
        assert_eq!(path.interface.name, "scan0");
        assert_eq!(path.interface.kind, LinkKind::Ethernet);
        assert_eq!(path.interface.mac, Some([2, 0, 0, 0, 0, 1]));
        assert_eq!(path.sources_v4, ["198.18.0.1".parse::<std::net::Ipv4Addr>().unwrap()]);
        assert_eq!(path.sources_v6, ["2001:2::1".parse::<std::net::Ipv6Addr>().unwrap()]);
        assert_eq!(path.gateways(), [ip("198.18.0.2"), ip("2001:2::2")]);
        assert!(!path.any_on_link() && !path.is_local() && !path.needs_neighbours());
        assert_eq!(path.mtu, 1500);
        for v6 in [false, true] {
            assert_eq!(path.next_hop_mac(v6, neighbour::TIMEOUT).unwrap(), [2, 0, 0, 0, 0, 2]);
            // Now from the table.
            assert_eq!(path.next_hop_mac(v6, Duration::ZERO).unwrap(), [2, 0, 0, 0, 0, 2]);
        }
    });
}

#[test]
fn a_gateway_that_does_not_answer_is_reported_in_time_with_the_remedy() {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("route add default via 198.18.0.77");
    pair.near.enter(|| {
        let path = resolve([ip("198.19.7.7")], &Overrides::default()).unwrap();
        let error = path.next_hop_mac(false, Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.to_string().contains("--router-mac"), "{error}");
        assert!(error.to_string().contains("198.18.0.77"), "{error}");

        let mac = [2, 0, 0, 0, 0, 9];
        let given = Overrides { router_mac: Some(mac), ..Overrides::default() };
        let path = resolve([ip("198.19.7.7")], &given).unwrap();
        assert_eq!(path.next_hop_mac(false, Duration::ZERO).unwrap(), mac);
    });
}

#[test]
fn on_link_targets_and_own_addresses_are_told_apart() {
    let Some(pair) = Pair::new() else { return };
    pair.near.enter(|| {
        let path = resolve([ip("198.18.0.0"), ip("198.18.0.9")], &Overrides::default()).unwrap();
        assert!(path.all_on_link() && path.needs_neighbours());
        assert_eq!(path.sources_v4, ["198.18.0.1".parse::<std::net::Ipv4Addr>().unwrap()]);
        assert!(path.next_hop_mac(false, Duration::ZERO).is_err());

        for (target, source) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.9.8.7", "127.0.0.1"),
            ("::1", "::1"),
            ("198.18.0.1", "198.18.0.1"),
            ("2001:2::1", "2001:2::1"),
        ] {
            let path = resolve([ip(target)], &Overrides::default()).unwrap();
            assert_eq!(path.interface.kind, LinkKind::Loopback, "{target}");
            assert!(path.is_local(), "{target}");
            let ours = path.sources_v4.first().copied().map(IpAddr::from).or(path
                .sources_v6
                .first()
                .copied()
                .map(IpAddr::from));
            assert_eq!(ours, Some(ip(source)), "{target}");
            assert!(resolve([ip(target)], &on("lo")).unwrap().is_local(), "{target} -e lo");
        }
        let error = resolve([ip("198.18.0.1")], &on("scan0")).unwrap_err();
        assert!(error.to_string().contains("the way there is lo"), "{error}");
    });
}

#[test]
fn targets_behind_different_interfaces_are_refused_by_name() {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("link add other0 type veth peer name other1");
    pair.near.ip("addr add 198.18.9.1/24 dev other0");
    pair.near.ip("link set other0 up");
    pair.near.ip("link set other1 up");
    pair.near.enter(|| {
        let targets = [ip("198.18.0.2"), ip("198.18.9.2")];
        let error = resolve(targets, &Overrides::default()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("scan0") && text.contains("other0") && text.contains("-e"), "{text}");
        assert_eq!(error.kind, Kind::Failed);
    });
}

#[test]
fn what_cannot_work_is_said_with_kind_and_remedy() {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("link add down0 type veth peer name down1");
    pair.near.enter(|| {
        let target = [ip("203.0.113.5")];
        let error = resolve(target, &Overrides::default()).unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.to_string().contains("203.0.113.5"), "{error}");

        let error = resolve(target, &on("nosuch0")).unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
        assert!(error.to_string().contains("scan0"), "lists those there are: {error}");

        let error = resolve(target, &on("down0")).unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.to_string().contains("ip link set down0 up"), "{error}");

        // With interface and router given, neither route nor gateway is needed.
        let given = Overrides { router_mac: Some([2, 0, 0, 0, 0, 2]), ..on("scan0") };
        let path = resolve(target, &given).unwrap();
        assert_eq!(path.sources_v4, ["198.18.0.1".parse::<std::net::Ipv4Addr>().unwrap()]);
        let path = resolve([ip("2001:2:0:77::1")], &given).unwrap();
        assert_eq!(path.sources_v6, ["2001:2::1".parse::<std::net::Ipv6Addr>().unwrap()]);
        assert_eq!(resolve([], &given).unwrap_err().kind, Kind::Usage);
    });
    pair.far.ip("link set far0 down");
    pair.near.enter(|| {
        let error = resolve([ip("198.18.0.2")], &on("scan0")).unwrap_err();
        assert!(error.to_string().contains("carrier"), "{error}");
    });
    pair.near.ip("route add unreachable 198.18.200.0/24");
    pair.near.ip("route add unreachable 2001:2:0:200::/64");
    pair.near.enter(|| {
        for target in ["198.18.200.1", "2001:2:0:200::1"] {
            assert_eq!(look_up(ip(target), None).unwrap_err().kind, Kind::Failed, "{target}");
        }
    });
}

#[test]
fn a_route_says_its_own_mtu_and_gateway_of_the_other_family() {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("route add 198.18.50.0/24 via 198.18.0.2 mtu 1280");
    pair.near.ip("route add 198.18.51.0/24 via inet6 2001:2::2 dev scan0");
    pair.near.enter(|| {
        let path = resolve([ip("198.18.50.1")], &Overrides::default()).unwrap();
        assert_eq!(path.mtu, 1280);
        let route = look_up(ip("198.18.51.1"), None).unwrap();
        assert_eq!(route.reach, Reach::Gateway(ip("2001:2::2")));
    });
}

#[test]
fn an_interface_tells_its_queues_driver_addresses_and_statistics() {
    let Some(namespace) = Namespace::new() else { return };
    namespace.ip("link add q0 numrxqueues 4 numtxqueues 4 type veth peer name q1");
    namespace.ip("addr add 198.18.3.1/24 dev q0");
    namespace.ip("link set q0 up");
    namespace.ip("link set q1 up");
    namespace.enter(|| {
        let interface = Interface::by_name("q0").unwrap();
        assert!(interface.up && interface.carrier);
        assert_eq!(interface.driver.as_deref(), Some("veth"));
        // veth starts with one queue in use however many there can be on old kernels,
        // with all of them on others.
        assert!([1, 4].contains(&interface.rx_queues), "{}", interface.rx_queues);
        assert_eq!(interface.source(false), Some(ip("198.18.3.1")));
        assert_eq!(interface.xdp, None);
        assert_eq!(Interface::by_index(interface.index).unwrap(), interface);

        let lo = Interface::loopback().unwrap();
        let before = lo.statistics().unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        let after = lo.statistics().unwrap();
        assert_eq!(after.tx_packets, before.tx_packets + 1);
        assert_eq!(after.rx_lost_since(&before), 0);
    });
}
