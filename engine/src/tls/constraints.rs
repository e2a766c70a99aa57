//! Name constraints (RFC 5280, 4.2.1.10): whom the certificates below a CA may be for.

use std::net::IpAddr;

use x509_parser::extensions::{GeneralName, NameConstraints};
use x509_parser::x509::X509Name;

use super::certificate::{Certificate, address};
use super::distinguished;

/// The first name of `certificate` that `constraints` do not allow.
#[must_use]
pub fn violation(
    constraints: &NameConstraints<'_>,
    certificate: &Certificate<'_>,
) -> Option<String> {
    let subject = certificate.subject();
    if subject.iter_rdn().next().is_some()
        && !allows(constraints, &GeneralName::DirectoryName(subject.clone()))
    {
        return Some(distinguished::text(subject));
    }
    // An address in the subject counts where the certificate has no other of its kind.
    let mail = |name: &GeneralName<'_>| matches!(name, GeneralName::RFC822Name(_));
    if !certificate.names.iter().any(mail) {
        for attribute in subject.iter_email() {
            if let Ok(text) = attribute.as_str()
                && !allows(constraints, &GeneralName::RFC822Name(text))
            {
                return Some(text.to_owned());
            }
        }
    }
    let name = certificate.names.iter().find(|name| !allows(constraints, name))?;
    Some(super::report::alternative_name(name))
}

fn allows(constraints: &NameConstraints<'_>, name: &GeneralName<'_>) -> bool {
    if let Some(excluded) = &constraints.excluded_subtrees
        && excluded.iter().any(|tree| covers(&tree.base, name) == Some(true))
    {
        return false;
    }
    let Some(permitted) = &constraints.permitted_subtrees else { return true };
    let mut same_kind = permitted.iter().filter_map(|tree| covers(&tree.base, name)).peekable();
    same_kind.peek().is_none() || same_kind.any(|covered| covered)
}

/// Whether `tree` covers `name`; `None` where they are of different kinds.
fn covers(tree: &GeneralName<'_>, name: &GeneralName<'_>) -> Option<bool> {
    Some(match (tree, name) {
        (GeneralName::DNSName(tree), GeneralName::DNSName(name)) => {
            // A wildcard is covered where all that it stands for is.
            covers_domain(tree, name.strip_prefix("*.").unwrap_or(name))
        }
        (GeneralName::IPAddress(tree), GeneralName::IPAddress(name)) => covers_address(tree, name),
        (GeneralName::RFC822Name(tree), GeneralName::RFC822Name(name)) => covers_mail(tree, name),
        (GeneralName::URI(tree), GeneralName::URI(name)) => {
            host_of(name).is_some_and(|host| match tree.strip_prefix('.') {
                Some(_) => is_below(tree, host),
                None => tree.eq_ignore_ascii_case(host),
            })
        }
        (GeneralName::DirectoryName(tree), GeneralName::DirectoryName(name)) => begins(tree, name),
        _ => return None,
    })
}

/// The domain itself and everything below it; with a leading dot only what is below.
fn covers_domain(tree: &str, name: &str) -> bool {
    tree.is_empty()
        || tree.eq_ignore_ascii_case(name)
        || if tree.starts_with('.') {
            is_below(tree, name)
        } else {
            is_below(&format!(".{tree}"), name)
        }
}

fn is_below(dotted: &str, name: &str) -> bool {
    name.len() > dotted.len()
        && name.is_char_boundary(name.len() - dotted.len())
        && name[name.len() - dotted.len()..].eq_ignore_ascii_case(dotted)
}

/// Address and mask, 8 or 32 bytes.
fn covers_address(tree: &[u8], name: &[u8]) -> bool {
    let (network, mask) = tree.split_at(tree.len() / 2);
    let both = address(network).zip(address(name));
    let same_family = both.is_some_and(|pair| {
        matches!(pair, (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)))
    });
    same_family
        && network.len() == mask.len()
        && network.iter().zip(mask).zip(name).all(|((tree, mask), name)| tree & mask == name & mask)
}

/// One mailbox, all of a host, or (with a leading dot) all below a domain.
fn covers_mail(tree: &str, name: &str) -> bool {
    let Some((mailbox, host)) = name.rsplit_once('@') else { return false };
    match tree.rsplit_once('@') {
        Some((wanted, at)) => wanted == mailbox && at.eq_ignore_ascii_case(host),
        None if tree.starts_with('.') => is_below(tree, host),
        None => tree.eq_ignore_ascii_case(host),
    }
}

fn host_of(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(host.split_once(':').map_or(host, |(host, _)| host))
}

/// Whether the parts of `tree` are the first ones of `name`.
fn begins(tree: &X509Name<'_>, name: &X509Name<'_>) -> bool {
    let wanted = tree.iter_rdn().count();
    let first: Vec<_> = name.iter_rdn().take(wanted).cloned().collect();
    first.len() == wanted
        && distinguished::folded(tree) == distinguished::folded(&X509Name::new(first, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(tree: GeneralName<'_>, name: GeneralName<'_>) -> Option<bool> {
        covers(&tree, &name)
    }

    #[test]
    fn domains_cover_themselves_and_what_is_below() {
        let dns = |tree, name| both(GeneralName::DNSName(tree), GeneralName::DNSName(name));
        assert_eq!(dns("example.org", "example.org"), Some(true));
        assert_eq!(dns("example.org", "a.Example.org"), Some(true));
        assert_eq!(dns("example.org", "*.example.org"), Some(true));
        assert_eq!(dns("example.org", "badexample.org"), Some(false));
        assert_eq!(dns(".example.org", "a.example.org"), Some(true));
        assert_eq!(dns("", "anything.example"), Some(true));
        assert_eq!(dns("example.org", "é.org"), Some(false));
    }

    #[test]
    fn networks_cover_addresses_of_their_family() {
        let ip = |tree, name| both(GeneralName::IPAddress(tree), GeneralName::IPAddress(name));
        let tree = [192, 0, 2, 0, 255, 255, 255, 0];
        assert_eq!(ip(&tree, &[192, 0, 2, 9]), Some(true));
        assert_eq!(ip(&tree, &[192, 0, 3, 9]), Some(false));
        assert_eq!(ip(&tree, &[0; 16]), Some(false));
        assert_eq!(ip(&tree[..7], &[192, 0, 2, 9]), Some(false));
        assert_eq!(ip(&[], &[]), Some(false));
    }

    #[test]
    fn mailboxes_and_uris_by_their_hosts() {
        let mail = |tree, name| both(GeneralName::RFC822Name(tree), GeneralName::RFC822Name(name));
        assert_eq!(mail("example.org", "a@EXAMPLE.org"), Some(true));
        assert_eq!(mail("example.org", "a@b.example.org"), Some(false));
        assert_eq!(mail(".example.org", "a@b.example.org"), Some(true));
        assert_eq!(mail("a@example.org", "b@example.org"), Some(false));
        let uri = |tree, name| both(GeneralName::URI(tree), GeneralName::URI(name));
        assert_eq!(uri("example.org", "https://u@example.org:8/x"), Some(true));
        assert_eq!(uri(".example.org", "https://example.org/"), Some(false));
        assert_eq!(uri("example.org", "urn:x"), Some(false));
        assert_eq!(mail("example.org", "not a mailbox"), Some(false));
        assert_eq!(both(GeneralName::DNSName("a"), GeneralName::URI("b")), None);
    }
}
