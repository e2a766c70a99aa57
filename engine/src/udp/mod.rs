//! What a UDP probe carries, by destination port: a datagram that the service
//! there has to answer, with a transaction id of ours that its answer repeats.
//!
//! Written from the protocols' specifications; [`payloads`] has the table. A port
//! that is not in it gets an empty datagram: many stacks say "port unreachable" to
//! it, and whatever answers is open.

mod payloads;

use crate::plan::PlanError;
use payloads::{Answer, Draft, drafts};

/// No payload is longer.
pub const MAX_PAYLOAD: usize = 1200;
/// Longest contact string.
pub const MAX_CONTACT: usize = 64;

/// The payloads of a scan.
#[derive(Debug)]
pub struct Payloads {
    /// For each port the place of its payload in `all`; 0 is the empty one.
    by_port: Box<[u8]>,
    all: Vec<Payload>,
}

/// A datagram without its headers.
#[derive(Debug)]
pub struct Payload {
    protocol: &'static str,
    bytes: Box<[u8]>,
    /// Where the transaction id stands, and how many bytes of the token it takes.
    id_at: usize,
    id_len: usize,
    /// The id is written as hexadecimal digits.
    hex: bool,
    /// BER integers: the highest bit of the first byte stays clear.
    positive: bool,
    answer: Answer,
}

impl Payloads {
    /// The table, with `contact` in the payloads that have room for words.
    ///
    /// # Errors
    /// [`PlanError::Contact`]: not printable ASCII, or longer than [`MAX_CONTACT`].
    pub fn new(contact: Option<&str>) -> Result<Self, PlanError> {
        if let Some(contact) = contact
            && (contact.len() > MAX_CONTACT
                || contact.is_empty()
                || !contact.bytes().all(|byte| (b' '..=b'~').contains(&byte)))
        {
            return Err(PlanError::Contact { most: MAX_CONTACT });
        }
        let mut payloads = Self {
            by_port: vec![0; 1 << 16].into(),
            all: vec![Payload {
                protocol: "none",
                bytes: [].into(),
                id_at: 0,
                id_len: 0,
                hex: false,
                positive: false,
                answer: Answer::Anything,
            }],
        };
        for draft in drafts(contact.unwrap_or_default()) {
            let place = payloads.all.len() as u8;
            for &port in draft.ports {
                payloads.by_port[usize::from(port)] = place;
            }
            payloads.all.push(Payload::of(draft));
        }
        Ok(payloads)
    }

    /// The payload for a destination port.
    #[inline]
    #[must_use]
    pub fn of(&self, port: u16) -> &Payload {
        &self.all[usize::from(self.by_port[usize::from(port)])]
    }
}

impl Payload {
    fn of(draft: Draft) -> Self {
        let Draft { protocol, bytes, id_at, id_len, hex, positive, answer, .. } = draft;
        debug_assert!(bytes.len() <= MAX_PAYLOAD && id_len <= 8);
        Self { protocol, bytes: bytes.into(), id_at, id_len, hex, positive, answer }
    }

