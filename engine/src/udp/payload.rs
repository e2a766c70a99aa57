//! A finished payload: bytes with holes for the token, and the answer's test.

use prtip_bpf::recipe;

use super::MAX_PAYLOAD;
use super::draft::{Fill, Service};
use super::echo::Echo;
use crate::wire::checksum;

/// What a probe to some ports says, and how its answer is known.
#[derive(Debug)]
pub struct Payload {
    /// The protocol's name in the field; `none` for the empty default.
    pub protocol: &'static str,
    /// The destination ports that get this payload; empty for the default.
    pub ports: &'static [u16],
    /// The specification and section that it was written from.
    pub source: &'static str,
    /// What is asked, in a few words.
    pub sends: &'static str,
    /// Which field of the answer is checked, in a few words; empty where none is.
    pub repeats: &'static str,
    bytes: Box<[u8]>,
    fills: Box<[Fill]>,
    /// The sum of `bytes`, the holes being zero.
    sum: u64,
    echo: Echo,
    padded_from: Option<usize>,
    any_port: bool,
    contact: bool,
}

impl Payload {
    pub(super) fn new(service: &Service, contact: Option<&str>) -> Self {
        let draft = (service.draft)(contact);
        let bytes = draft.bytes.into_boxed_slice();
        assert!(bytes.len() <= MAX_PAYLOAD, "{} is too long", service.protocol);
        let contact = contact
            .is_some_and(|text| bytes.windows(text.len()).any(|window| window == text.as_bytes()));
        Self {
            protocol: service.protocol,
            ports: service.ports,
            source: service.source,
            sends: service.sends,
            repeats: draft.repeats,
            sum: checksum::sum(&bytes),
            bytes,
            fills: draft.fills.into(),
            echo: draft.echo,
            padded_from: draft.padded_from,
            any_port: draft.any_port,
            contact,
        }
    }

    /// What the generator in the kernel needs to write it; `None` where it has more
    /// holes than that takes.
    #[must_use]
    pub fn recipe(&self) -> Option<recipe::Payload> {
        let mut out = recipe::Payload {
            sum: self.sum,
            len: self.bytes.len() as u32,
            fills: self.fills.len() as u32,
            ..recipe::Payload::default()
        };
        if self.fills.len() > out.fill.len() {
            return None;
        }
        for (place, fill) in out.fill.iter_mut().zip(&self.fills) {
            *place = fill.recipe();
        }
        out.bytes.get_mut(..self.bytes.len())?.copy_from_slice(&self.bytes);
        Some(out)
    }

    /// Its length in bytes, at most [`MAX_PAYLOAD`].
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the datagram carries no payload.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The length up to which the protocol needs it; what follows is padding that
    /// the specification asks for. `None` where nothing is padded.
    #[must_use]
    pub fn padded_from(&self) -> Option<usize> {
        self.padded_from
    }

    /// Writes the payload to the start of `out`, its transaction fields filled
    /// from `token`, and returns its length in bytes.
    ///
    /// # Panics
    /// When `out` is shorter than [`len`](Self::len).
    #[inline]
    pub fn write(&self, token: u64, out: &mut [u8]) -> usize {
        let out = &mut out[..self.bytes.len()];
        out.copy_from_slice(&self.bytes);
        for fill in &self.fills {
            let at = usize::from(fill.at);
            let (text, len) = fill.form.encode(token);
            out[at..at + len].copy_from_slice(&text[..len]);
        }
        self.bytes.len()
    }

    /// The not yet folded checksum of the payload for `token`, in the manner of
    /// [`wire::checksum::sum`](crate::wire::checksum::sum): it starts at an even
    /// offset of the datagram, as every UDP payload does.
    #[inline]
    #[must_use]
    pub fn sum(&self, token: u64) -> u64 {
        let mut sum = self.sum;
        for fill in &self.fills {
            let (text, len) = fill.form.encode(token);
            for (place, &byte) in text[..len].iter().enumerate() {
                sum += u64::from(byte) << (8 * ((usize::from(fill.at) + place) & 1));
            }
        }
        sum
    }

    /// Whether `reply`, a datagram's payload from the probed address to the
    /// probe's source port, repeats the transaction fields of `token`. True for
    /// every reply where the protocol has none.
    #[inline]
    #[must_use]
    pub fn accepts(&self, token: u64, reply: &[u8]) -> bool {
        self.echo.found(token, reply)
    }

    /// Whether a datagram from another port than the one asked looks like an answer:
    /// where nothing in it is ours, at least its form must fit. TFTP: data, an error or
    /// an option acknowledgement (RFC 1350, section 5; RFC 2347); SSDP: a response.
    #[must_use]
    pub fn has_the_form_of_an_answer(&self, reply: &[u8]) -> bool {
        match self.protocol {
            "tftp" => matches!(reply, [0, 3 | 5 | 6, ..]),
            "ssdp" => reply.starts_with(b"HTTP/1.1 "),
            _ => true,
        }
    }

    /// How many bits of the token an answer must repeat, less what a single reply
    /// gains by offering many guesses at once: a reply made without the token is
    /// accepted with a probability of 2^-bits. 0 where the protocol repeats nothing.
    #[must_use]
    pub fn transaction_bits(&self) -> u32 {
        self.echo.bits()
    }

    /// How unlikely a false answer is, as the negative binary logarithm, when an
    /// answer's source port adds `source_port_bits`: of how many ports of ours
    /// the right one had to be met.
    #[must_use]
    pub fn false_accept_bits(&self, source_port_bits: f64) -> f64 {
        f64::from(self.transaction_bits()) + source_port_bits
    }

    /// Whether the service may answer from another port than the one asked, as
    /// TFTP does by design (RFC 1350 §4).
    #[must_use]
    pub fn answers_from_any_port(&self) -> bool {
        self.any_port
    }

    /// Whether the contact text is part of it.
    #[must_use]
    pub fn carries_contact(&self) -> bool {
        self.contact
    }
}
