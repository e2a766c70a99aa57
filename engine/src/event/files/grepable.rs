//! nmap's lines for grep (`-oG`): one host a line, fields apart by tabs, ports by commas,
//! what is said of a port by slashes. Names cannot break out of their place.

use std::io::{self, Write};

use super::about::About;
use super::hosts::Host;
use super::services::Services;
use super::{Outcome, normal};
use crate::event::text::Printable;

/// What goes before the first host.
pub(super) fn head(about: &About, out: &mut dyn Write) -> io::Result<()> {
    normal::head(about, out)
}

/// One host.
pub(super) fn host(host: &Host<'_>, services: &Services, out: &mut dyn Write) -> io::Result<()> {
    let name = host.names.first().map(String::as_bytes).unwrap_or_default();
    let label = format!("Host: {} ({})", host.addr, Printable::new(name).without(b"()/,;"));
    writeln!(out, "{label}\tStatus: {}", if host.up { "Up" } else { "Down" })?;
    if host.ports.is_empty() && host.hidden.is_empty() {
        return Ok(());
    }
    write!(out, "{label}\tPorts: ")?;
    for (position, port) in host.ports.iter().enumerate() {
        let comma = if position == 0 { "" } else { ", " };
        let (protocol, table) = (port.protocol.name(), services.name(port.protocol, port.port));
        write!(out, "{comma}{}/{}/{protocol}//", port.port, port.state)?;
        match services.told(port) {
            None => write!(out, "{}///", table.unwrap_or(""))?,
            Some(told) => {
                // Slashes part the fields, so that nmap writes bars for them.
                let field = |text: &str| {
                    let text = text.replace('/', "|");
                    Printable::new(text.as_bytes()).without(b",;").to_string()
                };
                let tunnel = if told.tunnel.is_some() { "ssl|" } else { "" };
                match &told.service {
                    Some(service) => write!(out, "{tunnel}{}", field(service))?,
                    None => write!(out, "{tunnel}{}?", table.unwrap_or("unknown"))?,
                }
                write!(out, "//{}/", field(&told.description()))?;
            }
        }
    }
    // Of the states that are not listed nmap names the most frequent one.
    if let Some(&(state, ..)) = host.hidden.first() {
        let of_it = host.hidden.iter().filter(|(hidden, ..)| *hidden == state);
        write!(out, "\tIgnored State: {state} ({})", of_it.map(|&(.., count)| count).sum::<u64>())?;
    }
    writeln!(out)
}

/// What goes after the last host.
pub(super) fn foot(about: &About, outcome: &Outcome, out: &mut dyn Write) -> io::Result<()> {
    normal::foot(about, outcome, out)
}
