//! What scanners write: each one's own output, read into (address, port) pairs
//! that it calls open.
//!
//! The readers are strict: a line that is neither a result nor one of the kinds
//! that are known to be none is an error, so that a new version of a scanner that
//! writes something else is not judged by what happens to be understood.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// An (address, port) that a scanner calls open.
pub type Found = (Ipv4Addr, u16);

/// Reads `prtip --json`: one object a line. Open is the strongest state: no later
/// record takes it back.
///
/// # Errors
/// With the line that is no record.
pub fn prtip(text: &str) -> Result<Vec<Found>> {
    #[derive(Deserialize)]
    struct Record<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        ip: Option<Ipv4Addr>,
        port: Option<u16>,
        state: Option<&'a str>,
    }
    lines(text, |line| {
        let record: Record<'_> = serde_json::from_str(line)?;
        if record.kind != "port" || record.state != Some("open") {
            return Ok(None);
        }
        Ok(Some((record.ip.context("no ip")?, record.port.context("no port")?)))
    })
}

/// How prtip's sockets were bound, as its first record says.
#[must_use]
pub fn xdp_mode(text: &str) -> Option<&'static str> {
    #[derive(Deserialize)]
    struct Started<'a> {
        xdp_mode: Option<&'a str>,
    }
    let started: Started<'_> = serde_json::from_str(text.lines().next()?).ok()?;
    ["zerocopy", "copy", "generic"].into_iter().find(|mode| started.xdp_mode == Some(mode))
}

/// Reads `masscan -oD`: one object a line.
///
/// # Errors
/// With the line that is no record.
pub fn masscan(text: &str) -> Result<Vec<Found>> {
    #[derive(Deserialize)]
    struct Record<'a> {
        ip: Ipv4Addr,
        port: u16,
        proto: &'a str,
        rec_type: &'a str,
        #[serde(borrow)]
        data: Data<'a>,
    }
    #[derive(Deserialize)]
    struct Data<'a> {
        status: Option<&'a str>,
    }
    lines(text, |line| {
        let Record { ip, port, proto, rec_type, data } = serde_json::from_str(line)?;
        let open = proto == "tcp" && rec_type == "status" && data.status == Some("open");
        Ok(open.then_some((ip, port)))
    })
}

/// The fields that [`zmap`] wants, in their order.
pub const ZMAP_FIELDS: &str = "saddr,sport,classification,success";

/// Reads `zmap -O csv -f` [`ZMAP_FIELDS`].
///
/// # Errors
/// Where the heading is another, or with the line that has other fields.
pub fn zmap(text: &str) -> Result<Vec<Found>> {
    let Some((heading, rows)) = text.split_once('\n') else {
        bail!("no heading");
    };
    ensure!(heading.trim_end() == ZMAP_FIELDS, "the heading is {heading:?}");
    lines(rows, |line| {
        let fields: Vec<&str> = line.split(',').collect();
        let &[address, port, classification, success] = fields.as_slice() else {
            bail!("{} fields", fields.len());
        };
        ensure!(matches!(success, "0" | "1"), "success {success:?}");
        let open = classification == "synack" && success == "1";
        Ok(open.then_some((address.parse()?, port.parse()?)))
    })
}

/// Reads `nmap -oG`.
///
/// # Errors
/// With the line that is none of that format's.
pub fn nmap(text: &str) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let told = nmap_line(line, &mut found);
        told.with_context(|| format!("line {number}: {line:?}"))?;
    }
    Ok(found)
}

/// `Host: A ()<tab>Ports: 80/open/tcp//http///, 81/closed/tcp/////<tab>Ignored State: …`.
fn nmap_line(line: &str, found: &mut Vec<Found>) -> Result<()> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    let mut sections = line.split('\t');
    let host = sections.next().and_then(|first| first.strip_prefix("Host: ")).context("no host")?;
    let address = host.split(' ').next().unwrap_or_default().parse()?;
    for ports in sections.filter_map(|section| section.strip_prefix("Ports: ")) {
        for port in ports.split(", ") {
            let mut fields = port.split('/');
            let (Some(number), Some(state), Some(protocol)) =
                (fields.next(), fields.next(), fields.next())
            else {
                bail!("port {port:?}");
            };
            if (state, protocol) == ("open", "tcp") {
                found.push((address, number.parse()?));
            }
        }
    }
    Ok(())
}

/// What `read` makes of each line that is not empty.
fn lines(text: &str, read: impl Fn(&str) -> Result<Option<Found>>) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
        found.extend(read(line).with_context(|| format!("line {number}: {line:?}"))?);
    }
    Ok(found)
}
