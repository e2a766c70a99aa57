//! The `service` record: what is listening on a port.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::Serialize;

use super::record::Record;
use super::schema::ProtocolName;
use crate::service::Found;

/// What is listening on a port, as far as it told. Every port that was asked has one.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Service<'a> {
    ip: IpAddr,
    port: u16,
    #[schemars(with = "ProtocolName")]
    proto: &'static str,
    /// `http`, `ssh`, …, `tcpwrapped`; null where nothing is known.
    service: Option<&'a str>,
    product: Option<&'a str>,
    version: Option<&'a str>,
    extra: Option<&'a str>,
    /// The name that the host gives itself.
    hostname: Option<&'a str>,
    os: Option<&'a str>,
    device: Option<&'a str>,
    cpe: &'a [String],
    /// `tls` where the service speaks inside it.
    tunnel: Option<&'static str>,
    /// 0 to 10.
    confidence: u8,
    /// The probe that drew the answer; `NULL` is listening.
    probe: Option<&'a str>,
    /// The rule that recognised it.
    rule: Option<&'a str>,
    /// What was answered, its first 2048 bytes.
    banner_b64: String,
}

impl<'a> Service<'a> {
    /// The record of what was found.
    #[must_use]
    pub fn new(found: &'a Found) -> Self {
        let identity = found.identity.as_ref();
        Self {
            ip: found.target.addr,
            port: found.target.port,
            proto: found.target.protocol.name(),
            service: found.service(),
            product: identity.and_then(|known| known.product.as_deref()),
            version: identity.and_then(|known| known.version.as_deref()),
            extra: identity.and_then(|known| known.extra.as_deref()),
            hostname: identity.and_then(|known| known.host.as_deref()),
            os: identity.and_then(|known| known.os.as_deref()),
            device: identity.and_then(|known| known.device.as_deref()),
            cpe: identity.map(|known| known.cpe.as_slice()).unwrap_or_default(),
            tunnel: found.inside_tls.then_some("tls"),
            confidence: found.confidence(),
            probe: found.probe.as_deref(),
            rule: identity.map(|known| known.rule.as_str()),
            banner_b64: STANDARD.encode(&found.banner),
        }
    }
}

impl Record for Service<'_> {
    const TYPE: &'static str = "service";
}
