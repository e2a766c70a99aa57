//! Names of ports as the system has them in /etc/services: what a port is registered
//! for; and what services told, for those that were asked.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use super::sorted::Finding;
use super::systems;
use super::told::{Spool, Told};
use crate::plan::Protocol;

const PATH: &str = "/etc/services";

/// Names by protocol and port.
#[derive(Debug, Default)]
pub(crate) struct Services {
    names: HashMap<(Protocol, u16), String>,
    told: Option<Spool>,
    /// Where it is kept what hosts run.
    systems: HashMap<IpAddr, u64>,
}

impl Services {
    /// Those of the system; none where it has no list.
    pub(crate) fn of_the_system() -> Self {
        Self::parse(&std::fs::read(PATH).unwrap_or_default())
    }

    /// Lines of `name port/protocol [alias …] [# comment]`. Other lines are skipped.
    fn parse(list: &[u8]) -> Self {
        let mut names = HashMap::new();
        for line in String::from_utf8_lossy(list).lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let (Some(name), Some(place)) = (words.next(), words.next()) else { continue };
            let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
            if let Some((port, protocol)) = place.split_once('/')
                && let (Ok(port), Some(protocol)) = (port.parse(), Protocol::from_name(protocol))
                && name.chars().all(sound)
            {
                names.entry((protocol, port)).or_insert_with(|| name.to_owned());
            }
        }
        Self { names, told: None, systems: HashMap::new() }
    }

    /// What is told of services is kept in `folder`, where there is more than memory takes.
    pub(super) fn keep_told(&mut self, folder: PathBuf) {
        self.told = Some(Spool::new(folder));
    }

    /// Keeps what was told; returns its place.
    pub(super) fn tell(&mut self, told: &Told) -> io::Result<u64> {
        self.told.as_mut().map_or(Ok(0), |spool| spool.add(told))
    }

    /// What a port told of its service.
    pub(super) fn told(&self, finding: &Finding) -> Option<Told> {
        self.told.as_ref()?.get(finding.service).ok()
    }

    /// Keeps what a host runs.
    pub(super) fn tell_system(&mut self, ip: IpAddr, told: &systems::Told) -> io::Result<()> {
        if let Some(spool) = &mut self.told {
            self.systems.insert(ip, spool.add(told)?);
        }
        Ok(())
    }

    /// What a host runs.
    pub(super) fn system(&self, ip: IpAddr) -> Option<systems::Told> {
        self.told.as_ref()?.get(*self.systems.get(&ip)?).ok()
    }

    pub(crate) fn name(&self, protocol: Protocol, port: u16) -> Option<&str> {
        self.names.get(&(protocol, port)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_port_is_taken_and_odd_lines_are_skipped() {
        let list = b"# services\nssh 22/tcp # shell\nhttp\t80/tcp www\nweb 80/tcp\n\
            domain 53/udp\nbad<name 9/tcp\nbroken 99999/tcp\nx 1/sctp\nlonely\n\xff\xfe 7/tcp\n";
        let services = Services::parse(list);
        assert_eq!(services.name(Protocol::Tcp, 22), Some("ssh"));
        assert_eq!(services.name(Protocol::Tcp, 80), Some("http"));
        assert_eq!(services.name(Protocol::Udp, 53), Some("domain"));
        assert_eq!(services.names.len(), 3);
    }
}
