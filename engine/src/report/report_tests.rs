#![allow(clippy::unwrap_used)]

use std::fs;

use proptest::prelude::*;

use super::*;

const NOW_US: u64 = 1_800_000_000_000_000;

fn page_of(log: &str) -> Result<(String, Vec<String>)> {
    let folder = tempfile::tempdir().unwrap();
    let (path, to) = (folder.path().join("a.jsonl"), folder.path().join("a.html"));
    fs::write(&path, log).unwrap();
    let remarks = write(&[path], &Place::Path(to.clone()), &mut Vec::new(), NOW_US)?;
    Ok((fs::read_to_string(to).unwrap(), remarks))
}

fn line(kind: &str, at: u64, rest: &str) -> String {
    format!(
        "{{\"schema\":\"prtip/1\",\"type\":\"{kind}\",\"ts\":\"2026-11-26T00:00:{at:02}.000000Z\"{rest}}}\n"
    )
}

fn log() -> String {
    let port = |at, ip: &str, port, state: &str, more: &str| {
        let reason = if state == "open" { "syn-ack" } else { "rst" };
        let rest = format!(
            ",\"ip\":\"{ip}\",\"port\":{port},\"proto\":\"tcp\",\"state\":\"{state}\",\"reason\":\"{reason}\",\"ttl\":64,\"rtt_us\":{}{more}",
            50 + port
        );
        line("port", at, &rest)
    };
    [
        line("scan_started", 0, ",\"args\":[\"-sS\",\"-p\",\"1-9\",\"198.18.0.0/24\"],\"seed\":\"7\",\"targets\":\"2304\",\"shard\":\"1/1\",\"port_engine\":\"xdp\",\"xdp_mode\":\"copy\",\"interface\":\"scan0\""),
        port(1, "198.18.0.1", 22, "closed", ""),
        port(1, "198.18.0.1", 80, "open", ""),
        line("progress", 2, ",\"sent\":2000,\"replies\":300,\"open\":1,\"drops\":5"),
        port(2, "198.18.0.1", 22, "open", ",\"revised\":true"),
        port(3, "198.18.1.9", 80, "open", ""),
        line("tls", 3, ",\"ip\":\"198.18.0.1\",\"port\":443,\"chain_status\":\"expired\",\"chain\":[{\"subject\":\"CN=old\",\"not_after\":\"2026-12-01T00:00:00Z\",\"sha256\":\"aa\"},{\"subject\":\"CN=soon\",\"not_after\":\"2027-01-20T00:00:00Z\",\"sha256\":\"bb\"}]"),
        line("service", 3, ",\"ip\":\"198.18.0.1\",\"port\":80,\"proto\":\"tcp\",\"service\":\"http\",\"product\":\"nginx\",\"version\":\"1.22\""),
        line("ledger", 4, ",\"generated\":2304,\"submitted\":2304,\"completed\":2304,\"rx_steered\":4,\"rx_valid\":4,\"results\":3,\"unaccounted\":1,\"remarks\":[\"one packet\"]"),
        line("stages", 4, ",\"craft_to_kick\":{\"count\":2304,\"min\":1,\"p50\":5100,\"p99\":9000,\"p999\":1,\"max\":77000},\"ring_to_event\":null"),
        line("scan_finished", 5, ",\"open\":3,\"closed\":0,\"filtered\":2301,\"elapsed_s\":5.0,\"stopped\":false"),
    ]
    .concat()
}

