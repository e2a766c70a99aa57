//! The matcher beside the `regex` crate: the same rules, tried one after the other.

use std::collections::HashMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use prtip_signatures::format::{PartText, ProbeText, RuleText, Section, Source, read};
use prtip_signatures::matching::header_end;
use prtip_signatures::rule::{Begins, Change, Field, Piece, Rule};
use prtip_signatures::users::{nmap, recog};
use prtip_signatures::{Database, Transport, sources};
use regex::bytes::{Regex, RegexBuilder};

fn regex(text: &str) -> Regex {
    RegexBuilder::new(text).unicode(false).build().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Expressions of a small alphabet, so that answers of it match now and then.
fn expression() -> impl Strategy<Value = String> {
    let atom = prop_oneof![
        4 => "[abA]{1,4}",
        1 => Just("[ab]".to_owned()),
        1 => Just("[^a]".to_owned()),
        1 => Just(".".to_owned()),
        1 => Just(r"\xff".to_owned()),
        1 => Just(r"\b".to_owned()),
        1 => Just("(?i:aB)".to_owned()),
    ];
    let body = atom.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(?:{a}|{b})")),
            1 => (inner, prop::sample::select(vec!["*", "+", "?", "*?", "+?", "{2}", "{1,3}"]))
                .prop_map(|(a, times)| format!("(?:{a}){times}")),
        ]
    });
    (prop::bool::ANY, body.clone(), body.clone(), body, prop::bool::ANY).prop_map(
        |(start, a, b, c, end)| {
            format!("{}{a}({b}){c}{}", if start { "^" } else { "" }, if end { r"\z" } else { "" })
        },
    )
}

fn answer() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"abAB\n\xff".to_vec()), 0..24)
}

fn database(rules: &[(String, bool)]) -> Database {
    let rules = rules
        .iter()
        .enumerate()
        .map(|(at, (text, soft))| RuleText {
            id: at.to_string(),
            service: "x".to_owned(),
            soft: *soft,
            parts: vec![PartText { text: text.clone(), ..PartText::default() }],
            fields: vec![(Field::Version, vec![Piece::Group(0, 1, Change::Printable)])],
            examples: Vec::new(),
            near_misses: Vec::new(),
            place: Default::default(),
        })
        .collect();
    let probe = ProbeText {
        name: "NULL".to_owned(),
        transport: Transport::Tcp,
        payload: Vec::new(),
        ports: Vec::new(),
        tls_ports: Vec::new(),
        rarity: 1,
        wait_ms: 0,
        any_port: false,
        fallback: Vec::new(),
        place: Default::default(),
    };
    let section = Section {
        name: "s".to_owned(),
        answers: vec![(Transport::Tcp, "NULL".to_owned())],
        rules,
        place: Default::default(),
    };
    let source = Source { probes: vec![probe], sections: vec![section] };
    Database::of(&[source]).unwrap_or_else(|faults| panic!("{faults:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        if std::env::var_os("PRTIP_SOAK").is_some() { 20_000 } else { 400 }
    ))]

    #[test]
    fn the_first_rule_that_matches_wins_with_the_captures_of_the_regex_crate(
        rules in prop::collection::vec((expression(), prop::bool::weighted(0.2)), 1..6),
        answers in prop::collection::vec(answer(), 1..6),
    ) {
        let database = database(&rules);
        let mut scratch = database.scratch();
        for answer in &answers {
            let mut order: Vec<usize> = (0..rules.len()).collect();
            order.sort_by_key(|&at| rules[at].1);
            let expected = order.into_iter().find_map(|at| {
                let captures = regex(&rules[at].0).captures(answer)?;
                let text: String = captures[1].iter()
                    .filter(|byte| (0x20..0x7f).contains(*byte)).map(|&b| char::from(b)).collect();
                Some((at.to_string(), Some(text).filter(|text| !text.is_empty())))
            });
            let told = database.match_answer(&mut scratch, 0, answer)
                .map(|told| (told.rule.to_owned(), told.version.map(|text| text.into_owned())));
            prop_assert_eq!(told, expected, "{:?} on {:?}", rules, answer.escape_ascii().to_string());
        }
        prop_assert_eq!(scratch.counters.capped, 0);
    }

    #[test]
    fn readers_of_users_files_take_anything(
        words in prop::collection::vec(prop_oneof![
            Just("Probe TCP NULL q||\n"), Just("Probe UDP x q|\\x"), Just("match a m|"), Just("|s p/$1/\n"),
            Just("softmatch b m=("), Just("=i v/$SUBST(1,\"a\",\"b\")/ cpe:/a:b:$2/\n"), Just("[\\0-\\377"),
            Just("(?!a)"), Just("{1,9}"), Just("\\"), Just("$P(1)"), Just("fallback x\n"), Just("ports 1-,2\n"),
            Just("<fingerprints matches=\"ssh.banner\">"), Just("<fingerprint pattern=\"(a"), Just("\">"),
            Just("<param pos=\"1\" name=\"service.version\"/>"), Just("</fingerprint>"), Just("&#x0;"),
            Just("section a\n"), Just("answers NULL\n"), Just("rule r\n"), Just("example \"\\x\"\n"), Just("product ${v}\n"),
        ], 0..24),
        noise in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut text = words.concat().into_bytes();
        text.extend(noise);
        let read_as_nmap = nmap::read("f", &text);
        if let Ok(database) = Database::of(&[read_as_nmap.source]) {
            let mut scratch = database.scratch();
            for probe in 0..database.probes().len() {
                database.match_answer(&mut scratch, probe, &text);
            }
        }
        let mut collector = recog::Collector::default();
        collector.read("f", &text);
        prop_assert!(collector.finish().is_ok());
        let _ = read("f", &String::from_utf8_lossy(&text));
    }
}

