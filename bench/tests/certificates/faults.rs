//! What can be broken in a chain, and how.

use prtip_bench::lab::chain::{Chain, Recipe, authority, named, now};
use prtip_engine::tls::fault::Fault;
use prtip_engine::tls::host::Host;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, GeneralSubtree,
    IsCa, KeyUsagePurpose, NameConstraints,
};
use time::Duration;

use crate::oracle::Case;

/// The host that all chains are for.
pub(crate) const HOST: &str = "www.example.org";

/// One thing to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    ServerExpired,
    ServerNotYet,
    CaExpired,
    RootExpired,
    RootNotTrusted,
    RootNotTrustedButSent,
    CaNotSent,
    NoPlaceAndCaNotSent,
    SelfSigned,
    OtherHost,
    OtherAddress,
    WildcardTooDeep,
    ServerTampered,
    CaTampered,
    CaIsNone,
    CaMayNotSign,
    CaIsForClients,
    TooManyCas,
    ServerIsForClients,
    ServerMayNotAgree,
    ServerDemands,
    CaDemands,
    NotPermitted,
    Excluded,
    WrongNetwork,
    // What is odd, and no fault.
    WrongOrder,
    RootSent,
    OneTooMany,
    Wildcard,
    Address,
}

use Break::{
    Address, CaDemands, CaExpired, CaIsForClients, CaIsNone, CaMayNotSign, CaNotSent, CaTampered,
    Excluded, NoPlaceAndCaNotSent, NotPermitted, OneTooMany, OtherAddress, OtherHost, RootExpired,
    RootNotTrusted, RootNotTrustedButSent, RootSent, SelfSigned, ServerDemands, ServerExpired,
    ServerIsForClients, ServerMayNotAgree, ServerNotYet, ServerTampered, TooManyCas, Wildcard,
    WildcardTooDeep, WrongNetwork, WrongOrder,
};

/// All, each with the first fault that it makes.
pub(crate) const ALL: [(Break, Option<Fault>); 30] = [
    (ServerExpired, Some(Fault::Expired)),
    (ServerNotYet, Some(Fault::NotYetValid)),
    (CaExpired, Some(Fault::Expired)),
    (RootExpired, Some(Fault::Expired)),
    (RootNotTrusted, Some(Fault::UnknownIssuer)),
    (RootNotTrustedButSent, Some(Fault::UnknownIssuer)),
    (CaNotSent, Some(Fault::IncompleteChain)),
    (NoPlaceAndCaNotSent, Some(Fault::UnknownIssuer)),
    (SelfSigned, Some(Fault::SelfSigned)),
    (OtherHost, Some(Fault::NameMismatch)),
    (OtherAddress, Some(Fault::NameMismatch)),
    (WildcardTooDeep, Some(Fault::NameMismatch)),
    (ServerTampered, Some(Fault::BadSignature)),
    (CaTampered, Some(Fault::BadSignature)),
    (CaIsNone, Some(Fault::NotACa)),
    (CaMayNotSign, Some(Fault::KeyUsage)),
    (CaIsForClients, Some(Fault::ExtendedKeyUsage)),
    (TooManyCas, Some(Fault::PathLength)),
    (ServerIsForClients, Some(Fault::ExtendedKeyUsage)),
    (ServerMayNotAgree, Some(Fault::KeyUsage)),
    (ServerDemands, Some(Fault::UnknownCriticalExtension)),
    (CaDemands, Some(Fault::UnknownCriticalExtension)),
    (NotPermitted, Some(Fault::NameConstraints)),
    (Excluded, Some(Fault::NameConstraints)),
    (WrongNetwork, Some(Fault::NameConstraints)),
    (WrongOrder, None),
    (RootSent, None),
    (OneTooMany, None),
    (Wildcard, None),
    (Address, None),
];

/// A chain with all these things broken.
pub(crate) fn broken(breaks: &[Break], mut recipe: Recipe) -> Case {
    breaks.iter().for_each(|thing| thing.change_recipe(&mut recipe));
    let chain = recipe.make().unwrap();
    let mut case = Case {
        sent: chain.sent.clone(),
        trusted: vec![chain.root.clone()],
        host: Some(Host::parse(HOST).unwrap()),
        at: now().unix_timestamp(),
    };
    breaks.iter().for_each(|thing| thing.change_chain(&mut case, &chain, &recipe));
    case
}

