//! Probes of a real plan, answered by the kernel at the far end.

use std::collections::BTreeSet;
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use prtip_bpf::abi::Key;
use prtip_engine::plan::origin::Way;
use prtip_engine::plan::probe::{ProbeConfig, Prober};
use prtip_engine::plan::{PlanBuilder, PortSet};
use prtip_engine::port::xsk::{Request, open};
use prtip_engine::port::{Port, SEND_BATCH};
use prtip_engine::scan::SynOptions;
use prtip_engine::wire::Link;
use prtip_engine::wire::reply::{Kind, Reply, parse};

use super::lab::*;

const PORTS: u16 = 2000;

#[test]
fn a_scan_of_a_kernel_finds_exactly_its_listeners() {
    in_lab(|lab| {
        lab.enter_far();
        let listeners: Vec<TcpListener> =
            [1, 80, 443, 1024, PORTS].map(|port| TcpListener::bind((FAR_V4, port)).unwrap()).into();
        let listening: BTreeSet<u16> =
            listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();

        let plan = PlanBuilder::default()
            .address(IpAddr::V4(FAR_V4), true)
            .ports(PortSet::new(1..=PORTS))
            .seed(7)
            .build()
            .unwrap();
        let config = ProbeConfig {
            key: Key { k0: 31, k1: 32 },
            source_ports: FIRST_PORT..=u16::MAX,
            attempts: 1,
            syn: SynOptions::Mss,
            ways: vec![Way::new(
                Link::Ethernet { source: NEAR_MAC, destination: FAR_MAC, vlan: None },
                Some(NEAR_V4),
                None,
            )],
            way_of: None,
            contact: None,
        };
        let prober = Prober::new(Arc::new(plan), &config).unwrap();
        lab.enter_near();
        let steer = prober.steer_config();
        let mut opened = open(&Request { workers: 1, ..request("near0", &steer) }).unwrap();
        let port = &mut opened.ports[0];

        let indices: Vec<u64> = (0..u64::from(PORTS)).collect();
        let (mut sent, mut open_ports, mut closed_ports) = (0, BTreeSet::new(), BTreeSet::new());
        let mut rsts = 0;
        let deadline = Instant::now() + Duration::from_secs(10);
        while open_ports.len() + closed_ports.len() < usize::from(PORTS) {
            assert!(
                Instant::now() < deadline,
                "{} open, {} closed",
                open_ports.len(),
                closed_ports.len()
            );
            let batch = &indices[sent..indices.len().min(sent + SEND_BATCH)];
            if batch.is_empty() {
                port.wait(Duration::from_millis(10));
            } else {
                sent += port.send(&prober, batch, 0).unwrap();
            }
            let mut resets: Vec<Reply> = Vec::new();
            port.receive(256, &mut |frame, _| {
                let reply = parse(frame, true).expect("only replies are steered");
                let answered = prober.validate(&reply, frame).expect("with the right cookie");
                match reply.kind {
                    Kind::SynAck { .. } => {
                        open_ports.insert(answered.target.port);
                        resets.push(reply);
                    }
                    Kind::Rst { .. } => {
                        assert!(closed_ports.insert(answered.target.port), "answered once");
                    }
                    other => panic!("nobody sends {other:?} here"),
                }
            });
            for reply in &resets {
                assert!(port.queue_control(&mut |frame| prober.craft_rst(reply, frame)));
                rsts += 1;
            }
            port.kick().unwrap();
        }
        port.quiesce();
        while port.receive(256, &mut |_, _| {}) > 0 {}
        assert_eq!(open_ports, listening);

        let counters = port.counters();
        assert_eq!(counters.submitted, u64::from(PORTS));
        assert_eq!(counters.submitted, counters.completed + counters.tx_failed);
        assert_eq!((counters.controls, counters.ring_drops), (rsts, 0));
        // A RST ends each half-open connection before the kernel repeats its SYN-ACK.
        assert_eq!(counters.rx_steered, u64::from(PORTS));
        assert_eq!(rsts, listening.len() as u64);
    });
}
