//! Whatever a service says on its way to TLS, in whatever pieces: a few words of ours answer
//! it, which are none of its own, and it comes to an end.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prtip_engine::service::{Plea, Step};

const SERVICES: [&str; 10] = [
    "smtp", "imap", "pop3", "ftp", "nntp", "ldap", "xmpp-client", "xmpp-server", "postgresql",
    "mysql",
];

fuzz_target!(|input: (u8, Vec<&[u8]>)| {
    let (which, pieces) = input;
    let service = SERVICES[usize::from(which) % SERVICES.len()];
    let mut plea = Plea::new(service, None).expect("it has a way to TLS");
    plea.opening();
    let (mut said, mut heard) = (0, 0);
    for piece in pieces {
        heard += piece.len();
        match plea.take(piece) {
            Step::Wait => assert!(heard <= 16 << 10, "{service} is listened to without end"),
            Step::Say(words) => {
                said += 1;
                heard = 0;
                assert!(said <= 2 && words.len() < 64, "{service}: {words:?}");
            }
            Step::Granted(words) => {
                assert!(words.is_empty() || service == "mysql", "{service}: {words:?}");
                return;
            }
            Step::Denied => return,
        }
    }
});
