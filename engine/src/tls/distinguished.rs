//! Distinguished names as text: `C=DE, O=Example, CN=example.org`, in the order in which
//! they are written, values escaped as RFC 4514 does it. Control characters stay as they
//! are: every way out of this program has its own means against them.

use std::fmt::Write as _;

use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::x509::X509Name;

/// Appends `name` to `text`.
pub fn write(name: &X509Name<'_>, text: &mut String) {
    let start = text.len();
    for part in name.iter_rdn() {
        for (place, attribute) in part.iter().enumerate() {
            if place > 0 {
                text.push_str(" + ");
            } else if text.len() > start {
                text.push_str(", ");
            }
            match short(attribute.attr_type().as_bytes()) {
                Some(short) => text.push_str(short),
                None => text.push_str(&attribute.attr_type().to_id_string()),
            }
            text.push('=');
            write_value(attribute.attr_value(), text);
        }
    }
}

/// `name` as text.
#[must_use]
pub fn text(name: &X509Name<'_>) -> String {
    let mut text = String::with_capacity(64);
    write(name, &mut text);
    text
}

/// What two names have in common where they are one (RFC 5280, 7.1, without its Unicode
/// tables): case, the amount of white space and the string type do not count.
#[must_use]
pub fn folded(name: &X509Name<'_>) -> String {
    // A space that is escaped, because it stands first or last, is white space too.
    text(name).replace("\\ ", " ").split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether two names are one.
#[must_use]
pub fn same(one: &X509Name<'_>, other: &X509Name<'_>) -> bool {
    one.as_raw() == other.as_raw() || folded(one) == folded(other)
}

fn write_value(value: &Any<'_>, text: &mut String) {
    // Nearly all are ASCII, which all these types but two have in common.
    let simple = matches!(value.tag(), Tag::Utf8String | Tag::PrintableString | Tag::Ia5String);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b" .-'()/:*@_=!&?".contains(byte);
    if simple
        && value.data.iter().all(plain)
        && value.data.first() != Some(&b' ')
        && value.data.last() != Some(&b' ')
    {
        text.push_str(std::str::from_utf8(value.data).unwrap_or_default());
        return;
    }
    let Some(decoded) = decode(value) else {
        text.push('#');
        for byte in value.data {
            let _ = write!(text, "{byte:02x}");
        }
        return;
    };
    let last = decoded.chars().count().saturating_sub(1);
    for (place, character) in decoded.chars().enumerate() {
        let escaped = match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => place == 0 || place == last,
            '#' => place == 0,
            _ => false,
        };
        if escaped {
            text.push('\\');
        }
        text.push(character);
    }
}

/// The string types of X.520 as text; `None` for what is no string.
fn decode(value: &Any<'_>) -> Option<String> {
    match value.tag() {
        Tag::Utf8String
        | Tag::PrintableString
        | Tag::Ia5String
        | Tag::NumericString
        | Tag::VisibleString => String::from_utf8(value.data.to_vec()).ok(),
        // What is called T.61 is Latin 1 wherever it is used.
        Tag::T61String => Some(value.data.iter().map(|&byte| char::from(byte)).collect()),
        Tag::BmpString if value.data.len().is_multiple_of(2) => {
            let units =
                value.data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        _ => None,
    }
}

fn short(oid: &[u8]) -> Option<&'static str> {
    Some(match oid {
        [0x55, 4, last] => match last {
            3 => "CN",
            4 => "SN",
            5 => "serialNumber",
            6 => "C",
            7 => "L",
            8 => "ST",
            9 => "street",
            10 => "O",
            11 => "OU",
            12 => "title",
            15 => "businessCategory",
            17 => "postalCode",
            42 => "GN",
            97 => "organizationIdentifier",
            _ => return None,
        },
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01" => "emailAddress",
        b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19" => "DC",
        b"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01" => "UID",
        b"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01" => "jurisdictionL",
        b"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02" => "jurisdictionST",
        b"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03" => "jurisdictionC",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use x509_parser::prelude::FromDer;

    /// A name of one common name with this tag and content.
    fn name(tag: u8, value: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
        let attribute = wrap(0x30, &[&b"\x06\x03\x55\x04\x03"[..], &wrap(tag, value)].concat());
        wrap(0x30, &wrap(0x31, &attribute))
    }

    fn shown(tag: u8, value: &[u8]) -> String {
        text(&X509Name::from_der(&name(tag, value)).unwrap().1)
    }

    #[test]
    fn values_of_all_string_types_are_shown_and_escaped() {
        assert_eq!(shown(12, b"a.example"), "CN=a.example");
        assert_eq!(shown(12, "Bücher, O=x".as_bytes()), "CN=Bücher\\, O=x");
        assert_eq!(shown(19, b" x "), "CN=\\ x\\ ");
        assert_eq!(shown(19, b"#1"), "CN=\\#1");
        assert_eq!(shown(30, b"\0a\x20\xac"), "CN=a€");
        assert_eq!(shown(20, b"M\xfcller"), "CN=Müller");
        assert_eq!(shown(12, b"\xff\xfe"), "CN=#fffe");
        assert_eq!(shown(4, b"\x01"), "CN=#01");
    }

    #[test]
    fn names_are_one_whatever_their_case_spaces_and_string_type() {
        let pair = |one: (u8, &[u8]), other: (u8, &[u8])| {
            let (one, other) = (name(one.0, one.1), name(other.0, other.1));
            same(&X509Name::from_der(&one).unwrap().1, &X509Name::from_der(&other).unwrap().1)
        };
        assert!(pair((12, b"A  CA"), (19, b"a ca ")));
        assert!(pair((30, b"\0A"), (12, b"a")));
        assert!(!pair((12, b"ACA"), (12, b"A CA")));
        assert!(!pair((4, b"A"), (4, b"a")));
    }
}
