//! `openssl verify`, and what its error numbers are called by us.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use prtip_bench::lab::chain::pem;
use prtip_engine::tls::fault::Fault;
use prtip_engine::tls::host::Host;
use prtip_engine::tls::judge::{Verdict, judge, read};
use prtip_engine::tls::path::Question;
use prtip_engine::tls::roots::Roots;

/// A chain and what is asked about it.
#[derive(Debug)]
pub(crate) struct Case {
    pub sent: Vec<Vec<u8>>,
    pub trusted: Vec<Vec<u8>>,
    pub host: Option<Host>,
    pub at: i64,
}

impl Case {
    pub(crate) fn judged(&self) -> Verdict {
        let roots = Roots::new(self.trusted.iter().map(|der| der.clone().into()).collect());
        let chain = read(self.sent.iter().map(Vec::as_slice));
        judge(&chain, &roots, Question { host: self.host.as_ref(), at: self.at })
    }

    /// The numbers of the errors that openssl finds; none where all is well.
    pub(crate) fn verified(&self, dir: &Path, level: u8) -> Vec<u32> {
        let write = |name: &str, ders: &[Vec<u8>]| {
            let file = dir.join(name);
            fs::write(&file, pem(ders)).unwrap();
            file
        };
        let mut command = Command::new("openssl");
        command.args(["verify", "-no-CApath", "-no-CAstore", "-purpose", "sslserver"]);
        command.args(["-partial_chain", "-auth_level", &level.to_string()]);
        command.args(["-attime", &self.at.to_string()]);
        command.arg("-CAfile").arg(write("trusted.pem", &self.trusted));
        if self.sent.len() > 1 {
            command.arg("-untrusted").arg(write("others.pem", &self.sent[1..]));
        }
        match &self.host {
            Some(Host::Dns(name)) => drop(command.args(["-verify_hostname", name])),
            Some(Host::Address(ip)) => drop(command.args(["-verify_ip", &ip.to_string()])),
            None => {}
        }
        command.arg(write("server.pem", &self.sent[..1]));
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let numbers: Vec<u32> = said
            .lines()
            .filter_map(|line| line.strip_prefix("error ")?.split(' ').next()?.parse().ok())
            .collect();
        assert_eq!(output.status.success(), numbers.is_empty(), "openssl verify: {said}");
        numbers
    }
}

/// What we may call the error of this number: one of them must be among our faults.
fn names(number: u32) -> &'static [Fault] {
    use Fault::{
        BadSignature, Expired, ExtendedKeyUsage, IncompleteChain, KeyUsage, NameConstraints,
        NameMismatch, NotACa, NotYetValid, PathLength, SelfSigned, UnknownCriticalExtension,
        UnknownIssuer, WeakKey, WeakSignature,
    };
    match number {
        // openssl passes over candidates that may not sign.
        2 | 20 | 21 => &[UnknownIssuer, IncompleteChain, KeyUsage, BadSignature],
        7 => &[BadSignature],
        9 => &[NotYetValid],
        10 => &[Expired],
        18 => &[SelfSigned],
        19 => &[UnknownIssuer],
        25 => &[PathLength],
        26 => &[KeyUsage, ExtendedKeyUsage, NotACa],
        32 => &[KeyUsage],
        34 => &[UnknownCriticalExtension],
        47 | 48 => &[NameConstraints],
        62 | 64 => &[NameMismatch],
        66 | 67 => &[WeakKey],
        68 => &[WeakSignature],
        79 => &[NotACa, KeyUsage, ExtendedKeyUsage],
        _ => &[],
    }
}

/// Whether these faults and openssl's errors say the same: valid or not, and each error
/// among the faults.
pub(crate) fn agree(faults: &[Fault], errors: &[u32]) -> bool {
    faults.is_empty() == errors.is_empty()
        && errors.iter().all(|&error| names(error).iter().any(|name| faults.contains(name)))
}
