//! Where an answer repeats the token of its probe.
//!
//! Answers are foreign bytes of any length: every read is bounded.

use super::draft::Form;

/// Where the token stands in an answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Echo {
    /// Nowhere: any answer will do.
    Nothing,
    /// At a fixed offset.
    At(u16, Form),
    /// Anywhere in the first [`SEARCHED`] bytes; a field of at least eight.
    Within(Form),
    /// In the request-id of an SNMP message's PDU (RFC 1157 §4.1, RFC 3416 §3).
    SnmpRequestId(Form),
    /// In the messageID of an LDAP message (RFC 4511 §4.1.1).
    LdapMessageId(Form),
    /// In the remote session id of an OpenVPN control packet.
    OpenVpnSession(Form),
    /// In both connection ids of a Version Negotiation packet (RFC 9000 §17.2.1).
    QuicVersions(Form),
}

/// How many bytes of an answer are searched, from its start.
const SEARCHED: usize = 2048;
/// log2 of the guesses that one answer could make there.
const SEARCHED_BITS: u32 = SEARCHED.ilog2();

impl Echo {
    /// How many bits of the token an answer must meet.
    pub(super) fn bits(self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::Within(form) => form.bits() - SEARCHED_BITS,
            Self::At(_, form)
            | Self::SnmpRequestId(form)
            | Self::LdapMessageId(form)
            | Self::OpenVpnSession(form)
            | Self::QuicVersions(form) => form.bits(),
        }
    }

    /// Whether `reply` repeats `token` where it should.
    #[inline]
    pub(super) fn found(self, token: u64, reply: &[u8]) -> bool {
        match self {
            Self::Nothing => true,
            Self::At(at, form) => stands_at(reply, at.into(), form, token),
            Self::Within(form) => {
                let (wanted, len) = form.encode(token);
                let searched = &reply[..reply.len().min(SEARCHED)];
                // Most places are ruled out by their first eight bytes, in one comparison.
                let head = &wanted[..8];
                let mut places = searched.windows(8).enumerate();
                places.any(|(at, window)| {
                    window == head && searched.get(at..at + len) == Some(&wanted[..len])
                })
            }
            Self::SnmpRequestId(form) => {
                snmp_request_id(reply).is_some_and(|id| is(id, form, token))
            }
            Self::LdapMessageId(form) => {
                ldap_message_id(reply).is_some_and(|id| is(id, form, token))
            }
            // Opcode, their session id, the count of acknowledged packets and their
            // four-byte ids, our session id.
            Self::OpenVpnSession(form) => reply.get(9).is_some_and(|&acks| {
                acks > 0 && stands_at(reply, 10 + 4 * usize::from(acks), form, token)
            }),
            // Long header form, version 0, then each connection id with its length.
            Self::QuicVersions(form) => {
                reply.first().is_some_and(|byte| byte & 0x80 != 0)
                    && reply.get(1..6) == Some(&[0, 0, 0, 0, 8])
                    && stands_at(reply, 6, form, token)
                    && reply.get(14) == Some(&8)
                    && stands_at(reply, 15, form, token)
            }
        }
    }
}

fn is(field: &[u8], form: Form, token: u64) -> bool {
    let (wanted, len) = form.encode(token);
    *field == wanted[..len]
}

fn stands_at(reply: &[u8], at: usize, form: Form, token: u64) -> bool {
    let (wanted, len) = form.encode(token);
    reply.get(at..at + len) == Some(&wanted[..len])
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// SEQUENCE { version, community, PDU { request-id, … } }.
fn snmp_request_id(reply: &[u8]) -> Option<&[u8]> {
    let (tag, message, _) = element(reply)?;
    let (version, _, rest) = element(message)?;
    let (community, _, rest) = element(rest)?;
    let (_, pdu, _) = element(rest)?;
    let (id, value, _) = element(pdu)?;
    let tags = [tag, version, community, id] == [SEQUENCE, INTEGER, OCTET_STRING, INTEGER];
    tags.then_some(value)
}

/// SEQUENCE { messageID, … }.
fn ldap_message_id(reply: &[u8]) -> Option<&[u8]> {
    let (tag, message, _) = element(reply)?;
    let (id, value, _) = element(message)?;
    (tag == SEQUENCE && id == INTEGER).then_some(value)
}

/// The first BER element of `bytes`: its tag, its contents, what follows it.
/// Lengths of up to four bytes, in any of the forms that X.690 §8.1.3 allows.
/// Contents that are cut short are handed out as far as they go.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        let len = digits.iter().fold(0u32, |len, &digit| len << 8 | u32::from(digit));
        (len as usize, rest)
    };
    let (contents, rest) = rest.split_at(len.min(rest.len()));
    Some((tag, contents, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_anywhere_in_what_is_searched_and_not_beyond() {
        for form in [Form::DIGITS, Form::LONG, Form::digits(12)] {
            let (text, len) = form.encode(0x0123_4567_89ab_cdef);
            for at in [0, 1, 500, SEARCHED - len, SEARCHED - len + 1, SEARCHED] {
                let mut reply = vec![text[0]; at];
                reply.extend_from_slice(&text[..len]);
                let found = Echo::Within(form).found(0x0123_4567_89ab_cdef, &reply);
                assert_eq!(found, at + len <= SEARCHED, "{form:?} at {at}");
                reply.pop();
                assert!(!Echo::Within(form).found(0x0123_4567_89ab_cdef, &reply));
            }
        }
    }

    #[test]
    fn ber_lengths_are_read_in_all_their_forms() {
        assert_eq!(element(&[2, 1, 7, 9]), Some((2, &[7][..], &[9][..])));
        assert_eq!(element(&[2, 0x81, 1, 7]), Some((2, &[7][..], &[][..])));
        assert_eq!(element(&[2, 0x84, 0, 0, 0, 1, 7]), Some((2, &[7][..], &[][..])));
        assert_eq!(element(&[2, 0x84, 0xff, 0xff, 0xff, 0xff, 7]), Some((2, &[7][..], &[][..])));
        // The indefinite form, five bytes of length, and lengths cut off.
        for bad in [&[2, 0x80, 0, 0][..], &[2, 0x85, 0, 0, 0, 0, 1, 7], &[2, 0x82, 0], &[2], &[]] {
            assert_eq!(element(bad), None, "{bad:?}");
        }
    }
}
