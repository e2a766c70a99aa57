//! How a service that began in the clear is asked for TLS, in its own words (STARTTLS), so
//! that its certificates can be read: RFC 3207 (SMTP), 2595 (IMAP, POP3), 4217 (FTP), 4642
//! (NNTP), 4511 (LDAP), 6120 (XMPP), and the protocols of PostgreSQL and MySQL. No sockets.

/// What may be heard before TLS.
const LONGEST: usize = 16 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Smtp,
    Imap,
    Pop3,
    Ftp,
    Nntp,
    Ldap,
    Xmpp(&'static str),
    Postgresql,
    Mysql,
}

/// What follows from what was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// More is to come.
    Wait,
    /// This is to be said.
    Say(Vec<u8>),
    /// What is said from here on is TLS; this comes first, in the clear.
    Granted(Vec<u8>),
    /// It offers none.
    Denied,
}

/// One conversation that leads to TLS.
#[derive(Debug)]
pub struct Plea {
    kind: Kind,
    host: Option<String>,
    said: usize,
    heard: Vec<u8>,
}

impl Plea {
    /// With a service, where it has a way to TLS. `host`: the name that the server was given.
    #[must_use]
    pub fn new(service: &str, host: Option<String>) -> Option<Self> {
        let kind = match service {
            "smtp" => Kind::Smtp,
            "imap" => Kind::Imap,
            "pop3" => Kind::Pop3,
            "ftp" => Kind::Ftp,
            "nntp" => Kind::Nntp,
            "ldap" => Kind::Ldap,
            "xmpp-client" => Kind::Xmpp("jabber:client"),
            "xmpp-server" => Kind::Xmpp("jabber:server"),
            "postgresql" => Kind::Postgresql,
            "mysql" => Kind::Mysql,
            _ => return None,
        };
        Some(Self { kind, host, said: 0, heard: Vec::new() })
    }

    /// What is said before anything is heard.
    pub fn opening(&mut self) -> Vec<u8> {
        match self.kind {
            // The code of SSLRequest.
            Kind::Postgresql => b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec(),
            // An extended request, 1.3.6.1.4.1.1466.20037.
            Kind::Ldap => b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037".to_vec(),
            Kind::Xmpp(namespace) => {
                // An apostrophe would end the attribute.
                let host = self.host.as_deref().filter(|host| !host.contains(['\'', '<', '&']));
                format!(
                    "<?xml version='1.0'?><stream:stream xmlns='{namespace}' \
                     xmlns:stream='http://etherx.jabber.org/streams' to='{}' version='1.0'>",
                    host.unwrap_or_default()
                )
                .into_bytes()
            }
            _ => Vec::new(),
        }
    }

    /// Takes what was heard.
    pub fn take(&mut self, bytes: &[u8]) -> Step {
        self.heard.extend_from_slice(bytes);
        if self.heard.len() > LONGEST {
            return Step::Denied;
        }
        let turns: &[(&[u8], &[u8])] = match self.kind {
            Kind::Smtp => {
                &[(b"220", b"EHLO prtip.invalid\r\n"), (b"250", b"STARTTLS\r\n"), (b"220", b"")]
            }
            Kind::Ftp => &[(b"220", b"AUTH TLS\r\n"), (b"234", b"")],
            Kind::Nntp => &[(b"20", b"STARTTLS\r\n"), (b"382", b"")],
            Kind::Imap => &[(b"* OK", b"a STARTTLS\r\n"), (b"a OK", b"")],
            Kind::Pop3 => &[(b"+OK", b"STLS\r\n"), (b"+OK", b"")],
            Kind::Xmpp(_) => &[
                (b"<starttls", b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
                (b"<proceed", b""),
            ],
            Kind::Postgresql => &[(b"S", b"")],
            Kind::Ldap => &[(b"\x0a\x01\x00", b"")],
            Kind::Mysql => return self.mysql(),
        };
        let Some(&(wanted, next)) = turns.get(self.said) else { return Step::Denied };
        match self.answered(wanted) {
            None => Step::Wait,
            Some(false) => Step::Denied,
            Some(true) => {
                self.heard.clear();
                self.said += 1;
                match next {
                    [] => Step::Granted(Vec::new()),
                    _ => Step::Say(next.to_vec()),
                }
            }
        }
    }

    /// Whether the answer is `wanted`; `None` where it is not complete.
    fn answered(&self, wanted: &[u8]) -> Option<bool> {
        let heard = self.heard.as_slice();
        let has = |words: &[u8]| heard.windows(words.len()).any(|part| part == words);
        let mut lines = heard.split_inclusive(|&byte| byte == b'\n');
        match self.kind {
            // The last line of an answer has no hyphen behind its number.
            Kind::Smtp | Kind::Ftp | Kind::Nntp => lines
                .find(|line| {
                    line.ends_with(b"\n")
                        && matches!(line, [a, b, c, end, ..]
                            if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) && *end != b'-')
                })
                .map(|line| line.starts_with(wanted)),
            // Other lines may come between.
            Kind::Imap if self.said > 0 => lines
                .find(|line| line.ends_with(b"\n") && line.starts_with(b"a "))
                .map(|line| line.starts_with(wanted)),
            Kind::Imap | Kind::Pop3 => lines
                .next()
                .filter(|line| line.ends_with(b"\n"))
                .map(|line| line.starts_with(wanted)),
            // To the end of the element: what follows `<proceed/>` is TLS.
            Kind::Xmpp(_) if self.has_element(wanted) => Some(true),
            Kind::Xmpp(_) => {
                let over = [&b"<failure"[..], b"</stream:stream>", b"</stream:features>"];
                // What the server offers may end behind our answer to it.
                let over = &over[..if self.said > 0 { 2 } else { 3 }];
                over.iter().any(|words| has(words)).then_some(false)
            }
            Kind::Postgresql => heard.first().map(|&byte| byte == b'S'),
            Kind::Ldap => {
                let length = heard.get(1).map(|&length| usize::from(length & 0x7f))?;
                (heard.len() >= length + 2).then(|| heard.contains(&0x78) && has(wanted))
            }
            Kind::Mysql => None,
        }
    }

