//! A link without Ethernet: a tun interface in each of two namespaces, and a thread
//! that carries packets from one to the other.

#![expect(unsafe_code, reason = "TUNSETIFF has no safe wrapper")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::town::Place;

/// The link; both interfaces, called `tun0`, go when it is dropped.
pub(crate) struct Tube {
    over: Arc<AtomicBool>,
    carrier: Option<JoinHandle<()>>,
}

impl Tube {
    pub(crate) fn between(here: &Place, there: &Place) -> Self {
        let ends = [here.enter(open), there.enter(open)];
        let over = Arc::new(AtomicBool::new(false));
        let carrier = std::thread::spawn({
            let over = Arc::clone(&over);
            move || carry(&ends, &over)
        });
        Self { over, carrier: Some(carrier) }
    }
}

impl Drop for Tube {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(carrier) = self.carrier.take() {
            let _ = carrier.join();
        }
    }
}

/// A new interface in this thread's namespace.
fn open() -> File {
    let file = File::options().read(true).write(true).open("/dev/net/tun").unwrap();
    // struct ifreq: 16 bytes of name, then the flags; 40 bytes in all.
    let mut request = [0u8; 40];
    request[..4].copy_from_slice(b"tun0");
    let flags = (libc::IFF_TUN | libc::IFF_NO_PI) as u16;
    request[16..18].copy_from_slice(&flags.to_ne_bytes());
    // SAFETY: TUNSETIFF reads and writes one ifreq, 40 bytes on 64-bit machines, which
    // `request` is and which lives through the call; the descriptor is open.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    file
}

fn carry(ends: &[File; 2], over: &AtomicBool) {
    let mut packet = [0; 2048];
    let patience = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    while !over.load(Ordering::Relaxed) {
        let mut fds = [0, 1].map(|end: usize| PollFd::new(&ends[end], PollFlags::IN));
        if poll(&mut fds, Some(&patience)).is_err() {
            continue;
        }
        let ready = fds.map(|fd| fd.revents().contains(PollFlags::IN));
        for from in [0, 1] {
            if ready[from]
                && let Ok(len) = (&ends[from]).read(&mut packet)
            {
                // An interface that is down takes nothing.
                let _ = (&ends[1 - from]).write(&packet[..len]);
            }
        }
    }
}