/// The regexes of the shipped patterns.
static SHIPPED: LazyLock<HashMap<u32, Regex>> = LazyLock::new(|| {
    let database = Database::shipped();
    let patterns = database.rules().iter().flat_map(|rule| rule.parts.iter());
    patterns.map(|part| (part.pattern, regex(&database.pattern(part.pattern).source))).collect()
});

/// Probe and answer of every example.
static EXAMPLES: LazyLock<Vec<(usize, Vec<u8>)>> = LazyLock::new(|| {
    let mut examples = Vec::new();
    for (file, text) in sources() {
        for section in read(file, text).unwrap_or_else(|fault| panic!("{fault}")).sections {
            let (transport, name) = &section.answers[0];
            let probe = Database::shipped().probe(*transport, name).unwrap_or_default();
            let rules = section.rules.into_iter().flat_map(|rule| rule.examples);
            examples.extend(rules.map(|example| (probe, example.answer)));
        }
    }
    examples
});

fn one_by_one(probe: usize, answer: &[u8]) -> Option<&'static str> {
    let database = Database::shipped();
    let holds = |rule: &&Rule| {
        rule.parts.iter().all(|part| {
            let found = match database.pattern(part.pattern).begins {
                Begins::InHeader => SHIPPED[&part.pattern]
                    .find(answer)
                    .is_some_and(|found| found.start() < header_end(answer)),
                _ => SHIPPED[&part.pattern].is_match(answer),
            };
            found != part.negated
        })
    };
    let hard = database.rules_of(probe).filter(|rule| !rule.soft).find(holds);
    hard.or_else(|| database.rules_of(probe).filter(|rule| rule.soft).find(holds))
        .map(|rule| &*rule.id)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(
        if std::env::var_os("PRTIP_SOAK").is_some() { 20_000 } else { 300 }
    ))]

    #[test]
    fn spoilt_answers_are_told_as_by_the_shipped_rules_one_by_one(
        first in any::<prop::sample::Index>(),
        second in any::<prop::sample::Index>(),
        cuts in (any::<prop::sample::Index>(), any::<prop::sample::Index>()),
        spoilt in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let (probe, head) = first.get(&EXAMPLES);
        let (_, tail) = second.get(&EXAMPLES);
        let mut answer = head[..cuts.0.index(head.len() + 1)].to_vec();
        answer.extend_from_slice(&tail[cuts.1.index(tail.len() + 1)..]);
        for (place, byte) in spoilt {
            if !answer.is_empty() {
                let place = place.index(answer.len());
                answer[place] = byte;
            }
        }
        let database = Database::shipped();
        let mut scratch = database.scratch();
        for answer in [head, &answer] {
            let told = database.match_answer(&mut scratch, *probe, answer).map(|told| told.rule);
            prop_assert_eq!(told, one_by_one(*probe, answer), "{}", answer.escape_ascii());
        }
        prop_assert_eq!(scratch.counters.capped, 0);
    }
}
