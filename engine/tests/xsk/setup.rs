//! Opening: which mode, what is said when it cannot be, and what is left behind.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use prtip_engine::error::Kind;
use prtip_engine::port::SEND_BATCH;
use prtip_engine::port::xsk::{Request, open};
use prtip_engine::scan::XdpMode;

use super::lab::*;

#[test]
fn auto_says_which_mode_it_got_and_why() {
    in_lab(|lab| {
        let near = lab.open_near(XdpMode::Auto, 8).unwrap();
        assert_eq!(near.mode, "copy");
        assert!(near.why.contains("veth") && near.why.contains("zero-copy"), "{}", near.why);
        assert_eq!(near.ports.len() as u32, QUEUES, "no more ports than queues");
        let queues: Vec<u32> = near.ports.iter().flat_map(|port| port.queues()).collect();
        assert_eq!(queues, [0, 1]);
        assert_eq!(lab.near_programs(), 1);
        drop(near);
        assert_eq!(lab.near_programs(), 0);

        let near = lab.open_near(XdpMode::Generic, 1).unwrap();
        assert_eq!(near.mode, "generic");
        assert!(lab.near_ip("link show dev near0").contains("xdpgeneric"));
    });
}

#[test]
fn zerocopy_on_veth_is_denied_with_a_remedy() {
    in_lab(|lab| {
        let config = near_config();
        lab.enter_near();
        for (mode, require_zerocopy) in
            [(XdpMode::Zerocopy, false), (XdpMode::Zerocopy, true), (XdpMode::Auto, true)]
        {
            let request = Request { mode, require_zerocopy, ..request("near0", &config) };
            let error = open(&request).err().unwrap();
            assert_eq!(error.kind, Kind::Denied, "{error}");
            assert!(error.remedy.contains("--require-zerocopy"), "{error}");
            assert!(error.cause.contains("veth"), "{error}");
            assert_eq!(lab.near_programs(), 0, "nothing is left behind");
        }
    });
}

#[test]
fn a_held_interface_is_reported_with_the_holder() {
    in_lab(|lab| {
        let _first = lab.open_near(XdpMode::Auto, 1).unwrap();
        let error = lab.open_near(XdpMode::Auto, 1).err().unwrap();
        let text = error.to_string();
        assert_eq!(error.kind, Kind::Failed, "{text}");
        assert!(text.contains("prtip_steer"), "{text}");
        assert!(text.contains(&format!("process {} (", std::process::id())), "{text}");
        assert_eq!(lab.near_programs(), 1);
    });
}

#[test]
fn a_program_attached_by_netlink_is_reported_with_the_remedy_that_fits() {
    in_lab(|lab| {
        // Any object with an XDP section will do.
        let folder = tempfile::tempdir().unwrap();
        let (source, object) = (folder.path().join("pass.c"), folder.path().join("pass.o"));
        let program = "__attribute__((section(\"xdp\"), used)) \
                       int foreign(void *ctx) { return 2; }";
        std::fs::write(&source, program).unwrap();
        let built = Command::new("clang")
            .args(["-O2", "-target", "bpf", "-c"])
            .arg(&source)
            .arg("-o")
            .arg(&object)
            .status()
            .unwrap();
        assert!(built.success());
        lab.near_ip(&format!("link set near0 xdp obj {} sec xdp", object.display()));

        let error = lab.open_near(XdpMode::Auto, 1).err().unwrap();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.cause.contains("netlink"), "{error}");
        assert!(error.remedy.contains("ip link set near0 xdp off"), "{error}");
    });
}

#[test]
fn wrong_interfaces_and_queue_counts_are_told_apart() {
    in_lab(|lab| {
        let config = near_config();
        lab.enter_near();
        let kind_of = |request: &Request<'_>| open(request).err().map(|error| error.kind);
        assert_eq!(kind_of(&request("nowhere0", &config)), Some(Kind::Usage));
        for count in [0, QUEUES + 1] {
            let request = Request { queues: Some(count), ..request("near0", &config) };
            assert_eq!(kind_of(&request), Some(Kind::Usage), "{count}");
        }
        let one = open(&Request { queues: Some(1), ..request("near0", &config) }).unwrap();
        assert_eq!(one.queues, 1);
        assert!(one.why.contains("only 1 of 2"), "{}", one.why);
        drop(one);

        lab.near_ip("link set near0 down");
        assert_eq!(kind_of(&request("near0", &config)), Some(Kind::Failed));
    });
}

#[test]
fn an_interface_that_goes_down_stops_the_sender_with_an_error() {
    in_lab(|lab| {
        let mut near = lab.open_near(XdpMode::Auto, 1).unwrap();
        lab.near_ip("link set near0 down");
        let frame = frame_to_far(1);
        let error = near.ports[0]
            .submit_batch(SEND_BATCH, |_, buffer, _| {
                buffer[..frame.len()].copy_from_slice(&frame);
                frame.len()
            })
            .err()
            .unwrap();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.to_string().contains("ip link set near0 up"), "{error}");
    });
}

