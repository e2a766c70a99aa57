//! What the formats say of the scan itself.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::event::sinks::ShownStates;
use crate::plan::Items;

/// Up to so many addresses, hosts of which nothing is to be shown are listed too.
const FEW: u64 = 256;

/// A scan, for the heads and feet of its files.
#[derive(Clone, Debug)]
pub struct About {
    /// Its command line, without the program's name.
    pub args: Vec<String>,
    /// Version of prtip.
    pub version: String,
    /// What is asked of every address.
    pub items: Items,
    /// Addresses in the plan.
    pub addresses: u64,
    /// The only address, where there is but one.
    pub only_host: Option<IpAddr>,
    /// Names on the command line, by what they stand for.
    pub names: HashMap<IpAddr, Vec<String>>,
    /// States that are listed.
    pub shown: ShownStates,
    /// Every item of every address is asked in this run: what is not known was silent.
    pub whole: bool,
    /// Open ports are asked for their services.
    pub services: bool,
    /// When it started, microseconds since 1970.
    pub started_unix_us: u64,
}

impl About {
    pub(super) fn lists_every_host(&self) -> bool {
        self.addresses <= FEW
    }

    /// The command line as one text.
    pub(super) fn command_line(&self) -> String {
        let mut line = "prtip".to_owned();
        for arg in &self.args {
            line.push(' ');
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=+@%|".contains(c);
            if !arg.is_empty() && arg.chars().all(plain) {
                line.push_str(arg);
            } else {
                // As a shell would take it.
                line.push('\'');
                line.push_str(&arg.replace('\'', "'\\''"));
                line.push('\'');
            }
        }
        line
    }
}
