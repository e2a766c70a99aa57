//! Processes that descend from us: found through /proc, signalled by id.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

/// All living descendants of `root`, without `root` itself.
pub fn descendants(root: i32) -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for pid in pids {
        // A process that is gone by now is none of ours any more.
        if let Some(parent) = fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(parent)
        {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut queue = vec![root];
    while let Some(pid) = queue.pop() {
        let below = children.remove(&pid).unwrap_or_default();
        found.extend_from_slice(&below);
        queue.extend(below);
    }
    found
}

/// The parent in the text of /proc/PID/stat, unless the process is a zombie.
/// The name in it may contain anything, so the fields are counted from its end.
fn parent(stat: String) -> Option<i32> {
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (state != "Z").then_some(parent)
}

/// Sends a signal; a process that is gone is no error.
pub fn signal(pid: i32, number: i32) {
    if let (Some(pid), Some(signal)) = (Pid::from_raw(pid), Signal::from_named_raw(number)) {
        let _ = kill_process(pid, signal);
    }
}

/// Collects a child that has ended: its id and the code a shell would give it.
pub fn reap() -> Option<(i32, u8)> {
    // Not waitpid(None): that is the own process group only, and servers have others.
    let (pid, status) = wait(WaitOptions::NOHANG).ok().flatten()?;
    let code = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code as u8,
        (None, Some(signal)) => 128_u8.wrapping_add(signal as u8),
        (None, None) => 1,
    };
    Some((pid.as_raw_nonzero().get(), code))
}

/// Ends all descendants of this process: SIGTERM, and SIGKILL for those that
/// are left after `grace`. Needs a process that adopts orphans.
pub fn end_all(grace: Duration) {
    let me = std::process::id() as i32;
    let deadline = Instant::now() + grace;
    let mut number = if grace.is_zero() { libc::SIGKILL } else { libc::SIGTERM };
    loop {
        let left = descendants(me);
        for pid in &left {
            signal(*pid, number);
        }
        if left.is_empty() {
            // Those that ended since: collected too, or they would stay zombies
            // where the machine's first process collects nobody.
            while reap().is_some() {}
            return;
        }
        // Polite only once: a repeated SIGTERM means "at once" to many.
        loop {
            std::thread::sleep(Duration::from_millis(5));
            while reap().is_some() {}
            if descendants(me).is_empty() {
                break;
            }
            if number == libc::SIGKILL || Instant::now() > deadline {
                number = libc::SIGKILL;
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_hide_the_parent() {
        assert_eq!(parent("7 (a) S 1 (b) S 42 7 7".into()), Some(42));
        assert_eq!(parent("7 (sh) Z 42 7 7".into()), None);
    }

    #[test]
    fn grandchildren_are_found() {
        let mut child =
            std::process::Command::new("sh").args(["-c", "sleep 5 & wait"]).spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(4);
        let found = loop {
            let found = descendants(child.id() as i32);
            if !found.is_empty() || Instant::now() > deadline {
                break found;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        for pid in &found {
            signal(*pid, libc::SIGKILL);
        }
        let _ = child.kill();
        child.wait().unwrap();
        assert_eq!(found.len(), 1);
    }
}
