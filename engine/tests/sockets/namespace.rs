//! Network namespaces for tests. They have no name: each lives as long as the
//! value that holds it, and the kernel takes it and its links down afterwards,
//! also after a panic or SIGKILL.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Command, Stdio};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// A private network namespace with `lo` up.
pub(crate) struct Namespace(File);

impl Namespace {
    /// `None` where namespaces cannot be made: the test says SKIPPED, and fails on CI.
    pub(crate) fn new() -> Option<Self> {
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo ready; read wait"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("unshare is part of util-linux");
        let mut ready = [0; 6];
        let made = child.stdout.as_mut().unwrap().read_exact(&mut ready).is_ok();
        let namespace = made.then(|| {
            Self(File::open(format!("/proc/{}/ns/net", child.id())).expect("the child lives"))
        });
        drop(child.stdin.take());
        child.wait().unwrap();
        if namespace.is_none() {
            assert!(
                std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                "network namespaces are required on CI"
            );
            eprintln!("SKIPPED: no network namespace can be made (not root?)");
        }
        let namespace = namespace?;
        namespace.ip("link set lo up");
        Some(namespace)
    }

    /// Runs `work` on a thread inside.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("the namespace is ours");
                work()
            });
            match inside.join() {
                Ok(value) => value,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Runs `ip` with these words inside.
    pub(crate) fn ip(&self, words: &str) {
        self.enter(|| {
            let output =
                Command::new("ip").args(words.split_whitespace()).output().expect("iproute2");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "ip {words}: {said}");
        });
    }

    /// How `ip` names it.
    pub(crate) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

/// Two namespaces joined by a veth pair.
///
/// ```text
///  near: scan0 198.18.0.1/24, 2001:2::1/64 ---- far0 198.18.0.2/24, 2001:2::2/64 :far
/// ```
pub(crate) struct Pair {
    pub(crate) near: Namespace,
    pub(crate) far: Namespace,
}

impl Pair {
    pub(crate) fn new() -> Option<Self> {
        let (near, far) = (Namespace::new()?, Namespace::new()?);
        near.ip(&format!(
            "link add scan0 address 02:00:00:00:00:01 type veth \
             peer name far0 address 02:00:00:00:00:02 netns {}",
            far.path()
        ));
        near.ip("addr add 198.18.0.1/24 dev scan0");
        near.ip("addr add 2001:2::1/64 dev scan0 nodad");
        near.ip("link set scan0 up");
        far.ip("addr add 198.18.0.2/24 dev far0");
        far.ip("addr add 2001:2::2/64 dev far0 nodad");
        far.ip("link set far0 up");
        Some(Self { near, far })
    }
}
