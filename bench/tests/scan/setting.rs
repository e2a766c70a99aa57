//! Whether a test may run here, how large, with which seed and which binaries.

use std::process::{Command, Stdio};
use std::sync::{Condvar, LazyLock, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

/// Tests that may run beside one another: they wait most of their time, so that more of them
/// than there are CPUs do not slow each other down much.
const BESIDE: usize = 6;

static TURN: RwLock<()> = RwLock::new(());
static LANES: Lanes = Lanes { free: Mutex::new(BESIDE), freed: Condvar::new() };
static SEED: LazyLock<u64> = LazyLock::new(|| match std::env::var("PRTIP_TEST_SEED") {
    Ok(text) => text.parse().expect("PRTIP_TEST_SEED is a number"),
    Err(_) => {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        now.as_micros() as u64 ^ u64::from(std::process::id()) << 40
    }
});

/// Held by a test that runs; says at its end how long that was, waiting for it aside.
pub(crate) struct Turn {
    test: String,
    since: Instant,
    turn: Kind,
}

impl Turn {
    fn new(test: &str, turn: Kind) -> Self {
        Self { test: test.to_owned(), since: Instant::now(), turn }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let how = match self.turn {
            Kind::Alone(_) => "alone",
            Kind::Beside(..) => "beside others",
        };
        println!("{}: {:.1} s {how}", self.test, self.since.elapsed().as_secs_f64());
    }
}

#[expect(dead_code, reason = "held for what their drop does")]
enum Kind {
    Alone(RwLockWriteGuard<'static, ()>),
    Beside(RwLockReadGuard<'static, ()>, Lane),
}

/// How many more tests may run beside one another.
struct Lanes {
    free: Mutex<usize>,
    freed: Condvar,
}

struct Lane;

impl Lanes {
    fn take(&self) -> Lane {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let none = |free: &mut usize| *free == 0;
        let mut free = self.freed.wait_while(free, none).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Lane
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        *LANES.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        LANES.freed.notify_one();
    }
}

/// Waits for the turn of a test that a few others may run beside. `None` where it cannot run,
/// which is said, and which fails where `CI` is set.
pub(crate) fn turn(test: &str) -> Option<Turn> {
    turn_with(test, &[])
}

/// The same for a test of how fast or how soon something is, which runs alone.
pub(crate) fn turn_alone(test: &str) -> Option<Turn> {
    may_run(test, &[]).then(|| {
        let alone = TURN.write().unwrap_or_else(PoisonError::into_inner);
        Turn::new(test, Kind::Alone(alone))
    })
}

/// The same as [`turn`] for a test that needs other people's programs.
pub(crate) fn turn_with(test: &str, programs: &[&str]) -> Option<Turn> {
    may_run(test, programs).then(|| {
        let lane = LANES.take();
        // A test that failed has no state that the next one could find broken.
        let beside = TURN.read().unwrap_or_else(PoisonError::into_inner);
        Turn::new(test, Kind::Beside(beside, lane))
    })
}

fn may_run(test: &str, programs: &[&str]) -> bool {
    let permitted = rustix::process::geteuid().is_root() && runs("unshare", &["--net", "true"]);
    let lacking = programs.iter().find(|program| !runs(program, &["--version"]));
    let reason = match (permitted, lacking) {
        (false, _) => "needs root and network namespaces".to_owned(),
        (true, Some(program)) => format!("needs {program}: scripts/install-deps.sh --test"),
        (true, None) => String::new(),
    };
    if !reason.is_empty() {
        let ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
        assert!(!ci, "{test} is required: {reason}");
        println!("SKIPPED: {test}: {reason}");
        return false;
    }
    println!("{test}: PRTIP_TEST_SEED={}", *SEED);
    true
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Seed of this run: `PRTIP_TEST_SEED`, else a new one; printed by every test.
pub(crate) fn seed() -> u64 {
    *SEED
}

/// Whether the full sizes are asked for.
pub(crate) fn soak() -> bool {
    std::env::var("PRTIP_SOAK").is_ok_and(|value| !value.is_empty() && value != "0")
}

/// The size of this run: small, or full with `PRTIP_SOAK=1`.
pub(crate) fn sized<T>(small: T, full: T) -> T {
    if soak() { full } else { small }
}
