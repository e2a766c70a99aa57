//! Route lookups in namespaces with known routes.

use std::net::IpAddr;
use std::time::Duration;

use prtip_engine::error::{Kind, Result};
use prtip_engine::plan::IpRange;
use prtip_engine::route::{
    Interface, LinkKind, Overrides, Path, Reach, Routes, look_up, neighbour, resolve,
};

use crate::namespace::{Namespace, Pair};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn on(interface: &str) -> Overrides {
    Overrides { interfaces: vec![interface.to_owned()], ..Overrides::default() }
}

fn prefix(text: &str) -> IpRange {
    let (addr, length) = text.split_once('/').unwrap();
    IpRange::prefix(ip(addr), length.parse().unwrap()).unwrap()
}

/// The ways to single addresses.
fn ways(targets: &[&str], overrides: &Overrides) -> Result<Routes> {
    resolve(targets.iter().map(|target| IpRange::single(ip(target))), overrides)
}

/// The only way to them.
fn way(targets: &[&str], overrides: &Overrides) -> Path {
    let mut routes = ways(targets, overrides).unwrap();
    assert_eq!(routes.paths.len(), 1);
    routes.paths.remove(0)
}

#[test]
fn a_gateway_is_found_with_its_source_address_and_mac() {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("route add default via 198.18.0.2");
    pair.near.ip("route add default via 2001:2::2");
    pair.near.enter(|| {
        let path = way(&["198.19.7.7", "2001:2:0:5::9"], &Overrides::default());
        assert_eq!(path.interface.name, "scan0");
        assert_eq!(path.interface.kind, LinkKind::Ethernet);
        assert_eq!(path.interface.mac, Some([2, 0, 0, 0, 0, 1]));
        assert_eq!(path.sources_v4, ["198.18.0.1".parse::<std::net::Ipv4Addr>().unwrap()]);
        assert_eq!(path.sources_v6, ["2001:2::1".parse::<std::net::Ipv6Addr>().unwrap()]);
        assert_eq!(path.gateways(), [ip("198.18.0.2"), ip("2001:2::2")]);
        assert!(!path.any_on_link() && !path.is_local() && !path.needs_neighbours());
        assert_eq!(path.mtu, 1500);
        for gateway in path.gateways() {
            let reach = Reach::Gateway(gateway);
            let mac = Some([2, 0, 0, 0, 0, 2]);
            assert_eq!(path.next_hop_mac(reach, neighbour::TIMEOUT).unwrap(), mac);
            // Now from the table.
            assert_eq!(path.next_hop_mac(reach, Duration::ZERO).unwrap(), mac);
        }
    });
}

#[test]
fn a_gateway_that_does_not_answer_is_reported_in_time_with_the_remedy() {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("route add default via 198.18.0.77");
    pair.near.enter(|| {
        let path = way(&["198.19.7.7"], &Overrides::default());
        let reach = Reach::Gateway(ip("198.18.0.77"));
        let error = path.next_hop_mac(reach, Duration::from_millis(100)).unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.to_string().contains("--router-mac"), "{error}");
        assert!(error.to_string().contains("198.18.0.77"), "{error}");

        let mac = [2, 0, 0, 0, 0, 9];
        let given = Overrides { router_mac: Some(mac), ..Overrides::default() };
        let path = way(&["198.19.7.7"], &given);
        assert_eq!(path.next_hop_mac(reach, Duration::ZERO).unwrap(), Some(mac));
    });
}

#[test]
fn on_link_targets_and_own_addresses_are_told_apart() {
    let Some(pair) = Pair::new() else { return };
    pair.near.enter(|| {
        let path = way(&["198.18.0.0", "198.18.0.9"], &Overrides::default());
        assert!(path.any_on_link() && path.gateways().is_empty() && path.needs_neighbours());
        assert_eq!(path.sources_v4, ["198.18.0.1".parse::<std::net::Ipv4Addr>().unwrap()]);
        assert_eq!(path.next_hop_mac(Reach::OnLink, Duration::ZERO).unwrap(), None);

        for (target, source) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.9.8.7", "127.0.0.1"),
            ("::1", "::1"),
            ("198.18.0.1", "198.18.0.1"),
            ("2001:2::1", "2001:2::1"),
        ] {
            let path = way(&[target], &Overrides::default());
            assert_eq!(path.interface.kind, LinkKind::Loopback, "{target}");
            assert!(path.is_local(), "{target}");
            let ours = path.sources_v4.first().copied().map(IpAddr::from).or(path
                .sources_v6
                .first()
                .copied()
                .map(IpAddr::from));
            assert_eq!(ours, Some(ip(source)), "{target}");
            assert!(way(&[target], &on("lo")).is_local(), "{target} -e lo");
        }
        let error = ways(&["198.18.0.1"], &on("scan0")).unwrap_err();
        assert!(error.to_string().contains("the way there is lo"), "{error}");
    });
}

/// Two interfaces with networks of their own, and a default route over the first.
fn forked() -> Option<Pair> {
    let pair = Pair::new()?;
    pair.near.ip("link add other0 type veth peer name other1");
    pair.near.ip("addr add 198.18.9.1/24 dev other0");
    pair.near.ip("link set other0 up");
    pair.near.ip("link set other1 up");
    pair.near.ip("route add default via 198.18.0.2");
    Some(pair)
}

