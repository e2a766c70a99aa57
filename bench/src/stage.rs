//! Where the benchmarks play: the lab's namespaces and link, without its keeper.
//!
//! A benchmark runs in this one process, so nothing has to be collected: the
//! namespaces and the link vanish with the process, however it ends. The thread
//! that makes the stage stays in the far namespace; what sends runs in threads of
//! [`Stage::in_scan`]. What is attached at the far end is the benchmark's affair.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context, Result, anyhow};

use crate::lab::Privileges;
use crate::lab::network::{Link, Namespaces, Side};

/// The two namespaces with their link up.
#[derive(Debug)]
pub struct Stage {
    namespaces: Namespaces,
}

impl Stage {
    /// Makes them; both ends of the link have `queues` queues. Leaves this thread
    /// in the far namespace.
    ///
    /// # Errors
    /// Without privileges, or when the link cannot be made.
    pub fn new(queues: u32) -> Result<Self> {
        if !rustix::process::geteuid().is_root() {
            return Err(Privileges("the benchmark").into());
        }
        let namespaces = Namespaces::new()?;
        let (told, tid) = channel();
        let (release, wait) = channel::<()>();
        let spaces = &namespaces;
        thread::scope(|scope| {
            // Dropped on every way out of this scope, which lets the anchor go.
            let _release = release;
            scope.spawn(move || anchor(spaces, told, wait));
            let tid = tid.recv().context("no thread in the scanner's namespace")?;
            spaces.connect(tid, &Link::Veth { queues, mtu: 1500 }, &[])
        })?;
        Ok(Self { namespaces })
    }

    /// Runs `work` in a thread of the scanner's namespace.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn in_scan<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let run = || {
            self.namespaces.enter(Side::Scan)?;
            work()
        };
        thread::scope(|scope| scope.spawn(run).join())
            .map_err(|_| anyhow!("a measuring thread panicked"))?
    }
}

/// Gives `ip` a thread to find the scanner's namespace by, while the link is made.
fn anchor(namespaces: &Namespaces, told: Sender<i32>, wait: Receiver<()>) {
    // Where it fails, `told` is dropped unused, and the maker of the stage says so.
    if namespaces.enter(Side::Scan).is_ok() {
        let tid = rustix::thread::gettid().as_raw_nonzero().get();
        if told.send(tid).is_ok() {
            let _ = wait.recv();
        }
    }
}
