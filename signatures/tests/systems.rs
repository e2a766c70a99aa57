//! Databases of operating systems: read, refused, and matched as the plain rule says.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use proptest::prelude::*;
use prtip_signatures::os::comparison::{Score, compare};
use prtip_signatures::os::notation::{Family, Test};
use prtip_signatures::os::{Database, Fingerprint, Limits, sample};

const ALL: Limits = Limits { at_least: 0, behind: 10_000, most: usize::MAX };

/// A database of a few systems and points of our own.
const SMALL: &str = "\
# ours
MatchPoints
SEQ(SP=20%TI=100)
OPS(O1=10%O2=10)
T1(R=50%DF=20%T=15%W=0)
IE(R=40)

# a comment
Fingerprint Alpha 1
Class Maker | AlphaOS | 1.X | general purpose
CPE cpe:/o:maker:alphaos:1 auto
Class Maker | embedded || router
SEQ(SP=5-A|>FF%TI=I|RD)
OPS(O1=M5B4|M[>500]NW[1-5]%O2=)
T1(R=Y%DF=Y%T=3B-45%W=FFFF)
IE(R=Y)

Fingerprint Beta
Class Other | Beta || printer
SEQ(SP=8%TI=Z)
OPS()
T1(R=Y%DF=N%T=40)
IE(R=N)
";

