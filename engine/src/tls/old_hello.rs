//! A greeting to servers too old for rustls: TLS 1.2 with the ciphers of its day and
//! before, down to SSL 3.0. Up to TLS 1.2 the server's hello and its certificates come in
//! the clear; they are read, and nothing is answered.

use ring::rand::{SecureRandom, SystemRandom};

use super::cipher;
use super::host::Host;
use super::session::{Failure, LONGEST_HANDSHAKE, Shown, State};

/// How old the greeting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// TLS 1.2 at most, with extensions.
    Old,
    /// SSL 3.0 at most, which knew no extensions.
    Oldest,
}

/// A greeting, and what comes back.
#[derive(Debug)]
pub struct OldHello {
    hello: Vec<u8>,
    /// Bytes of records not yet read.
    records: Vec<u8>,
    /// Bytes of handshake messages not yet read.
    messages: Vec<u8>,
    taken: usize,
    shown: Shown,
    state: State,
}

impl OldHello {
    /// A greeting to the server of this name.
    #[must_use]
    pub fn new(host: Option<&Host>, age: Age) -> Self {
        Self {
            hello: client_hello(host, age),
            records: Vec::new(),
            messages: Vec::new(),
            taken: 0,
            shown: Shown::default(),
            state: State::Handshaking,
        }
    }

    /// Appends what is to be sent.
    pub fn to_send(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.hello);
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What the server has shown.
    #[must_use]
    pub fn shown(&self) -> Shown {
        self.shown.clone()
    }

    /// The server has hung up.
    pub fn hung_up(&mut self) -> &State {
        if self.state == State::Handshaking {
            self.state = State::Failed(Failure::HungUp);
        }
        &self.state
    }

    /// Takes what the server sent.
    pub fn receive(&mut self, bytes: &[u8]) -> &State {
        self.taken = self.taken.saturating_add(bytes.len());
        if self.state == State::Handshaking {
            if self.taken > LONGEST_HANDSHAKE {
                self.state = State::Failed(Failure::TooLong);
            } else {
                self.records.extend_from_slice(bytes);
                self.read_records();
            }
        }
        &self.state
    }

    /// Records (RFC 5246, 6.2.1): kind, version, length, content.
    fn read_records(&mut self) {
        let mut at = 0;
        while let Some((header, rest)) = self.records[at..].split_first_chunk::<5>() {
            let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
            if !matches!(header[0], 0x15 | 0x16) || header[1] != 3 || length > 1 << 14 {
                let failure = match self.taken_a_record() {
                    true => Failure::Disagreed("no handshake in the clear follows".into()),
                    false => Failure::NotTls,
                };
                return self.end(failure);
            }
            let Some(content) = rest.get(..length) else { break };
            if header[0] == 0x15 {
                let number = content.get(1).copied().unwrap_or(0);
                return self.end(Failure::Alert(cipher::alert(number)));
            }
            self.messages.extend_from_slice(content);
            at += 5 + length;
        }
        self.records.drain(..at);
        self.read_messages();
    }

    /// It came to nothing, unless what had come before was all that it was asked for.
    fn end(&mut self, failure: Failure) {
        self.read_messages();
        if self.state == State::Handshaking {
            self.state = State::Failed(failure);
        }
    }

    fn taken_a_record(&self) -> bool {
        self.shown.version.is_some() || !self.messages.is_empty()
    }

    /// Messages: kind, length in three bytes, content.
    fn read_messages(&mut self) {
        let messages = std::mem::take(&mut self.messages);
        let mut rest = messages.as_slice();
        while self.state == State::Handshaking {
            let Some((header, after)) = rest.split_first_chunk::<4>() else { break };
            let Some((content, after)) = split(after, length_of(&header[1..])) else { break };
            let read = match header[0] {
                // It sends back what it is sent.
                1 => {
                    self.state = State::Failed(Failure::NotTls);
                    Some(())
                }
                2 => self.read_hello(content),
                11 => self.read_certificates(content),
                // The server's part is over, and it has shown none.
                12 | 14 => {
                    self.state = State::Done;
                    Some(())
                }
                _ => Some(()),
            };
            if read.is_none() {
                let what = "a message of its handshake cannot be read";
                self.state = State::Failed(Failure::Disagreed(what.into()));
            }
            rest = after;
        }
        self.messages = rest.to_vec();
    }

    /// version, random, session id, cipher suite.
    fn read_hello(&mut self, content: &[u8]) -> Option<()> {
        let (version, rest) = content.split_first_chunk::<2>()?;
        let rest = rest.get(32..)?;
        let (&session, rest) = rest.split_first()?;
        let (suite, _) = rest.get(usize::from(session)..)?.split_first_chunk::<2>()?;
        self.shown.version = Some(match version {
            [3, 0] => "SSLv3",
            [3, 1] => "TLSv1.0",
            [3, 2] => "TLSv1.1",
            [3, 3] => "TLSv1.2",
            _ => return None,
        });
        self.shown.cipher = Some(cipher::name(u16::from_be_bytes(*suite)));
        Some(())
    }

    /// All certificates in three bytes of length, each in three more.
    fn read_certificates(&mut self, content: &[u8]) -> Option<()> {
        let (length, rest) = content.split_first_chunk::<3>()?;
        let (mut list, _) = split(rest, length_of(length))?;
        while !list.is_empty() {
            let (length, rest) = list.split_first_chunk::<3>()?;
            let (certificate, rest) = split(rest, length_of(length))?;
            self.shown.chain.push(certificate.to_vec());
            list = rest;
        }
        self.state = State::Done;
        Some(())
    }
}

