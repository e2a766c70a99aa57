//! What a UDP probe says: one payload for every destination port.
//!
//! Few UDP services answer a datagram that does not speak their protocol, so the
//! ports that people scan get a request of the protocol registered there, the
//! smallest that an implementation answers without knowing us, and none that
//! changes anything at the far end. Each is written from its specification,
//! which stands beside it in the family's table. All other ports get an empty
//! datagram: their ICMP errors tell as much, and an answer to it is an answer.
//!
//! Where a protocol makes the answer repeat a field (a transaction id, a
//! cookie, a timestamp), that field holds bits of the probe's token, and an
//! answer without them is not ours. Nothing else of an answer is looked at: what
//! repeats the token has seen our probe, be it an error message or an echo.
//! Parsing answers is the work of service detection, not of this module.
//!
//! The table is built once, since a contact text may be part of it; afterwards
//! nothing is allocated. No I/O, no clock, no randomness.

mod discovery;
mod draft;
mod echo;
mod games;
mod industry;
mod infrastructure;
mod names;
mod payload;
mod sessions;
mod telephony;

use draft::{Draft, Service};
pub use payload::Payload;

use crate::error::{Error, Kind};

/// The longest payload in bytes: what fits into IPv6's minimum MTU of 1280
/// (RFC 8200 §5) behind the IPv6 and UDP headers.
pub const MAX_PAYLOAD: usize = 1232;

/// The longest contact text in bytes.
pub const MAX_CONTACT: usize = 64;

/// Why a contact text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// Empty, or spaces only.
    #[error("the contact text is empty; give an address or a URL where you can be reached")]
    Empty,
    /// Longer than [`MAX_CONTACT`].
    #[error("the contact text has {0} bytes; at most {MAX_CONTACT} fit into the probes")]
    Long(usize),
    /// Other than printable ASCII, or a character that some protocol gives a
    /// meaning. Its place, the first is 1.
    #[error(
        "character {0} of the contact text cannot stand in every payload: printable ASCII \
         without quotes, angle brackets, parentheses, backslash, ampersand and semicolon can"
    )]
    Character(usize),
}

impl From<ContactError> for Error {
    fn from(error: ContactError) -> Self {
        Self::new(Kind::Usage, format!("bad --contact: {error}"))
    }
}

/// The payload of every port.
#[derive(Debug)]
pub struct Payloads {
    payloads: Box<[Payload]>,
    /// For every port its payload's place in `payloads`.
    places: Box<[u8; 1 << 16]>,
    any_port: Box<[u16]>,
}

/// The tables of all families, in the order of the documentation.
const FAMILIES: [&[Service]; 7] = [
    infrastructure::SERVICES,
    names::SERVICES,
    discovery::SERVICES,
    sessions::SERVICES,
    telephony::SERVICES,
    industry::SERVICES,
    games::SERVICES,
];

impl Payloads {
    /// Builds the payloads, with `contact` in those that have room for a text
    /// that tells a person who is asking.
    ///
    /// # Errors
    /// When the contact text is empty, longer than [`MAX_CONTACT`] bytes, or has
    /// characters that not every protocol carries.
    pub fn new(contact: Option<&str>) -> Result<Self, ContactError> {
        if let Some(text) = contact {
            check_contact(text)?;
        }
        let mut payloads = vec![Payload::new(&EMPTY, contact)];
        let mut places = Box::new([0; 1 << 16]);
        let mut any_port = Vec::new();
        for service in FAMILIES.into_iter().flatten() {
            let place = u8::try_from(payloads.len()).expect("fewer than 256 services");
            let payload = Payload::new(service, contact);
            for &port in service.ports {
                places[usize::from(port)] = place;
            }
            if payload.answers_from_any_port() {
                any_port.extend_from_slice(service.ports);
            }
            payloads.push(payload);
        }
        any_port.sort_unstable();
        Ok(Self { payloads: payloads.into(), places, any_port: any_port.into() })
    }

