//! One port of a server: what answers there, and what of itself it tells a stranger.

use std::fmt;
use std::net::IpAddr;

use anyhow::Result;

use super::super::args::ServerPorts;
use super::super::packages;

/// How far from its usual port a server listens with `--server-ports odd`.
const ODD_DISTANCE: u16 = 10_000;

/// TCP or UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A port where a server answers.
#[derive(Debug)]
pub struct Endpoint {
    /// Its usual number.
    port: u16,
    /// What it speaks below.
    pub transport: Transport,
    /// Whether TLS comes first.
    pub tls: bool,
    /// What a service scan would call it.
    pub service: &'static str,
    /// The product name, where an answer tells it.
    pub product: Option<&'static str>,
    /// The version that an answer tells.
    told: Told,
    /// A datagram that it answers.
    pub question: &'static [u8],
    /// It has no IPv6.
    v4_only: bool,
    /// It cannot be moved to another port.
    fixed: bool,
}

#[derive(Debug)]
enum Told {
    Nothing,
    /// The makers' version of this package.
    Of(&'static str),
    /// This text, whatever the package.
    Text(&'static str),
}

impl Endpoint {
    pub(super) const fn tcp(port: u16, service: &'static str) -> Self {
        let (transport, question) = (Transport::Tcp, &[]);
        Self {
            port,
            transport,
            service,
            question,
            tls: false,
            product: None,
            told: Told::Nothing,
            v4_only: false,
            fixed: false,
        }
    }

    pub(super) const fn udp(port: u16, service: &'static str, question: &'static [u8]) -> Self {
        Self { transport: Transport::Udp, question, ..Self::tcp(port, service) }
    }

    pub(super) const fn product(self, product: &'static str) -> Self {
        Self { product: Some(product), ..self }
    }

    /// It tells the version of `package`.
    pub(super) const fn version_of(self, package: &'static str) -> Self {
        Self { told: Told::Of(package), ..self }
    }

    /// It tells this version, which is not the package's.
    pub(super) const fn version_text(self, text: &'static str) -> Self {
        Self { told: Told::Text(text), ..self }
    }

    pub(super) const fn tls(self) -> Self {
        Self { tls: true, ..self }
    }

    pub(super) const fn v4_only(self) -> Self {
        Self { v4_only: true, ..self }
    }

    pub(super) const fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }

    /// Its number.
    pub fn port_in(&self, ports: ServerPorts) -> u16 {
        match ports {
            ServerPorts::Odd if !self.fixed => {
                self.port.checked_add(ODD_DISTANCE).unwrap_or_else(|| self.port - ODD_DISTANCE)
            }
            _ => self.port,
        }
    }

    /// Whether it answers on this address of its server.
    pub fn answers_on(&self, ip: IpAddr) -> bool {
        ip.is_ipv4() || !self.v4_only
    }

    /// The version that it tells, given how to find a package's full version.
    pub fn version(&self, package: impl Fn(&str) -> Result<String>) -> Result<Option<String>> {
        Ok(match self.told {
            Told::Nothing => None,
            Told::Text(text) => Some(text.to_owned()),
            Told::Of(name) => Some(packages::upstream(&package(name)?).to_owned()),
        })
    }
}