    /// Name of the protocol.
    #[must_use]
    pub fn protocol(&self) -> &'static str {
        self.protocol
    }

    /// Length in bytes.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the datagram is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Writes the payload to the start of `out`, its transaction id made of `token`;
    /// returns its length.
    ///
    /// # Panics
    /// When `out` is shorter than the payload.
    pub fn write(&self, token: u64, out: &mut [u8]) -> usize {
        out[..self.len()].copy_from_slice(&self.bytes);
        let id = self.id(token);
        if self.hex {
            out[self.id_at..self.id_at + 16].copy_from_slice(&hex(id));
        } else {
            out[self.id_at..self.id_at + self.id_len].copy_from_slice(&id[..self.id_len]);
        }
        self.len()
    }

    fn id(&self, token: u64) -> [u8; 8] {
        let mut id = token.to_le_bytes();
        if self.positive {
            // Neither negative nor shorter than it looks: 0x40 to 0x7f.
            id[0] = id[0] & 0x7f | 0x40;
        }
        id
    }

    /// Whether `reply`, a datagram's payload, answers the probe made of `token`.
    #[must_use]
    pub fn accepts(&self, token: u64, reply: &[u8]) -> bool {
        let id = self.id(token);
        let id = &id[..self.id_len];
        match self.answer {
            Answer::Anything => true,
            Answer::Begins(ways) => ways.iter().any(|way| reply.starts_with(way)),
            Answer::IdAt { at, set } => {
                reply.get(at..at + id.len()) == Some(id)
                    && set.is_none_or(|(at, mask)| {
                        reply.get(at).is_some_and(|byte| byte & mask == mask)
                    })
            }
            Answer::IdWithin(bytes) => {
                let reply = &reply[..reply.len().min(bytes)];
                if self.hex {
                    let digits = hex(self.id(token));
                    reply.windows(digits.len()).any(|window| window == digits)
                } else {
                    reply.windows(id.len()).any(|window| window == id)
                }
            }
        }
    }

    /// Bits that a forged answer must guess, the addresses and ports aside.
    #[must_use]
    pub fn transaction_bits(&self) -> u32 {
        match self.answer {
            Answer::Anything | Answer::Begins(_) => 0,
            // A search finds a short id at many places.
            Answer::IdWithin(bytes) if !self.hex => (8 * self.id_len as u32
                - u32::from(self.positive) * 2)
                .saturating_sub(bytes.ilog2() + 1),
            _ => 8 * self.id_len as u32 - u32::from(self.positive) * 2,
        }
    }

    /// Whether the service may answer from another port (RFC 1350, section 4).
    #[must_use]
    pub fn answers_from_any_port(&self) -> bool {
        self.protocol == "tftp"
    }
}

fn hex(id: [u8; 8]) -> [u8; 16] {
    let mut digits = [0; 16];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(id) {
        pair[0] = b"0123456789abcdef"[usize::from(byte >> 4)];
        pair[1] = b"0123456789abcdef"[usize::from(byte & 15)];
    }
    digits
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_that_repeats_the_id_is_accepted_and_another_is_not() {
        let payloads = Payloads::new(None).unwrap();
        for port in 1..=u16::MAX {
            let payload = payloads.of(port);
            if payload.transaction_bits() == 0 {
                continue;
            }
            let token = 0x1122_3344_5566_7788 ^ u64::from(port) << 20;
            let mut probe = [0; MAX_PAYLOAD];
            let len = payload.write(token, &mut probe);
            // What a server would change in an answer that otherwise repeats the question.
            let mut reply = probe[..len].to_vec();
            if let Answer::IdAt { at, set } = payload.answer {
                let id = payload.id(token);
                reply.resize(reply.len().max(at + 8), 0);
                reply[at..at + payload.id_len].copy_from_slice(&id[..payload.id_len]);
                if let Some((at, mask)) = set {
                    reply[at] |= mask;
                }
            }
            assert!(payload.accepts(token, &reply), "{}", payload.protocol);
            assert!(
                !payload.accepts(token ^ 0x0101_0101_0101_0101, &reply),
                "{}",
                payload.protocol
            );
        }
    }

    #[test]
    fn a_contact_is_carried_or_refused() {
        let with = Payloads::new(Some("abuse@example.org")).unwrap();
        let mut probe = [0; MAX_PAYLOAD];
        let len = with.of(5060).write(1, &mut probe);
        assert!(String::from_utf8_lossy(&probe[..len]).contains("abuse@example.org"));
        for wrong in ["", "a\r\nb", &"x".repeat(65)] {
            assert!(Payloads::new(Some(wrong)).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_judged(port: u16, token: u64, reply in proptest::collection::vec(any::<u8>(), 0..300)) {
            let payloads = Payloads::new(None).unwrap();
            let _ = payloads.of(port).accepts(token, &reply);
        }
    }
}
