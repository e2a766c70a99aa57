//! How a payload is put together, once, when the scan is set up.

use prtip_bpf::recipe;

use super::echo::Echo;

/// A row of a family's table.
#[derive(Debug)]
pub(super) struct Service {
    /// The protocol's name in the field.
    pub(super) protocol: &'static str,
    /// The destination ports that get this payload.
    pub(super) ports: &'static [u16],
    /// The specification that the payload was written from.
    pub(super) source: &'static str,
    /// What is asked, in a few words.
    pub(super) sends: &'static str,
    /// Makes the payload, with the contact text where there is room and a text.
    pub(super) draft: fn(Option<&str>) -> Draft,
}

/// How bits of the token stand in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    /// Bytes that the field takes, at most 16.
    len: u8,
    /// How many low bits of the token it shows.
    bits: u8,
    /// Bits that are always set.
    set: u64,
    /// Whether it is text: lower-case hexadecimal digits.
    hex: bool,
}

impl Form {
    /// One byte.
    pub(super) const BYTE: Self = Self::number(1, 8, 0);
    /// Two bytes.
    pub(super) const SHORT: Self = Self::number(2, 16, 0);
    /// Four bytes.
    pub(super) const WORD: Self = Self::number(4, 32, 0);
    /// Eight bytes.
    pub(super) const LONG: Self = Self::number(8, 64, 0);
    /// A BER INTEGER of exactly four bytes: positive, and with none of its
    /// leading nine bits' forms that X.690 §8.3.2 forbids.
    pub(super) const INTEGER: Self = Self::number(4, 30, 0x4000_0000);
    /// Sixteen hexadecimal digits.
    pub(super) const DIGITS: Self = Self { len: 16, bits: 64, set: 0, hex: true };

    /// The low `bits` bits of the token with the bits of `set`, in `len` bytes, the
    /// most significant first.
    pub(super) const fn number(len: u8, bits: u8, set: u64) -> Self {
        Self { len, bits, set, hex: false }
    }

    /// The low `len` hexadecimal digits of the token.
    pub(super) const fn digits(len: u8) -> Self {
        Self { len, bits: 4 * len, set: 0, hex: true }
    }

    /// How many bits of the token it shows.
    pub(super) fn bits(self) -> u32 {
        self.bits.into()
    }

    /// The field for `token`: its bytes stand at the start of the array.
    #[inline]
    pub(super) fn encode(self, token: u64) -> ([u8; 16], usize) {
        let value = token & (u64::MAX >> (64 - u32::from(self.bits))) | self.set;
        let len = usize::from(self.len);
        let mut out = [0; 16];
        if self.hex {
            for (place, digit) in out[..len].iter_mut().enumerate() {
                let nibble = (value >> (4 * (len - 1 - place)) & 0xf) as usize;
                *digit = b"0123456789abcdef"[nibble];
            }
        } else {
            out[..8].copy_from_slice(&(value << (64 - 8 * len)).to_be_bytes());
        }
        (out, len)
    }
}

/// A hole in a payload for bits of the token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    pub(super) at: u16,
    pub(super) form: Form,
}

impl Fill {
    /// The same hole for the generator in the kernel.
    pub(super) fn recipe(self) -> recipe::Fill {
        let Form { len, bits, set, hex } = self.form;
        let mask = u64::MAX >> (64 - u32::from(bits));
        recipe::Fill { mask, set, at: self.at, len, hex: u8::from(hex), reserved: 0 }
    }
}

/// A payload in the making: everything is appended.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) bytes: Vec<u8>,
    pub(super) fills: Vec<Fill>,
    pub(super) echo: Echo,
    pub(super) repeats: &'static str,
    pub(super) padded_from: Option<usize>,
    pub(super) any_port: bool,
}

impl Draft {
    pub(super) fn new() -> Self {
        Self {
            bytes: Vec::new(),
            fills: Vec::new(),
            echo: Echo::Nothing,
            repeats: "",
            padded_from: None,
            any_port: false,
        }
    }

    /// Appends bytes as they are.
    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Appends text as it is.
    pub(super) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Appends the contact text behind its `label`, where there is one.
    pub(super) fn contact(self, label: &str, contact: Option<&str>) -> Self {
        match contact {
            Some(text) => self.text(label).text(text),
            None => self,
        }
    }

    /// Appends a 16-bit number, the most significant byte first.
    pub(super) fn short(self, number: usize) -> Self {
        let number = u16::try_from(number).expect("payload fields are small");
        self.bytes(&number.to_be_bytes())
    }

    /// Appends `count` zero bytes.
    pub(super) fn zeros(mut self, count: usize) -> Self {
        self.bytes.resize(self.bytes.len() + count, 0);
        self
    }

    /// Appends a field that holds bits of the token.
    pub(super) fn token(mut self, form: Form) -> Self {
        let at = u16::try_from(self.bytes.len()).expect("payloads are short");
        self.fills.push(Fill { at, form });
        let (_, len) = form.encode(0);
        self.zeros(len)
    }

    /// Appends zeros up to a length of `len` bytes that the specification asks for.
    pub(super) fn padded_to(mut self, len: usize) -> Self {
        self.padded_from = Some(self.bytes.len());
        self.bytes.resize(len, 0);
        self
    }

    /// Says where an answer repeats the token: in words and in deed.
    pub(super) fn repeats(mut self, words: &'static str, echo: Echo) -> Self {
        self.repeats = words;
        self.echo = echo;
        self
    }

    /// Says that the service may answer from another port.
    pub(super) fn answered_from_any_port(mut self) -> Self {
        self.any_port = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(form: Form, token: u64) -> Vec<u8> {
        let (bytes, len) = form.encode(token);
        bytes[..len].to_vec()
    }

    #[test]
    fn numbers_are_big_endian_and_digits_lower_case() {
        let token = 0x0123_4567_89ab_cdef;
        assert_eq!(encoded(Form::BYTE, token), [0xef]);
        assert_eq!(encoded(Form::SHORT, token), [0xcd, 0xef]);
        assert_eq!(encoded(Form::WORD, token), [0x89, 0xab, 0xcd, 0xef]);
        assert_eq!(encoded(Form::LONG, token), token.to_be_bytes());
        assert_eq!(encoded(Form::INTEGER, token), [0x49, 0xab, 0xcd, 0xef]);
        assert_eq!(encoded(Form::number(3, 24, 0), token), [0xab, 0xcd, 0xef]);
        assert_eq!(encoded(Form::DIGITS, token), b"0123456789abcdef");
        assert_eq!(encoded(Form::digits(12), token), b"456789abcdef");
    }
}
