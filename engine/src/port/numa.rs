//! Which NUMA node a card is on, and memory and cores near it. On a machine of one
//! node there is nothing to choose, and nothing is done.

#![expect(unsafe_code, reason = "set_mempolicy and get_mempolicy have no safe wrapper")]

use std::fs;
use std::io;
use std::path::PathBuf;

use super::ethtool;

/// `MPOL_*` of `linux/mempolicy.h`.
const MPOL_DEFAULT: libc::c_long = 0;
const MPOL_PREFERRED: libc::c_long = 1;
const MPOL_F_NODE: libc::c_ulong = 1;
const MPOL_F_ADDR: libc::c_ulong = 2;
/// Nodes that fit into the one word of the masks here.
const MAX_NODES: u32 = 64;

const NODES: &str = "/sys/devices/system/node";

/// The node of a card, where there are several and the card says. It is looked for by
/// its place on the bus, as `/sys/class/net` knows one network namespace only.
pub(crate) fn node_of(interface: &str) -> Option<u32> {
    let online = fs::read_to_string(format!("{NODES}/online")).ok()?;
    if numbers(&online).len() < 2 {
        return None;
    }
    let place = ethtool::bus_place(interface)?;
    if place.is_empty() || place.contains('/') || place == ".." {
        return None;
    }
    let file: PathBuf = ["/sys/bus/pci/devices", &place, "numa_node"].iter().collect();
    // -1: the firmware does not tell.
    fs::read_to_string(file).ok()?.trim().parse().ok().filter(|&node| node < MAX_NODES)
}

/// The processors of a node.
pub(crate) fn processors_of(node: u32) -> Vec<u32> {
    fs::read_to_string(format!("{NODES}/node{node}/cpulist"))
        .map(|list| numbers(&list))
        .unwrap_or_default()
}

/// The node that holds the page at `address`.
pub(crate) fn node_at(address: *const u8) -> Option<u32> {
    let mut node: libc::c_int = 0;
    // SAFETY: the kernel writes one integer to `node`, which is alive; it reads no
    // memory at `address` and answers with an error where nothing is mapped.
    let result = unsafe {
        libc::syscall(
            libc::SYS_get_mempolicy,
            &raw mut node,
            std::ptr::null_mut::<libc::c_ulong>(),
            0_usize,
            address,
            MPOL_F_NODE | MPOL_F_ADDR,
        )
    };
    if result == 0 { u32::try_from(node).ok() } else { None }
}

/// While it lives, this thread's new pages come from one node where that has any:
/// those of the frames and of the rings, which the kernel makes on our behalf.
pub(crate) struct Near(());

impl Near {
    pub(crate) fn node(node: u32) -> io::Result<Self> {
        let mask: libc::c_ulong = 1 << node;
        set(MPOL_PREFERRED, &raw const mask, MAX_NODES as usize + 1).map(|()| Self(()))
    }
}

impl Drop for Near {
    fn drop(&mut self) {
        // Fails for bad arguments only.
        let _ = set(MPOL_DEFAULT, std::ptr::null(), 0);
    }
}

fn set(policy: libc::c_long, mask: *const libc::c_ulong, bits: usize) -> io::Result<()> {
    // SAFETY: the mask is null, or a live word of which the kernel reads `bits` - 1 bits.
    match unsafe { libc::syscall(libc::SYS_set_mempolicy, policy, mask, bits) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The numbers of a list such as `0-3,8`. What is no number is left out.
fn numbers(list: &str) -> Vec<u32> {
    let mut all = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse(), last.parse::<u32>()) {
            all.extend(first..=last.min(4095));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_numbers_are_read() {
        assert_eq!(numbers("0-2,8,10-11\n"), [0, 1, 2, 8, 10, 11]);
        assert_eq!(numbers("0\n"), [0]);
        assert_eq!(numbers("\n"), [0_u32; 0]);
    }

    #[test]
    fn pages_come_from_the_node_asked_for() {
        let Ok(near) = Near::node(0) else {
            println!("SKIPPED: this kernel has no NUMA");
            return;
        };
        let page = vec![1_u8; 1 << 20];
        assert_eq!(node_at(page.as_ptr()), Some(0));
        drop(near);
        assert_eq!(node_at(std::ptr::null()), None, "nothing is mapped there");
        if processors_of(1).is_empty() {
            assert!(Near::node(63).is_err(), "there is no such node");
        }
    }
}
