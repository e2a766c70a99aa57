//! The kernel's eBPF programs while a scan runs: when it has ended, so have they, and their
//! addresses mean nothing.

use std::collections::BTreeMap;
use std::process::{Child, ExitStatus};
use std::thread::sleep;
use std::time::Duration;

use anyhow::Result;
use libbpf_rs::query::{ProgInfoIter, ProgInfoQueryOptions};

use crate::recording::KernelSymbol;

/// How often they are asked for.
const INTERVAL: Duration = Duration::from_millis(20);

/// Waits for a process, and collects the programs that are there meanwhile, by address.
///
/// # Errors
/// Where it cannot be waited for.
pub(crate) fn wait_for(child: &mut Child) -> Result<(ExitStatus, BTreeMap<u64, KernelSymbol>)> {
    let mut programs = BTreeMap::new();
    loop {
        let options =
            ProgInfoQueryOptions::default().include_jited_ksyms(true).include_jited_func_lens(true);
        for program in ProgInfoIter::with_query_opts(options) {
            let name = program.name.to_string_lossy();
            for (address, length) in program.jited_ksyms.iter().zip(&program.jited_func_lens) {
                let symbol = KernelSymbol { length: u64::from(*length), name: name.to_string() };
                programs.insert(*address as u64, symbol);
            }
        }
        if let Some(status) = child.try_wait()? {
            return Ok((status, programs));
        }
        sleep(INTERVAL);
    }
}