#[test]
fn a_page_holds_what_the_log_tells() {
    let (page, remarks) = page_of(&log()).unwrap();
    assert!(remarks.is_empty(), "{remarks:?}");
    for text in [
        "prtip -sS -p 1-9 198.18.0.0/24",
        "<b>3</b><span>open ports</span>",
        "<b>2,301</b><span>filtered or silent</span>",
        "class=\"bad\"><b>1</b><span>packets unaccounted for",
        "4 = 3 + 0</td><td>1 are missing",
        "one packet",
        "until the kernel is kicked</td><td class=\"n\">2,304</td><td class=\"n\">5.10 &#xb5;s",
        "198.18.1.0/24",
        "nginx 1.22",
        "CN=old",
        "expired 45 days ago",
        "CN=soon",
        "1 expired, 1 end within 7 days",
        "1 correction<",
        "dropped on this host, a second",
    ] {
        assert!(page.contains(text), "no {text:?}");
    }
    // The corrected port is open, once.
    assert_eq!(
        page.matches("<th scope=\"row\" class=\"c\">198.18.0.1</th><td class=\"c\">22/tcp</td>")
            .count(),
        2
    );
    assert!(!page.contains("<td>closed</td>"));
    for word in ["NaN", "inf\"", "<script", "http://", "https://", "url("] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn a_torn_or_strange_log_is_read_as_far_as_it_goes_and_said() {
    let whole = log();
    let torn = &whole[..whole.len() - 30];
    let (page, remarks) = page_of(torn).unwrap();
    assert!(remarks.len() == 1 && remarks[0].contains("no whole line"), "{remarks:?}");
    assert!(page.contains("no whole line") && page.contains("killed, or still running"));
    let strange = whole.replacen("{\"schema\":\"prtip/1\",\"type\":\"progress\"", "{\"half\":", 1);
    let (page, remarks) = page_of(&strange).unwrap();
    assert!(remarks[0].contains("1 lines are no records"), "{remarks:?}");
    assert!(page.contains("1 line is no record"));
}

#[test]
fn what_is_no_log_is_refused_and_the_page_is_not_touched() {
    for text in ["", "hello\n", "{\"a\":1}\n", "\x1b[2J"] {
        let error = page_of(text).unwrap_err();
        assert_eq!(error.kind, Kind::Usage, "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (log_path, to) = (folder.path().join("log"), folder.path().join("page"));
    fs::write(&log_path, log()).unwrap();
    fs::write(&to, "earlier").unwrap();
    let none = folder.path().join("none");
    let logs = [log_path.clone(), none];
    assert!(write(&logs, &Place::Path(to.clone()), &mut Vec::new(), 0).is_err());
    assert_eq!(fs::read_to_string(&to).unwrap(), "earlier");
    // Nor is a log ever overwritten.
    let to = Place::Path(log_path.clone());
    let error = write(&[log_path], &to, &mut Vec::new(), 0).unwrap_err();
    assert!(error.to_string().contains("event log"), "{error}");
}

#[test]
fn the_parts_of_a_rotated_log_are_one_scan_also_where_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let whole = log();
    let cut = whole.match_indices('\n').nth(3).unwrap().0 + 1;
    fs::write(at("a.000001.zst"), zstd::encode_all(&whole.as_bytes()[..cut], 0).unwrap()).unwrap();
    fs::write(at("a"), line("log_part", 2, ",\"part\":2") + &whole[cut..]).unwrap();
    let (expected, _) = page_of(&whole).unwrap();
    let numbers = |page: &str| -> Vec<String> {
        page.split("<b>").skip(1).map(|rest| rest.split("</span>").next().unwrap().into()).collect()
    };
    for names in [&["a"][..], &["a.000001.zst", "a"]] {
        let paths: Vec<PathBuf> = names.iter().map(|name| at(name)).collect();
        let mut out = Vec::new();
        assert!(write(&paths, &Place::Stdout, &mut out, NOW_US).unwrap().is_empty());
        let page = String::from_utf8(out).unwrap();
        assert!(page.contains("<h1>Scan report</h1>"), "{names:?}: one scan");
        assert_eq!(numbers(&page), numbers(&expected));
    }
    fs::write(at("a.000003"), "").unwrap();
    let remarks = write(&[at("a")], &Place::Stdout, &mut Vec::new(), NOW_US).unwrap();
    assert!(remarks[0].contains("left out"), "{remarks:?}");
}

#[test]
fn several_logs_are_one_page_and_agree_on_each_port() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a", "b"].map(|name| folder.path().join(name));
    fs::write(&paths[0], log()).unwrap();
    fs::write(&paths[1], log().replace("\"seed\":\"7\"", "\"seed\":\"8\"")).unwrap();
    let mut out = Vec::new();
    write(&paths, &Place::Stdout, &mut out, NOW_US).unwrap();
    let page = String::from_utf8(out).unwrap();
    assert!(page.contains("Report of 2 scans") && page.contains("All 2 logs"));
    assert!(page.contains("<b>3</b><span>open ports</span>"), "each port counts once");
    assert!(page.contains("<b>4,608</b><span>probes sent</span>"), "and each probe");
}

/// Tags of a page that are opened, less those that are closed.
fn unbalanced(page: &str) -> i64 {
    let page = &page[page.find("<body>").unwrap()..];
    let all = page.matches('<').count() as i64;
    let (ends, alone) = (page.matches("</").count() as i64, page.matches("/>").count() as i64);
    all - alone - 2 * ends + 1
}

proptest! {
    /// Whatever is done to a log: no panic, and a page whose elements are closed.
    #[test]
    fn a_log_of_any_bytes_gives_a_sound_page_or_an_error(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        numbers in any::<bool>(),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = log().into_bytes();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            let digit = bytes[at].is_ascii_digit();
            bytes[at] = if numbers && digit { b'0' + byte % 10 } else { byte };
        }
        bytes.truncate(end.index(bytes.len()) + 1);
        if let Ok(page) = of_bytes(bytes, NOW_US) {
            prop_assert_eq!(unbalanced(&page), 0);
            prop_assert!(!page.contains("NaN") && page.is_ascii());
        }
    }

    #[test]
    fn numbers_of_any_size_give_a_sound_page(
        sent in any::<[u64; 4]>(), rtt in any::<u64>(), at in 0u64..60, elapsed in any::<f64>()
    ) {
        let elapsed = if elapsed.is_finite() { elapsed } else { 0.0 };
        let [a, b, c, d] = sent;
        let text = [
            line("scan_started", at, ",\"args\":[]"),
            line("port", at, &format!(",\"ip\":\"::1\",\"port\":1,\"proto\":\"tcp\",\"state\":\"open\",\"reason\":\"syn-ack\",\"rtt_us\":{rtt}")),
            line("progress", 59, &format!(",\"sent\":{a},\"replies\":{b},\"drops\":{c}")),
            line("ledger", 59, &format!(",\"generated\":{a},\"submitted\":{b},\"rx_valid\":{c},\"rx_duplicate\":{d},\"unaccounted\":{a}")),
            line("scan_finished", 59, &format!(",\"open\":{a},\"closed\":{b},\"filtered\":{c},\"elapsed_s\":{elapsed},\"stopped\":true")),
        ]
        .concat();
        let page = of_bytes(text.repeat(2).into_bytes(), NOW_US).unwrap();
        prop_assert_eq!(unbalanced(&page), 0);
        prop_assert!(!page.contains("NaN") && !page.contains("inf ") && page.is_ascii());
    }
}
