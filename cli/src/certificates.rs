//! `--tls-cert-analysis`: chains that servers showed, judged.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use prtip_engine::error::Result;
use prtip_engine::event::tls_record::Tls;
use prtip_engine::plan::Target;
use prtip_engine::service::Session;
use prtip_engine::tls::host::Host;
use prtip_engine::tls::judge;
use prtip_engine::tls::path::Question;
use prtip_engine::tls::report::{self, Connection};
use prtip_engine::tls::roots::Roots;

use crate::say::say;

/// Whom we trust.
pub(crate) struct Certificates {
    roots: Roots,
}

impl Certificates {
    /// Roots from a file, or the system's; without any, chains are not judged unless that was
    /// asked for, which then fails.
    pub(crate) fn trusted(ca_file: Option<&Path>, asked: bool) -> Result<Option<Self>> {
        let roots = match ca_file {
            Some(file) => Roots::from_file(file),
            None => Roots::of_the_system(),
        };
        match roots {
            Ok(roots) => Ok(Some(Self { roots })),
            Err(error) if asked || ca_file.is_some() => Err(error),
            Err(error) => {
                say(format_args!("prtip: certificates are not judged: {error}"));
                Ok(None)
            }
        }
    }

    /// The record of what a server showed.
    pub(crate) fn record(&self, target: Target, session: &Session) -> Tls {
        let host = session.server_name.as_deref().and_then(|name| Host::parse(name).ok());
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let chain = judge::read(session.chain.iter().map(Vec::as_slice));
        let question = Question { host: host.as_ref(), at: since.as_secs().cast_signed() };
        let verdict = judge::judge(&chain, &self.roots, question);
        let connection = Connection {
            at: Some((target.addr, target.port)),
            server_name: session.server_name.clone(),
            version: session.version.clone(),
            cipher: session.cipher.clone(),
            alpn: None,
        };
        report::record(connection, &session.chain, &chain, &verdict)
    }
}

/// What people read of it, below the port.
pub(crate) fn lines(record: &Tls) -> Vec<String> {
    let mut lines = Vec::new();
    let known = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    lines.push(format!("{} {}", known(&record.version), known(&record.cipher)));
    if let Some(server) = record.chain.first() {
        lines.push(format!("certificate: {}", known(&server.subject)));
        if !server.san.is_empty() {
            lines.push(format!("names: {}", server.san.join(", ")));
        }
        lines.push(format!("issuer: {}", known(&server.issuer)));
        lines.push(format!(
            "valid from {} to {}, {}, {}",
            known(&server.not_before),
            known(&server.not_after),
            known(&server.key),
            known(&server.signature),
        ));
        lines.push(format!("sha256: {}", server.sha256));
    }
    let others = match record.faults.as_slice() {
        [] | [_] => String::new(),
        [_, others @ ..] => {
            let names: Vec<&str> = others.iter().map(|fault| fault.name()).collect();
            format!(" (also {})", names.join(", "))
        }
    };
    lines.push(format!("chain of {}: {}{others}", record.chain.len(), record.chain_status));
    lines
}
