//! Who holds an interface: the program attached to it, and the process that
//! keeps it there. Asked once, when an attach was refused.

use std::fmt;
use std::fs;
use std::os::fd::BorrowedFd;

use libbpf_rs::query::{LinkInfoIter, ProgInfoIter};
use libbpf_rs::{Xdp, XdpFlags};

/// The XDP program on an interface and whoever keeps it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Kernel id of the program.
    pub program_id: u32,
    /// Name of the program, empty when it has none or may not be read.
    pub program: String,
    /// Id of the bpf_link, or `None` when the program was attached by netlink
    /// and stays until somebody takes it off.
    pub link_id: Option<u32>,
    /// Processes that hold the link or the program, as far as /proc shows them.
    pub processes: Vec<Process>,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its command name, control characters escaped.
    pub command: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "XDP program `{}` (id {}", self.program, self.program_id)?;
        match self.link_id {
            Some(link_id) => write!(f, ", link {link_id})")?,
            None => f.write_str(", attached by netlink)")?,
        }
        if self.processes.is_empty() {
            return f.write_str(", kept by no process that can be seen");
        }
        for (position, process) in self.processes.iter().enumerate() {
            let joint = if position == 0 { " of process" } else { "," };
            write!(f, "{joint} {} ({})", process.pid, process.command)?;
        }
        Ok(())
    }
}

/// Finds out who holds interface `ifindex`. `None` when nobody does any more, or
/// the kernel does not say. `program` is any loaded program.
pub(crate) fn find_holder(program: BorrowedFd<'_>, ifindex: u32) -> Option<Holder> {
    let attached = Xdp::new(program).query(i32::try_from(ifindex).ok()?, XdpFlags::NONE).ok()?;
    let program_id =
        [attached.prog_id, attached.drv_prog_id, attached.skb_prog_id, attached.hw_prog_id]
            .into_iter()
            .find(|&id| id != 0)?;
    let name = ProgInfoIter::default()
        .find(|info| info.id == program_id)
        .map(|info| escape(&info.name.to_string_lossy()))
        .unwrap_or_default();
    let link_id =
        LinkInfoIter::default().find(|info| info.prog_id == program_id).map(|info| info.id);
    let mut processes = match link_id {
        Some(link_id) => processes_with(&format!("link_id:\t{link_id}")),
        None => Vec::new(),
    };
    if processes.is_empty() {
        processes = processes_with(&format!("prog_id:\t{program_id}"));
    }
    Some(Holder { program_id, program: name, link_id, processes })
}

/// The processes that have a descriptor whose fdinfo holds the line `wanted`.
fn processes_with(wanted: &str) -> Vec<Process> {
    let holds = |pid: u32| {
        let Ok(infos) = fs::read_dir(format!("/proc/{pid}/fdinfo")) else { return false };
        infos.flatten().any(|info| {
            fs::read_to_string(info.path())
                .is_ok_and(|text| text.lines().any(|line| line == wanted))
        })
    };
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut processes: Vec<Process> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| holds(pid))
        .map(|pid| Process { pid, command: command(pid) })
        .collect();
    processes.sort_by_key(|process| process.pid);
    processes
}

fn command(pid: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    escape(name.trim_end())
}

fn escape(text: &str) -> String {
    text.escape_debug().to_string()
}