    /// The payload for a destination port.
    #[inline]
    #[must_use]
    pub fn of(&self, port: u16) -> &Payload {
        &self.payloads[usize::from(self.places[usize::from(port)])]
    }

    /// All payloads: the default first, then one for each protocol.
    pub fn iter(&self) -> impl Iterator<Item = &Payload> {
        self.payloads.iter()
    }

    /// The ports, ascending, whose services may answer from another port.
    #[must_use]
    pub fn answering_from_any_port(&self) -> &[u16] {
        &self.any_port
    }
}

/// What goes to a port without a protocol of ours. The contact text, where one
/// is given, is the payload: nobody there can be asked more politely.
const EMPTY: Service = Service {
    protocol: "none",
    ports: &[],
    source: "RFC 768",
    sends: "an empty datagram, or the contact text alone",
    draft: |contact| Draft::new().text(contact.unwrap_or("")),
};

/// Characters that have a meaning in SIP, HTTP, XML or Quake's info strings.
const REFUSED: &[u8] = b"\"'<>\\()&;";

fn check_contact(text: &str) -> Result<(), ContactError> {
    if text.trim().is_empty() {
        return Err(ContactError::Empty);
    }
    if text.len() > MAX_CONTACT {
        return Err(ContactError::Long(text.len()));
    }
    let refused = |byte: u8| !(b' '..=b'~').contains(&byte) || REFUSED.contains(&byte);
    match text.bytes().position(refused) {
        Some(place) => Err(ContactError::Character(place + 1)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn all() -> [Payloads; 2] {
        let longest = "x".repeat(MAX_CONTACT);
        [Payloads::new(None).unwrap(), Payloads::new(Some(&longest)).unwrap()]
    }

    fn written(payload: &Payload, token: u64) -> Vec<u8> {
        let mut out = vec![0xa5; MAX_PAYLOAD];
        let len = payload.write(token, &mut out);
        assert_eq!(len, payload.len());
        assert!(out[len..].iter().all(|&byte| byte == 0xa5), "{}", payload.protocol);
        out.truncate(len);
        out
    }

    #[test]
    fn no_port_has_two_protocols_and_no_protocol_two_rows() {
        let mut ports = HashSet::new();
        let mut names = HashSet::new();
        for service in FAMILIES.into_iter().flatten() {
            assert!(names.insert(service.protocol), "{}", service.protocol);
            assert!(!service.ports.is_empty());
            for &port in service.ports {
                assert!(ports.insert(port), "{port}");
            }
        }
        assert!(names.len() >= 30, "{}", names.len());
    }

    #[test]
    fn every_port_has_its_payload_and_the_others_the_empty_one() {
        let [plain, _] = all();
        let listed: HashSet<u16> =
            FAMILIES.into_iter().flatten().flat_map(|service| service.ports).copied().collect();
        for port in 0..=u16::MAX {
            let payload = plain.of(port);
            assert_eq!(payload.ports.contains(&port), listed.contains(&port), "{port}");
            assert_eq!(payload.protocol == "none", !listed.contains(&port), "{port}");
        }
        assert!(plain.of(51_820).is_empty());
        assert_eq!(plain.of(53).protocol, "dns");
        assert!(plain.answering_from_any_port().contains(&69));
        assert!(!plain.answering_from_any_port().contains(&53));
    }

    #[test]
    fn a_contact_stands_in_every_payload_that_says_so_and_nothing_else_changes() {
        let plain = Payloads::new(None).unwrap();
        let with = Payloads::new(Some("scan@example.org")).unwrap();
        let mut carriers = 0;
        for (plain, with) in plain.iter().zip(with.iter()) {
            let (plain_bytes, bytes) = (written(plain, 7), written(with, 7));
            let found = bytes.windows(16).any(|window| window == b"scan@example.org");
            assert_eq!(found, plain_bytes != bytes, "{}", with.protocol);
            assert_eq!(found, with.carries_contact(), "{}", with.protocol);
            carriers += usize::from(found);
        }
        assert!(carriers >= 6, "{carriers}");
    }

    #[test]
    fn contacts_that_could_break_a_payload_are_refused() {
        assert!(Payloads::new(Some("https://example.org/scan, abuse@example.org")).is_ok());
        assert_eq!(Payloads::new(Some(" ")).unwrap_err(), ContactError::Empty);
        assert_eq!(Payloads::new(Some(&"x".repeat(65))).unwrap_err(), ContactError::Long(65));
        for text in ["a\r\nb", "ab\"", "\u{e9}", "a<b", "a\0", "\x7f", "a\\b"] {
            let error = Payloads::new(Some(text)).unwrap_err();
            assert!(matches!(error, ContactError::Character(_)), "{text:?}");
        }
    }

    #[test]
    fn only_the_token_differs_between_two_probes() {
        for payload in all().iter().flat_map(Payloads::iter) {
            let (zeros, ones) = (written(payload, 0), written(payload, u64::MAX));
            assert_eq!(zeros.len(), ones.len());
            let changed: u32 = zeros.iter().zip(&ones).map(|(a, b)| (a ^ b).count_ones()).sum();
            assert_eq!(changed == 0, payload.transaction_bits() == 0, "{}", payload.protocol);
        }
    }

    /// What a forger of ICMP errors must guess of the quoted checksum: the commonest
    /// of 2^18 drawn checksums is rare wherever the payload holds a part of the token.
    #[test]
    fn tokens_spread_over_the_checksums() {
        for payload in all()[0].iter().filter(|payload| payload.transaction_bits() > 0) {
            let mut counts = vec![0u32; 1 << 16];
            let mut token = 1u64;
            for _ in 0..1 << 18 {
                token = token.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
                let token = (token ^ token >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let sum = crate::wire::checksum::finish_le(payload.sum(token ^ token >> 29));
                counts[usize::from(sum)] += 1;
            }
            let commonest = counts.into_iter().max().unwrap();
            let bits = 18.0 - f64::from(commonest).log2();
            // An RMCP tag has 7 bits, a BACnet invoke id 8; QUIC has the same eight bytes
            // twice, at an even and at an odd place, and the sum of both has 8.
            let least =
                if ["rmcp", "bacnet", "quic"].contains(&payload.protocol) { 6.5 } else { 10.5 };
            assert!(bits > least, "{}: {bits:.1} bits", payload.protocol);
        }
    }

    proptest! {
        #[test]
        fn the_sum_is_that_of_the_bytes(token: u64) {
            for payload in all().iter().flat_map(Payloads::iter) {
                let bytes = written(payload, token);
                let finish = crate::wire::checksum::finish;
                let expected = finish(crate::wire::checksum::sum(&bytes));
                prop_assert_eq!(finish(payload.sum(token)), expected, "{}", payload.protocol);
            }
        }

        #[test]
        fn random_answers_are_read_without_a_panic(
            token: u64, reply in proptest::collection::vec(any::<u8>(), 0..200)
        ) {
            for payload in all()[0].iter() {
                let accepted = payload.accepts(token, &reply);
                // Not met by chance in a run of some hundred cases.
                if payload.transaction_bits() > 24 {
                    prop_assert!(!accepted, "{}", payload.protocol);
                }
                if payload.transaction_bits() == 0 {
                    prop_assert!(accepted, "{}", payload.protocol);
                }
            }
        }

        /// Cuts and changed bytes of our own request look most like an answer.
        #[test]
        fn mangled_requests_are_read_without_a_panic(token: u64, cut: u16, at: u16, byte: u8) {
            for payload in all()[0].iter().filter(|payload| !payload.is_empty()) {
                let mut reply = written(payload, token);
                let len = reply.len();
                reply[usize::from(at) % len] = byte;
                reply.truncate(usize::from(cut) % (len + 1));
                let _ = payload.accepts(token, &reply);
            }
        }
    }
}
