//! The most memory that another process has had.

/// Peak resident memory of a process so far, in KiB; nothing of one that has ended.
#[must_use]
pub fn peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_peak_can_be_read() {
        assert!(peak_kib(std::process::id()).is_some_and(|kib| kib > 100));
        assert_eq!(peak_kib(u32::MAX), None);
    }
}