fn length_of(three: &[u8]) -> usize {
    three.iter().fold(0, |length, &byte| length << 8 | usize::from(byte))
}

fn split(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(length)
}

/// `content` behind its length in two bytes.
fn sized(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes(), content].concat()
}

/// One record with a ClientHello (RFC 5246, 7.4.1.2).
fn client_hello(host: Option<&Host>, age: Age) -> Vec<u8> {
    let mut random = [0; 32];
    // Nothing here is kept secret by it; zeros would do where the system has none.
    let _ = SystemRandom::new().fill(&mut random);
    let version: u8 = if age == Age::Old { 3 } else { 0 };
    let suites = cipher::OLD.iter().map(|suite| suite.0).chain([0x00ff]);
    let suites: Vec<u8> = suites.flat_map(u16::to_be_bytes).collect();
    // No session, one way to compress: none.
    let mut body = [&[3, version], &random[..], &[0], &sized(&suites), &[1, 0]].concat();
    if age == Age::Old {
        body.extend(sized(&extensions(host)));
    }
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[1], &length[1..], &body].concat();
    // Old servers want an old version on the first record.
    [&[0x16, 3, version.min(1)], &sized(&message)[..]].concat()
}

fn extensions(host: Option<&Host>) -> Vec<u8> {
    let one = |kind: u16, content: &[u8]| [&kind.to_be_bytes(), &sized(content)[..]].concat();
    let mut all = Vec::new();
    if let Some(Host::Dns(name)) = host {
        let entry = [&[0], &sized(name.as_bytes())[..]].concat();
        all.extend(one(0, &sized(&entry)));
    }
    // secp256r1, secp384r1, secp521r1, x25519, and some of their time.
    let groups = [0x0017_u16, 0x0018, 0x0019, 0x001d, 0x0016, 0x0015, 0x0013];
    all.extend(one(10, &sized(&groups.map(u16::to_be_bytes).concat())));
    all.extend(one(11, &[1, 0]));
    // ECDSA, RSA and DSA by all hashes, PSS and the Edwards curves.
    let schemes = [
        0x0403_u16, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
        0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0302, 0x0202, 0x0101,
    ];
    all.extend(one(13, &sized(&schemes.map(u16::to_be_bytes).concat())));
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// A server's part as SSL 3.0 has it: hello, two certificates, done.
    fn server() -> Vec<u8> {
        let message = |kind: u8, content: &[u8]| {
            [&[kind], &(content.len() as u32).to_be_bytes()[1..], content].concat()
        };
        let three = |content: &[u8]| [&(content.len() as u32).to_be_bytes()[1..], content].concat();
        let hello = [&[3, 0][..], &[7; 32], &[2, 9, 9], &[0, 4], &[0]].concat();
        let list = three(&[three(b"first"), three(b"second")].concat());
        let all = [message(2, &hello), message(11, &list), message(14, b"")].concat();
        // In records that cut messages anywhere.
        all.chunks(13).flat_map(|part| [&[0x16, 3, 0][..], &sized(part)].concat()).collect()
    }

    proptest! {
        #[test]
        fn a_servers_part_is_read_in_any_pieces(sizes in prop::collection::vec(1..40_usize, 1..60)) {
            let bytes = server();
            let mut hello = OldHello::new(None, Age::Oldest);
            let mut rest = bytes.as_slice();
            for size in sizes.into_iter().cycle() {
                let (piece, after) = rest.split_at(size.min(rest.len()));
                hello.receive(piece);
                rest = after;
                if rest.is_empty() { break; }
            }
            prop_assert_eq!(hello.state(), &State::Done);
            let shown = hello.shown();
            prop_assert_eq!(shown.version, Some("SSLv3"));
            prop_assert_eq!(shown.cipher.unwrap(), "TLS_RSA_WITH_RC4_128_MD5");
            prop_assert_eq!(shown.chain, [b"first".to_vec(), b"second".to_vec()]);
        }

        #[test]
        fn any_bytes_do_no_harm(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            at in 0..200_usize, byte: u8,
        ) {
            OldHello::new(None, Age::Old).receive(&bytes);
            let mut damaged = server();
            if at < damaged.len() {
                damaged[at] = byte;
            }
            let mut hello = OldHello::new(None, Age::Old);
            hello.receive(&damaged);
            hello.hung_up();
            prop_assert_ne!(hello.state(), &State::Handshaking);
        }
    }

    #[test]
    fn what_is_no_tls_and_what_refuses_is_told() {
        let told = |bytes: &[u8]| OldHello::new(None, Age::Old).receive(bytes).clone();
        assert_eq!(told(b"SSH-2.0-x\r\n"), State::Failed(Failure::NotTls));
        let alert = [0x15, 3, 1, 0, 2, 2, 40];
        // Whether they come together or not: the certificates had been shown.
        let mut hello = OldHello::new(None, Age::Old);
        assert_eq!(hello.receive(&[&server()[..], &alert].concat()), &State::Done);
        assert_eq!(hello.shown().chain.len(), 2);
        let refused = told(&alert);
        assert_eq!(refused, State::Failed(Failure::Alert("handshake failure".into())));
        let mut hello = OldHello::new(None, Age::Old);
        // Messages without end: an unknown kind that is never complete.
        let record = [&[0x16, 3, 1, 0x40, 0][..], &[0xff; 1 << 14]].concat();
        for _ in 0..20 {
            hello.receive(&record);
        }
        assert_eq!(hello.state(), &State::Failed(Failure::TooLong));
    }
}