fn read(text: &str) -> Database {
    Database::read(text.as_bytes()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// All systems by the plain rule, the best first.
fn plain(database: &Database, fingerprint: &Fingerprint) -> Vec<(usize, Score)> {
    let scores = database.systems().iter().map(|s| compare(database, s, fingerprint, |_| ()));
    let mut scores: Vec<_> = scores.enumerate().filter(|(_, s)| s.possible > 0).collect();
    scores.sort_by(|(_, a), (_, b)| {
        (u64::from(b.won) * u64::from(a.possible)).cmp(&(u64::from(a.won) * u64::from(b.possible)))
    });
    scores
}

fn matched(database: &Database, fingerprint: &Fingerprint, limits: Limits) -> Vec<(usize, Score)> {
    let mut scratch = database.os_scratch();
    let best = database.best(&mut scratch, fingerprint, limits);
    best.candidates.iter().map(|one| (usize::from(one.system), one.score)).collect()
}

#[test]
fn a_database_is_read_with_names_classes_lines_and_points() {
    let database = read(SMALL);
    let [alpha, beta] = database.systems() else { panic!("two systems") };
    assert_eq!((alpha.name.as_str(), alpha.line), ("Alpha 1", 9));
    assert_eq!((beta.name.as_str(), beta.line), ("Beta", 18));
    assert_eq!(alpha.classes.len(), 2);
    assert_eq!(alpha.classes[0].generation.as_deref(), Some("1.X"));
    assert_eq!(alpha.classes[0].cpe, ["cpe:/o:maker:alphaos:1"]);
    assert_eq!((&*alpha.classes[1].device, &alpha.classes[1].generation), ("router", &None));
    assert_eq!(database.points(Test::named("SEQ", "TI")), 100);
    assert_eq!(database.points(Test::named("SEQ", "GCD")), 0);
    assert_eq!(database.expressions(alpha).count(), 9);
    let remark = database.remark().unwrap();
    assert!(remark.contains("line 18, has no WIN, ECN, T2"), "{remark}");
}

#[test]
fn points_are_won_where_both_have_a_test_and_the_expression_means_the_value() {
    let database = read(SMALL);
    for (text, alpha, beta) in [
        // Alpha in full: everything but W, which is worth nothing.
        ("SEQ(SP=7%TI=RD)OPS(O1=M5B4%O2=)T1(R=Y%DF=Y%T=40%W=0)IE(R=Y)", (265, 265), (65, 245)),
        ("SEQ(SP=100)OPS(O1=M501NW3)", (30, 30), (0, 20)),
        // A number is also meant by a range where it stands as a word elsewhere.
        ("SEQ(SP=8)", (20, 20), (20, 20)),
        ("SEQ(SP=B)OPS(O2=M5B4)", (0, 30), (0, 20)),
        ("T1(R=N)IE(R=N)", (0, 90), (40, 90)),
    ] {
        let fingerprint = Fingerprint::parse(text.as_bytes()).unwrap();
        let score = |(won, possible)| Score { won, possible };
        let found = matched(&database, &fingerprint, ALL);
        assert_eq!(found.iter().find(|(at, _)| *at == 0).unwrap().1, score(alpha), "{text}");
        assert_eq!(found.iter().find(|(at, _)| *at == 1).unwrap().1, score(beta), "{text}");
    }
    // What shares no test is not told at all.
    let other = Fingerprint::parse(b"U1(R=N)").unwrap();
    assert_eq!(matched(&database, &other, ALL), []);
    let mut differs = Vec::new();
    let fingerprint = Fingerprint::parse(b"SEQ(SP=B%TI=I)T1(W=1%DF=N)").unwrap();
    compare(&database, &database.systems()[0], &fingerprint, |test| differs.push(test.to_string()));
    assert_eq!(differs, ["SEQ.SP", "T1.DF"]);
}

#[test]
fn limits_cut_what_is_far_off_and_ties_stand_in_the_order_of_the_file() {
    let text = format!("{SMALL}\nFingerprint Gamma\nSEQ(SP=8%TI=Z)\n");
    let database = read(&text);
    let fingerprint = Fingerprint::parse(b"SEQ(SP=8%TI=Z)").unwrap();
    let places = |limits| -> Vec<usize> {
        matched(&database, &fingerprint, limits).into_iter().map(|(at, _)| at).collect()
    };
    assert_eq!(places(ALL), [1, 2, 0]);
    assert_eq!(places(Limits::default()), [1, 2]);
    assert_eq!(places(Limits { most: 1, ..ALL }), [1]);
    assert_eq!(places(Limits { behind: 8333, ..ALL }), [1, 2]);
    assert_eq!(places(Limits { behind: 8334, ..ALL }), [1, 2, 0]);
}

#[test]
fn damaged_databases_are_refused_with_line_and_reason() {
    let after = |line: &str| format!("{SMALL}{line}");
    for (text, told) in [
        (String::new(), "line 1: no Fingerprint"),
        ("\u{feff}# nothing\n\n".into(), "line 1: no Fingerprint"),
        ("<html>\n".into(), "line 1: \"<html>\": not a line of this format"),
        (SMALL.replace("MatchPoints\n", ""), "line 2: SEQ: neither of MatchPoints"),
        (after("MatchPoints\n"), "line 24: a second MatchPoints, the first is on line 2"),
        (SMALL.replace("TI=100", "TI=many"), "line 3: SEQ.TI: \"many\": points are 0 to 474"),
        (SMALL.replace("TI=100", "TI=479"), "line 3: SEQ.TI: \"479\""),
        (SMALL.replace("TI=100", "XX=100"), "line 3: SEQ: \"XX=100\": no such test"),
        (after("T1(R=N)\n"), "line 24: a second T1 line"),
        (after("T2(R=N%R=Y)\n"), "line 24: T2.R stands twice"),
        (after("T2(R=N"), "line 24: T2: no closing parenthesis"),
        (after("T2(R)"), "line 24: T2: \"R\": no ="),
        (after("T8(R=N)"), "line 24: \"T8(R=N)\": not a line of this format"),
        (after("T2(W=9-1)"), "line 24: T2.W: \"9-1\": a range that runs backwards"),
        (after("T2(W=1|>X)"), "line 24: T2.W: \"1|>X\": < and > want"),
        (after("T2(O=M[1)"), "line 24: T2.O: \"M[1\": brackets"),
        (SMALL.replace("| 1.X ", ""), "line 10: a Class has four fields"),
        (SMALL.replace("| 1.X ", "| 1 | 2 "), "line 10: a Class has four fields, and here"),
        (SMALL.replace("cpe:/o", "o"), "line 11: \"o:maker:alphaos:1 auto\": not a CPE"),
        (after("Fingerprint Last\n"), "line 24: the Fingerprint of line 24 ends without a test"),
        (after("Fingerprint\nT2(R=N)"), "line 24: a Fingerprint without a name"),
        (after("Fingerprint X\nFingerprint Y\nT2(R=N)"), "line 25: the Fingerprint of line 24"),
        (after("Fingerprint X\nCPE cpe:/o:x"), "line 25: a CPE before any Class"),
        ("Class a | b | c | d".into(), "line 1: a Class outside of a Fingerprint"),
        (after(&"x".repeat(20_000)), "line 24: a line of 20000 bytes"),
    ] {
        let faults = Database::read(text.as_bytes()).unwrap_err().to_string();
        assert!(faults.starts_with(told), "{told:?} in {faults:?}");
    }
    let faults = Database::read(b"MatchPoints\nFingerprint \xff\nT2(R=N)").unwrap_err().to_string();
    assert!(faults.contains("line 2: \"Fingerprint \\xff\": not UTF-8"), "{faults}");
    // A file cut off anywhere is refused, or said to lack its end.
    for length in 1..SMALL.len() - 1 {
        if let Ok(database) = Database::read(&SMALL.as_bytes()[..length]) {
            let last = database.systems().last().unwrap();
            assert!(database.remark().unwrap().contains(&format!("on line {}", last.line)));
        }
    }
}

#[test]
fn of_many_faults_the_first_are_told_and_the_others_counted() {
    let mut text = SMALL.to_owned();
    for n in 0..1000 {
        text += &format!("Fingerprint {n}\nT2(W=9-1)\n");
    }
    let faults = Database::read(text.as_bytes()).unwrap_err();
    assert_eq!((faults.count(), faults.first_line()), (2000, Some(25)));
    assert!(faults.to_string().ends_with("; and 1995 more faults"), "{faults}");
}

#[test]
fn too_large_databases_are_refused() {
    let huge = vec![b'\n'; (64 << 20) + 1];
    assert!(Database::read(&huge).unwrap_err().to_string().contains("larger than 64 MiB"));
    let mut many = SMALL.to_owned();
    for n in 0..1 << 16 {
        many += &format!("Fingerprint {n}\nT2(R=N)\n");
    }
    let faults = Database::read(many.as_bytes()).unwrap_err().to_string();
    assert!(faults.starts_with("line 131092: more than 65536 fingerprints"), "{faults}");
    // Ranges that all overlap and all differ would need a table as large as their square.
    let mut wide = SMALL.to_owned();
    for n in 0..20_000 {
        wide += &format!("Fingerprint {n}\nSEQ(SP={n:X}-{:X})\n", 100_000 + n);
    }
    let faults = Database::read(wide.as_bytes()).unwrap_err().to_string();
    assert!(faults.contains("SEQ.SP: too many ranges that overlap"), "{faults}");
}

#[test]
fn our_own_systems_are_told_apart_by_what_we_saw() {
    let database = Database::shipped();
    assert_eq!(database.remark(), None);
    // Two of them as another program, asked for the same, printed them.
    for (text, name) in [
        (
            "SEQ(SP=104%GCD=1%ISR=10D%TI=Z%CI=Z%II=I%TS=22)\
             OPS(O1=M5B4ST11NWA%O2=M5B4ST11NWA%O3=M5B4NNT11NWA%O4=M5B4ST11NWA%O5=M5B4ST11NWA%O6=M5B4ST11)\
             WIN(W1=FE88%W2=FE88%W3=FE88%W4=FE88%W5=FE88%W6=FE88)\
             ECN(R=Y%DF=Y%T=40%W=FAF0%O=M5B4NNSNWA%CC=Y%Q=)T1(R=Y%DF=Y%T=40%S=O%A=S+%F=AS%RD=0%Q=)T2(R=N)T3(R=N)",
            "Linux 6.18",
        ),
        (
            "SEQ(SP=FF%GCD=1%ISR=109%TI=Z%CI=Z%II=I%TS=U)\
             OPS(O1=M5B4NNSNWA%O2=M5B4NNSNWA%O3=M5B4NWA%O4=M5B4NNSNWA%O5=M5B4NNSNWA%O6=M5B4NNS)\
             WIN(W1=FAF0%W2=FAF0%W3=FAF0%W4=FAF0%W5=FAF0%W6=FAF0)ECN(R=Y%DF=Y%T=40%W=FAF0%O=M5B4NNSNWA%CC=Y%Q=)",
            "Linux 6.18, without TCP timestamps",
        ),
    ] {
        let fingerprint = Fingerprint::parse(text.as_bytes()).unwrap();
        let found = matched(database, &fingerprint, Limits::default());
        assert!(found[0].1.is_perfect(), "{found:?}");
        assert_eq!(database.systems()[found[0].0].name, name);
        assert!(found[1..].iter().all(|(_, score)| !score.is_perfect()), "{found:?}");
    }
}

/// nmap's own file, where `make test-deps` has fetched it.
fn nmaps_file(test: &str) -> Option<Vec<u8>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/readers/nmap/nmap-os-db");
    let bytes = std::fs::read(&file).ok();
    if bytes.is_none() {
        let ci = std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false");
        assert!(!ci, "{test} is required: {} is missing", file.display());
        println!("SKIPPED: {test}: needs {}: make test-deps", file.display());
    }
    bytes
}

#[test]
fn nmaps_own_file_is_read_whole_and_its_fingerprints_find_themselves() {
    let Some(bytes) = nmaps_file("nmaps_own_file_is_read_whole") else { return };
    let database = Database::read(&bytes).unwrap_or_else(|faults| panic!("{faults}"));
    // Counted by others' means.
    let lines = |word: &[u8]| {
        bytes.split(|&byte| byte == b'\n').filter(|line| line.starts_with(word)).count()
    };
    assert_eq!(database.systems().len(), lines(b"Fingerprint "));
    assert!(database.systems().len() >= 5678);
    let classes = database.systems().iter().flat_map(|system| &system.classes);
    assert_eq!(classes.clone().count(), lines(b"Class "));
    assert_eq!(classes.map(|class| class.cpe.len()).sum::<usize>(), lines(b"CPE "));
    assert_eq!(database.remark(), None);
    for (at, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if let Some(name) = line.strip_prefix(b"Fingerprint ") {
            let system = database.systems().iter().find(|system| system.line as usize == at + 1);
            assert_eq!(system.unwrap().name.as_bytes(), name.trim_ascii());
        }
    }

    let soak = std::env::var_os("PRTIP_SOAK").is_some();
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut dice = sample::dice(seed);
    let mut scratch = database.os_scratch();
    let (mut first, mut ties) = (0, 0);
    for system in (0..database.systems().len()).step_by(if soak { 1 } else { 57 }) {
        let mut fingerprint =
            sample::host(&database, &database.systems()[system], Family::V4, &mut dice);
        let best = database.best(&mut scratch, &fingerprint, Limits { most: usize::MAX, ..ALL });
        let own = best.candidates.iter().position(|one| usize::from(one.system) == system).unwrap();
        let score = best.candidates[own].score;
        assert!(score.is_perfect(), "seed {seed}: {}", database.systems()[system].name);
        assert!(best.candidates[..own].iter().all(|one| one.score.is_perfect()));
        match best.candidates.get(1).is_some_and(|second| second.score.is_perfect()) {
            true => ties += 1,
            false => first += 1,
        }
        // The same for all systems as by the plain rule; and with a value broken, no longer perfect.
        if soak || system % 5 == 0 {
            let found: Vec<_> =
                best.candidates.iter().map(|c| (usize::from(c.system), c.score)).collect();
            assert_eq!(found, plain(&database, &fingerprint), "seed {seed}");
        }
        // Some systems answer few probes, and so have few tests that count.
        let counted: Vec<Test> = database
            .expressions(&database.systems()[system])
            .map(|(test, _)| test)
            .filter(|test| database.points(*test) > 0)
            .collect();
        let broken = counted[dice(counted.len() as u64) as usize];
        fingerprint.set(broken, "NEVER");
        let score = compare(&database, &database.systems()[system], &fingerprint, |_| ());
        assert!(!score.is_perfect());
    }
    println!("{first} alone in first place, {ties} share it");
}

prop_compose! {
    /// An expression of few values, so that they often meet.
    fn any_expression()(parts in prop::collection::vec(
        prop_oneof![
            "[0-9A-C]{0,2}", "(Y|N|S\\+|M5|M5W2)?", "[0-4]-[5-9]", "[<>][1-9]", "M\\[[0-4]-[5-9]\\](W\\[>3\\])?",
        ], 1..4)) -> String {
        parts.join("|")
    }
}

prop_compose! {
    fn any_database()(
        points in prop::collection::vec(0_u16..100, 8),
        systems in prop::collection::vec(
            prop::collection::vec(prop::option::weighted(0.8, any_expression()), 8), 1..40),
    ) -> String {
        const TESTS: [&str; 8] =
            ["SEQ.SP", "SEQ.TI", "OPS.O1", "WIN.W1", "T1.R", "T1.W", "U1.UN", "IE.R"];
        let line = |values: Vec<Option<String>>| -> String {
            let pairs = TESTS.iter().zip(values).filter_map(|(name, value)| {
                let (line, test) = name.split_once('.')?;
                Some((line, format!("{test}={}", value?)))
            });
            let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
            for (name, pair) in pairs {
                match lines.last_mut() {
                    Some((last, pairs)) if *last == name => pairs.push(pair),
                    _ => lines.push((name, vec![pair])),
                }
            }
            if lines.is_empty() {
                return "IE()\n".to_owned();
            }
            lines.iter().map(|(name, pairs)| format!("{name}({})\n", pairs.join("%"))).collect()
        };
        let mut text = "MatchPoints\n".to_owned();
        text += &line(points.iter().map(|points| Some(points.to_string())).collect());
        for (at, system) in systems.into_iter().enumerate() {
            text += &format!("\nFingerprint {at}\n{}", line(system));
        }
        text
    }
}

proptest! {
    #[test]
    fn the_matcher_agrees_with_the_plain_rule(
        text in any_database(),
        values in prop::collection::vec(
            (0_usize..8, prop_oneof!["[0-9A-C]{0,2}", "(Y|N|S\\+|M5|M5W2|M[0-9](W[0-9])?)"]), 0..8),
    ) {
        const TESTS: [(&str, &str); 8] = [("SEQ", "SP"), ("SEQ", "TI"), ("OPS", "O1"), ("WIN", "W1"),
            ("T1", "R"), ("T1", "W"), ("U1", "UN"), ("IE", "R")];
        let database = Database::read(text.as_bytes()).unwrap();
        let mut fingerprint = Fingerprint::default();
        for (at, value) in values {
            fingerprint.set(Test::named(TESTS[at].0, TESTS[at].1), value);
        }
        prop_assert_eq!(matched(&database, &fingerprint, ALL), plain(&database, &fingerprint));
    }

    #[test]
    fn any_bytes_are_a_database_or_refused_in_printable_words(
        bytes: Vec<u8>, at in 0..SMALL.len(), put: u8,
    ) {
        let mut damaged = SMALL.as_bytes().to_vec();
        damaged[at] = put;
        for bytes in [bytes, damaged] {
            if let Err(faults) = Database::read(&bytes) {
                let told = faults.to_string();
                prop_assert!(told.chars().all(|c| (' '..='~').contains(&c) || c == '…'), "{}", told);
            }
        }
    }
}