#[test]
fn a_large_mtu_is_taken_in_native_mode() {
    in_lab(|lab| {
        lab.near_ip("link set near0 mtu 9000");
        lab.far_ip("link set far0 mtu 9000");
        let near = lab.open_near(XdpMode::Auto, 1).unwrap();
        assert_eq!(near.mode, "copy", "{}", near.why);
    });
}

#[test]
fn a_port_can_be_opened_again_at_once() {
    in_lab(|lab| {
        for _ in 0..10 {
            let near = lab.open_near(XdpMode::Auto, 2).unwrap();
            assert_eq!(near.mode, "copy", "{}", near.why);
        }
        assert_eq!(lab.near_programs(), 0);
    });
}

#[test]
fn fewer_queues_than_the_peer_sends_on_leaves_generic_mode() {
    in_lab(|lab| {
        lab.remake_link(1, 2);
        let error = lab.open_near(XdpMode::Copy, 1).err().unwrap();
        assert_eq!(error.kind, Kind::Failed);
        assert!(error.cause.contains("transmit queues"), "{error}");
        assert_eq!(lab.near_programs(), 0);

        let near = lab.open_near(XdpMode::Auto, 1).unwrap();
        assert_eq!((near.mode, near.queues), ("generic", 1));
        assert!(near.why.contains("no native XDP"), "{}", near.why);
    });
}

#[test]
fn a_tcp_transfer_does_not_stall_while_programs_come_and_go() {
    in_lab(|lab| {
        lab.enter_near();
        let listener = TcpListener::bind((NEAR_V4, 8080)).unwrap();
        let done = AtomicBool::new(false);
        let (total, longest_gap) = std::thread::scope(|scope| {
            scope.spawn(|| {
                lab.enter_far();
                let mut stream = TcpStream::connect((NEAR_V4, 8080)).unwrap();
                while !done.load(Ordering::Relaxed) {
                    stream.write_all(&[7; 16 << 10]).unwrap();
                    std::thread::sleep(Duration::from_micros(200));
                }
            });
            let reader = scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut buffer = vec![0; 64 << 10];
                let (mut total, mut longest_gap) = (0, Duration::ZERO);
                let mut last = Instant::now();
                loop {
                    let count = stream.read(&mut buffer).unwrap();
                    longest_gap = longest_gap.max(last.elapsed());
                    last = Instant::now();
                    if count == 0 {
                        return (total, longest_gap);
                    }
                    total += count;
                }
            });
            let modes = [XdpMode::Copy, XdpMode::Generic].into_iter().cycle().take(6);
            let opened: Vec<_> = modes
                .map(|mode| {
                    let near = lab.open_near(mode, 1);
                    std::thread::sleep(Duration::from_millis(50));
                    near.map(drop)
                })
                .collect();
            // Before anything can fail: the threads end only so.
            done.store(true, Ordering::Relaxed);
            for near in opened {
                near.unwrap();
            }
            reader.join().unwrap()
        });
        assert!(total > 1 << 20, "{total} bytes");
        // A frame lost at the switch costs one retransmission timeout, 200 ms.
        assert!(longest_gap < Duration::from_secs(1), "{longest_gap:?}");
    });
}

/// The part of another process in two tests below.
#[test]
#[ignore = "run by other tests, in a process of its own"]
fn open_print_and_hold() {
    match open(&request("near0", &near_config())) {
        Ok(_opened) => std::thread::sleep(Duration::from_secs(60)),
        Err(error) => println!("{:?}: {error}", error.kind),
    }
}

const OPEN_PRINT_AND_HOLD: [&str; 4] =
    ["--exact", "setup::open_print_and_hold", "--ignored", "--nocapture"];

#[test]
fn a_killed_process_leaves_nothing_on_the_interface() {
    in_lab(|lab| {
        lab.enter_near();
        for _ in 0..3 {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(OPEN_PRINT_AND_HOLD)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let attached = until(|| lab.near_programs() == 1);
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(attached, "the child attached its program");
            assert!(until(|| lab.near_programs() == 0), "the kernel took it off");
            let near = lab.open_near(XdpMode::Auto, 1).unwrap();
            assert_eq!(near.mode, "copy", "{}", near.why);
        }
    });
}

#[test]
fn without_privileges_opening_is_denied_with_a_remedy() {
    in_lab(|lab| {
        lab.enter_near();
        let output = Command::new("setpriv")
            .args(["--bounding-set=-all", "--inh-caps=-all"])
            .arg(std::env::current_exe().unwrap())
            .args(OPEN_PRINT_AND_HOLD)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("Denied: "), "{text}");
        assert!(text.contains("remedy: run as root"), "{text}");
        let noise = String::from_utf8_lossy(&output.stderr);
        assert!(!noise.contains("libbpf"), "the loader's own messages are caught: {noise}");
    });
}

fn until(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}
