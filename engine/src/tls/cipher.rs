//! Cipher suites and alerts by the names that they are registered by (IANA).

/// The suites of TLS 1.2 and before that are offered to old servers, those with
/// certificates and sound ciphers first; number and name without `TLS_`.
pub const OLD: [(u16, &str); 73] = [
    (0xc02b, "ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
    (0xc02f, "ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0xc02c, "ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    (0xc030, "ECDHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0xcca9, "ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xcca8, "ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0xccaa, "DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
    (0x009e, "DHE_RSA_WITH_AES_128_GCM_SHA256"),
    (0x009f, "DHE_RSA_WITH_AES_256_GCM_SHA384"),
    (0x00a2, "DHE_DSS_WITH_AES_128_GCM_SHA256"),
    (0x00a3, "DHE_DSS_WITH_AES_256_GCM_SHA384"),
    (0xc023, "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    (0xc027, "ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0xc024, "ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    (0xc028, "ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    (0xc009, "ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    (0xc013, "ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    (0xc00a, "ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    (0xc014, "ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0067, "DHE_RSA_WITH_AES_128_CBC_SHA256"),
    (0x006b, "DHE_RSA_WITH_AES_256_CBC_SHA256"),
    (0x0040, "DHE_DSS_WITH_AES_128_CBC_SHA256"),
    (0x006a, "DHE_DSS_WITH_AES_256_CBC_SHA256"),
    (0x0033, "DHE_RSA_WITH_AES_128_CBC_SHA"),
    (0x0039, "DHE_RSA_WITH_AES_256_CBC_SHA"),
    (0x0032, "DHE_DSS_WITH_AES_128_CBC_SHA"),
    (0x0038, "DHE_DSS_WITH_AES_256_CBC_SHA"),
    (0x009c, "RSA_WITH_AES_128_GCM_SHA256"),
    (0x009d, "RSA_WITH_AES_256_GCM_SHA384"),
    (0xc09c, "RSA_WITH_AES_128_CCM"),
    (0xc09d, "RSA_WITH_AES_256_CCM"),
    (0x003c, "RSA_WITH_AES_128_CBC_SHA256"),
    (0x003d, "RSA_WITH_AES_256_CBC_SHA256"),
    (0x002f, "RSA_WITH_AES_128_CBC_SHA"),
    (0x0035, "RSA_WITH_AES_256_CBC_SHA"),
    (0x0045, "DHE_RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0088, "DHE_RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x0041, "RSA_WITH_CAMELLIA_128_CBC_SHA"),
    (0x0084, "RSA_WITH_CAMELLIA_256_CBC_SHA"),
    (0x009a, "DHE_RSA_WITH_SEED_CBC_SHA"),
    (0x0096, "RSA_WITH_SEED_CBC_SHA"),
    (0xc008, "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"),
    (0xc012, "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0016, "DHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0013, "DHE_DSS_WITH_3DES_EDE_CBC_SHA"),
    (0x000a, "RSA_WITH_3DES_EDE_CBC_SHA"),
    (0x0007, "RSA_WITH_IDEA_CBC_SHA"),
    (0xc007, "ECDHE_ECDSA_WITH_RC4_128_SHA"),
    (0xc011, "ECDHE_RSA_WITH_RC4_128_SHA"),
    (0x0005, "RSA_WITH_RC4_128_SHA"),
    (0x0004, "RSA_WITH_RC4_128_MD5"),
    (0x0015, "DHE_RSA_WITH_DES_CBC_SHA"),
    (0x0012, "DHE_DSS_WITH_DES_CBC_SHA"),
    (0x0009, "RSA_WITH_DES_CBC_SHA"),
    (0x0014, "DHE_RSA_EXPORT_WITH_DES40_CBC_SHA"),
    (0x0011, "DHE_DSS_EXPORT_WITH_DES40_CBC_SHA"),
    (0x0008, "RSA_EXPORT_WITH_DES40_CBC_SHA"),
    (0x0006, "RSA_EXPORT_WITH_RC2_CBC_40_MD5"),
    (0x0003, "RSA_EXPORT_WITH_RC4_40_MD5"),
    (0xc006, "ECDHE_ECDSA_WITH_NULL_SHA"),
    (0xc010, "ECDHE_RSA_WITH_NULL_SHA"),
    (0x003b, "RSA_WITH_NULL_SHA256"),
    (0x0002, "RSA_WITH_NULL_SHA"),
    (0x0001, "RSA_WITH_NULL_MD5"),
    (0xc018, "ECDH_anon_WITH_AES_128_CBC_SHA"),
    (0xc019, "ECDH_anon_WITH_AES_256_CBC_SHA"),
    (0xc017, "ECDH_anon_WITH_3DES_EDE_CBC_SHA"),
    (0x00a6, "DH_anon_WITH_AES_128_GCM_SHA256"),
    (0x0034, "DH_anon_WITH_AES_128_CBC_SHA"),
    (0x003a, "DH_anon_WITH_AES_256_CBC_SHA"),
    (0x001b, "DH_anon_WITH_3DES_EDE_CBC_SHA"),
    (0x0018, "DH_anon_WITH_RC4_128_MD5"),
    (0x0017, "DH_anon_EXPORT_WITH_RC4_40_MD5"),
];

/// The suites of TLS 1.3.
const NEW: [(u16, &str); 5] = [
    (0x1301, "AES_128_GCM_SHA256"),
    (0x1302, "AES_256_GCM_SHA384"),
    (0x1303, "CHACHA20_POLY1305_SHA256"),
    (0x1304, "AES_128_CCM_SHA256"),
    (0x1305, "AES_128_CCM_8_SHA256"),
];

/// The name of a suite; `0x1234` for one that is not known here.
#[must_use]
pub fn name(suite: u16) -> String {
    match NEW.iter().chain(&OLD).find(|known| known.0 == suite) {
        Some((_, name)) => format!("TLS_{name}"),
        None => format!("{suite:#06x}"),
    }
}

/// The words of an alert's number (RFC 8446, 6, and what came before).
#[must_use]
pub fn alert(number: u8) -> String {
    let words = match number {
        0 => "close notify",
        10 => "unexpected message",
        20 => "bad record MAC",
        40 => "handshake failure",
        42 => "bad certificate",
        47 => "illegal parameter",
        50 => "decode error",
        51 => "decrypt error",
        70 => "protocol version",
        71 => "insufficient security",
        80 => "internal error",
        86 => "inappropriate fallback",
        109 => "missing extension",
        112 => "unrecognised name",
        116 => "certificate required",
        120 => "no application protocol",
        _ => return format!("alert {number}"),
    };
    words.to_owned()
}

/// `HandshakeFailure` as `handshake failure`.
pub(super) fn words(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_suite_has_one_number_and_one_name() {
        let all = || NEW.iter().chain(&OLD);
        let numbers: HashSet<u16> = all().map(|suite| suite.0).collect();
        let names: HashSet<&str> = all().map(|suite| suite.1).collect();
        assert_eq!((numbers.len(), names.len()), (NEW.len() + OLD.len(), NEW.len() + OLD.len()));
        assert_eq!(name(0x1301), "TLS_AES_128_GCM_SHA256");
        assert_eq!(name(0xfefe), "0xfefe");
        assert_eq!(words("HandshakeFailure"), "handshake failure");
    }

    /// rustls has its own numbers for the suites that it speaks.
    #[test]
    fn names_are_those_that_rustls_has() {
        for suite in rustls::crypto::ring::ALL_CIPHER_SUITES {
            let theirs = format!("{:?}", suite.suite()).replace("TLS13_", "TLS_");
            assert_eq!(name(suite.suite().into()), theirs);
        }
    }
}