#[test]
fn a_prefix_is_cut_where_its_routes_differ() {
    let Some(pair) = forked() else { return };
    pair.near.ip("route add 198.18.64.0/18 via 198.18.9.7 dev other0");
    pair.near.ip("rule add to 198.18.80.0/24 table 77");
    pair.near.ip("route add default via 198.18.0.9 dev scan0 table 77");
    pair.near.enter(|| {
        let routes = resolve([prefix("198.18.0.0/16")], &Overrides::default()).unwrap();
        let names: Vec<&str> = routes.paths.iter().map(|p| p.interface.name.as_str()).collect();
        assert_eq!(names, ["scan0", "other0", "lo"], "the host's own addresses come last");
        let leg = |target: &str| {
            let leg = routes.legs[routes.spans.of(ip(target))];
            (names[leg.path], leg.reach)
        };
        let gateway = |addr| Reach::Gateway(ip(addr));
        for (target, expected) in [
            ("198.18.0.0", ("scan0", Reach::OnLink)),
            ("198.18.0.1", ("lo", Reach::Local)),
            ("198.18.0.2", ("scan0", Reach::OnLink)),
            ("198.18.1.0", ("scan0", gateway("198.18.0.2"))),
            ("198.18.8.255", ("scan0", gateway("198.18.0.2"))),
            ("198.18.9.1", ("lo", Reach::Local)),
            ("198.18.9.2", ("other0", Reach::OnLink)),
            ("198.18.64.0", ("other0", gateway("198.18.9.7"))),
            ("198.18.79.255", ("other0", gateway("198.18.9.7"))),
            ("198.18.80.0", ("scan0", gateway("198.18.0.9"))),
            ("198.18.80.255", ("scan0", gateway("198.18.0.9"))),
            ("198.18.81.0", ("other0", gateway("198.18.9.7"))),
            ("198.18.128.0", ("scan0", gateway("198.18.0.2"))),
        ] {
            assert_eq!(leg(target), expected, "{target}");
            // The control: what the kernel says of this one address.
            let alone = look_up(ip(target), None).unwrap();
            assert_eq!(alone.reach, expected.1, "{target}");
        }
        // Of a few thousand, every one has the kernel's own answer.
        for step in 0..2048u32 {
            let target = IpAddr::V4((0xc612_0000 + step * 32 + 1).into());
            let leg = routes.legs[routes.spans.of(target)];
            assert_eq!(leg.reach, look_up(target, None).unwrap().reach, "{target}");
        }
    });
}

#[test]
fn interfaces_asked_for_are_kept_to() {
    let Some(pair) = forked() else { return };
    pair.near.enter(|| {
        let targets = ["198.18.0.2", "198.18.9.2"];
        let both = ways(&targets, &Overrides::default()).unwrap();
        assert_eq!(both.paths.len(), 2);
        assert_eq!(both.paths[1].sources_v4, ["198.18.9.1".parse::<std::net::Ipv4Addr>().unwrap()]);
        let two =
            Overrides { interfaces: vec!["scan0".into(), "other0".into()], ..Overrides::default() };
        assert_eq!(ways(&targets, &two).unwrap().paths.len(), 2);
        // What leaves elsewhere is told.
        let error = ways(&["127.0.0.1"], &two).unwrap_err().to_string();
        assert!(error.contains("the way there is lo"), "{error}");
        let error = ways(&["127.0.0.1", "198.18.9.2"], &on("lo")).unwrap_err().to_string();
        assert!(error.contains("the way there is other0"), "{error}");
        // An address of an interface's own is used there alone.
        let mut given = two;
        given.source_ips = vec![ip("198.18.9.1")];
        let routes = ways(&targets, &given).unwrap();
        assert_eq!(
            routes.paths[0].sources_v4,
            ["198.18.0.1".parse::<std::net::Ipv4Addr>().unwrap()]
        );
        assert_eq!(
            routes.paths[1].sources_v4,
            ["198.18.9.1".parse::<std::net::Ipv4Addr>().unwrap()]
        );
    });
}

#[test]
fn what_cannot_work_is_said_with_kind_and_remedy() {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip("link add down0 type veth peer name down1");
    pair.near.enter(|| {
        let target = ["203.0.113.5"];
        let error = ways(&target, &Overrides::default()).unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.to_string().contains("203.0.113.5"), "{error}");

        let error = ways(&target, &on("nosuch0")).unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
        assert!(error.to_string().contains("scan0"), "lists those there are: {error}");

        let error = ways(&target, &on("down0")).unwrap_err();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.to_string().contains("ip link set down0 up"), "{error}");

        // With interface and router given, neither route nor gateway is needed.
        let given = Overrides { router_mac: Some([2, 0, 0, 0, 0, 2]), ..on("scan0") };
        let path = way(&target, &given);
        assert_eq!(path.sources_v4, ["198.18.0.1".parse::<std::net::Ipv4Addr>().unwrap()]);
        let path = way(&["2001:2:0:77::1"], &given);
        assert_eq!(path.sources_v6, ["2001:2::1".parse::<std::net::Ipv6Addr>().unwrap()]);
        assert_eq!(resolve([], &given).unwrap_err().kind, Kind::Usage);
    });
    pair.far.ip("link set far0 down");
    pair.near.enter(|| {
        let error = ways(&["198.18.0.2"], &on("scan0")).unwrap_err();
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
        let path = way(&["198.18.50.1"], &Overrides::default());
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