    fn has_element(&self, begins: &[u8]) -> bool {
        let at = self.heard.windows(begins.len()).position(|part| part == begins);
        at.is_some_and(|at| self.heard[at..].contains(&b'>'))
    }

    /// The greeting: three bytes of length, a number, 10, the version up to a zero, 13 bytes,
    /// what the server can do. It takes TLS behind a request that repeats that it can.
    fn mysql(&mut self) -> Step {
        const TLS: u8 = 0x08;
        let heard = self.heard.as_slice();
        let Some(&[a, b, c, number, kind]) = heard.first_chunk::<5>() else { return Step::Wait };
        let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        if kind != 10 || number != 0 {
            return Step::Denied;
        }
        if heard.len() < length.saturating_add(4) {
            return Step::Wait;
        }
        let behind =
            heard[5..].iter().position(|&byte| byte == 0).map(|zero| &heard[5 + zero + 1..]);
        match behind.and_then(|rest| rest.get(14)) {
            Some(abilities) if abilities & TLS != 0 => {
                // 4.1 protocol, long passwords, secure connections; packets of 16 MiB; utf8.
                let request = b"\x20\0\0\x01\x01\x8a\0\0\0\0\0\x01\x21";
                Step::Granted([&request[..], &[0; 23]].concat())
            }
            _ => Step::Denied,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SERVICES: [&str; 10] = [
        "smtp",
        "imap",
        "pop3",
        "ftp",
        "nntp",
        "ldap",
        "xmpp-client",
        "xmpp-server",
        "postgresql",
        "mysql",
    ];

    /// Says it in pieces of `size`; the steps but for waiting.
    fn steps(service: &str, said: &[&[u8]], size: usize) -> Vec<Step> {
        let mut plea = Plea::new(service, Some("a.example".into())).expect("it has a way to TLS");
        plea.opening();
        let mut steps = Vec::new();
        for answer in said {
            for piece in answer.chunks(size) {
                steps.extend(Some(plea.take(piece)).filter(|step| *step != Step::Wait));
            }
        }
        steps
    }

    #[test]
    fn a_server_that_offers_tls_is_asked_for_it_in_any_pieces() {
        let mysql = b"\x4a\0\0\0\x0a5.5.5-10\0\x01\0\0\0abcdefgh\0\xfe\xff\x2d\x02\0\xff\xc1\x15aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let mysql = &mysql[..0x4a + 4];
        let talks: &[(&str, &[&[u8]])] = &[
            (
                "smtp",
                &[b"220-a b\r\n220 c\r\n", b"250-a\r\n250-STARTTLS\r\n250 HELP\r\n", b"220 go\r\n"],
            ),
            ("imap", &[b"* OK [CAPABILITY] a\r\n", b"* NOOP\r\na OK go\r\n"]),
            ("pop3", &[b"+OK a\r\n", b"+OK go\r\n"]),
            ("ftp", &[b"220 a\r\n", b"234 go\r\n"]),
            ("nntp", &[b"200 a\r\n", b"382 go\r\n"]),
            ("ldap", &[b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"]),
            ("xmpp-client", &[b"<stream:features><starttls/></stream:features>", b"<proceed/>"]),
            ("postgresql", &[b"S"]),
            ("mysql", &[mysql]),
        ];
        for (service, said) in talks {
            for size in [1, 7, 1000] {
                let steps = steps(service, said, size);
                assert!(
                    matches!(steps.last(), Some(Step::Granted(_))),
                    "{service} {size} {steps:?}"
                );
                assert_eq!(steps.len(), said.len(), "{service} {size} {steps:?}");
            }
        }
    }

    #[test]
    fn a_server_that_does_not_is_left_alone() {
        let mysql = b"\x4a\0\0\0\x0a5.5.5-10\0\x01\0\0\0abcdefgh\0\xfe\xf7\x2d\x02\0\xff\xc1\x15aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let talks: &[(&str, &[&[u8]])] = &[
            ("smtp", &[b"220 c\r\n", b"250 HELP\r\n", b"502 what?\r\n"]),
            ("imap", &[b"* OK a\r\n", b"a BAD what?\r\n"]),
            ("pop3", &[b"+OK a\r\n", b"-ERR\r\n"]),
            ("ftp", &[b"220 a\r\n", b"530 no\r\n"]),
            ("ldap", &[b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00"]),
            ("xmpp-client", &[b"<stream:error><host-unknown/></stream:error></stream:stream>"]),
            ("postgresql", &[b"N"]),
            ("mysql", &[&mysql[..0x4a + 4]]),
        ];
        for (service, said) in talks {
            let steps = steps(service, said, 1000);
            assert_eq!(steps.last(), Some(&Step::Denied), "{service} {steps:?}");
        }
        assert!(Plea::new("ssh", None).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm_and_come_to_an_end(
            which in 0..SERVICES.len(), bytes in prop::collection::vec(any::<u8>(), 0..600),
        ) {
            let mut plea = Plea::new(SERVICES[which], None).expect("it has a way to TLS");
            plea.opening();
            let mut last = Step::Wait;
            for _ in 0..100 {
                last = plea.take(&bytes);
                if matches!(last, Step::Denied | Step::Granted(_)) { break; }
            }
            prop_assert!(bytes.len() < 170 || last != Step::Wait);
        }
    }
}
