//! A network namespace without a name, for programs that must be attached somewhere
//! where they meet no packet: its loopback interface is down, nobody sees it, and it is
//! gone when its file is closed, however the process ends.

use std::fs::File;
use std::io;

/// The loopback interface, in every network namespace.
#[cfg(feature = "steer")]
pub(crate) const LOOPBACK: u32 = 1;

/// Runs `work` in a new network namespace, on a thread of its own, and returns what it
/// returns with the file that keeps the namespace.
#[expect(unsafe_code, reason = "libc's unshare")]
pub(crate) fn in_new_namespace<T: Send, E: From<io::Error> + Send>(
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<(T, File), E> {
    let run = || {
        // SAFETY: takes an integer only; this thread does nothing else afterwards.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return Err(io::Error::last_os_error().into());
        }
        let namespace = File::open("/proc/thread-self/ns/net")?;
        Ok((work()?, namespace))
    };
    std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_| Err(io::Error::other("the thread panicked").into()))
}