impl Break {
    fn change_recipe(self, recipe: &mut Recipe) {
        let Recipe { root, intermediates, server, .. } = recipe;
        let ca = &mut intermediates[0];
        match self {
            ServerExpired => server.not_after = now() - Duration::minutes(1),
            ServerNotYet => server.not_before = now() + Duration::days(1),
            CaExpired => ca.not_after = now() - Duration::minutes(1),
            RootExpired => root.not_after = now() - Duration::minutes(1),
            NoPlaceAndCaNotSent => server.custom_extensions.clear(),
            CaIsNone => ca.is_ca = IsCa::ExplicitNoCa,
            CaMayNotSign => ca.key_usages = vec![KeyUsagePurpose::CrlSign],
            CaIsForClients => ca.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
            TooManyCas => {
                ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
                intermediates.push(authority("one CA too many"));
            }
            ServerIsForClients => {
                server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            }
            ServerMayNotAgree => server.key_usages = vec![KeyUsagePurpose::CrlSign],
            ServerDemands => demand(server),
            CaDemands => demand(ca),
            NotPermitted => limit(ca, true, GeneralSubtree::DnsName("example.net".into())),
            Excluded => limit(ca, false, GeneralSubtree::DnsName("example.org".into())),
            WrongNetwork => {
                let names = ["192.0.2.7".to_owned(), HOST.to_owned()];
                server.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
                let subnet = rcgen::CidrSubnet::from_v4_prefix([198, 51, 100, 0], 24);
                limit(ca, true, GeneralSubtree::IpAddress(subnet));
            }
            Wildcard | WildcardTooDeep => {
                let name = if self == Wildcard { "*.example.org" } else { "*.org" };
                let names = [name.to_owned()];
                server.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
            }
            Address => {
                // openssl takes a common name for a DNS name where there is no other; we
                // never do.
                server.distinguished_name = named("two addresses");
                let names = ["192.0.2.7".to_owned(), "2001:db8::7".to_owned()];
                server.subject_alt_names = CertificateParams::new(names).unwrap().subject_alt_names;
            }
            _ => {}
        }
    }

    fn change_chain(self, case: &mut Case, chain: &Chain, recipe: &Recipe) {
        match self {
            RootNotTrusted | RootNotTrustedButSent => {
                let other = Recipe::sound("Other", HOST, 0).unwrap().make().unwrap();
                case.trusted = vec![other.root];
                if self == RootNotTrustedButSent {
                    case.sent.push(chain.root.clone());
                }
            }
            CaNotSent | NoPlaceAndCaNotSent => case.sent.truncate(1),
            SelfSigned => {
                let key = rcgen::KeyPair::generate().unwrap();
                case.sent = vec![recipe.server.self_signed(&key).unwrap().der().to_vec()];
            }
            OtherHost => case.host = Some(Host::parse("www.example.net").unwrap()),
            OtherAddress => case.host = Some(Host::parse("192.0.2.8").unwrap()),
            ServerTampered => tamper(&mut case.sent[0]),
            CaTampered => {
                if let Some(last) = case.sent.get_mut(1..).and_then(<[_]>::last_mut) {
                    tamper(last);
                }
            }
            WrongOrder => case.sent[1..].reverse(),
            RootSent => case.sent.push(chain.root.clone()),
            OneTooMany => {
                case.sent.insert(1, Recipe::sound("Other", HOST, 0).unwrap().make().unwrap().root);
            }
            Address => case.host = Some(Host::parse("2001:db8::7").unwrap()),
            _ => {}
        }
    }
}

/// Flips a bit near the end: in the signature.
fn tamper(der: &mut [u8]) {
    let last = der.len() - 3;
    der[last] ^= 4;
}

fn demand(params: &mut CertificateParams) {
    let mut extension = CustomExtension::from_oid_content(&[1, 2, 3, 4, 5], vec![5, 0]);
    extension.set_criticality(true);
    params.custom_extensions.push(extension);
}

fn limit(ca: &mut CertificateParams, permitted: bool, tree: GeneralSubtree) {
    let constraints = ca.name_constraints.get_or_insert(NameConstraints {
        permitted_subtrees: Vec::new(),
        excluded_subtrees: Vec::new(),
    });
    let trees = match permitted {
        true => &mut constraints.permitted_subtrees,
        false => &mut constraints.excluded_subtrees,
    };
    trees.push(tree);
}
