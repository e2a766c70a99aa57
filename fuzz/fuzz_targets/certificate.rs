//! Any bytes as a chain of certificates, the first of which may be trusted: read, judged
//! and reported without a panic, in bounded time.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prtip_engine::tls::host::Host;
use prtip_engine::tls::judge::{judge, read};
use prtip_engine::tls::path::Question;
use prtip_engine::tls::report::{Connection, record};
use prtip_engine::tls::roots::{Roots, read_certificates};

fuzz_target!(|bytes: &[u8]| {
    let _ = read_certificates(bytes);
    // Two bytes of length before each, as TLS has it.
    let mut chain = Vec::new();
    let mut rest = bytes;
    while let Some((length, more)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes(*length)).min(more.len());
        let (certificate, more) = more.split_at(length);
        chain.push(certificate);
        rest = more;
    }
    let trusted = chain.iter().take(1).map(|der| der.to_vec().into()).collect();
    let read = read(chain.iter().copied());
    let host = Host::Dns("a.example".into());
    for roots in [Roots::default(), Roots::new(trusted)] {
        let verdict = judge(&read, &roots, Question { host: Some(&host), at: 1_800_000_000 });
        let _ = record(Connection::default(), &chain, &read, &verdict);
    }
});
