use super::*;

fn pulse(worker: &str, limit: Option<f64>, others: &[(&str, Option<f64>, u64)]) -> Pulse {
    let pulse = Pulse::new("job", worker, limit, Some(90.0), Arc::default());
    for &(name, limit, age_ms) in others.iter().filter(|(name, ..)| *name != worker) {
        let heard = Instant::now() - Duration::from_millis(age_ms);
        let other = Other { limit, beat: Duration::from_secs(1), heard };
        pulse.others().insert(name.to_owned(), other);
    }
    pulse
}

fn word(worker: &str, run: u64, settled: bool) -> Word {
    Word {
        worker: worker.to_owned(),
        version: String::new(),
        limit: None,
        share: None,
        sent: 0,
        pps: 0.0,
        found: 0,
        held: 0,
        finished: 0,
        beat_ms: 1000,
        leaves: false,
        run,
        settled,
    }
}

#[test]
fn of_two_with_one_name_one_stays() {
    let (first, mut second) = (pulse("a", None, &[]), pulse("a", None, &[]));
    second.run = first.run + 1;
    assert!(!first.hear(word("a", first.run, false)) && !first.has_rival());
    first.hear(word("a", second.run, false));
    second.hear(word("a", first.run, false));
    assert!(!first.has_rival() && second.has_rival());
    // Whoever works already stays, whatever its clock says.
    second.rival = AtomicBool::new(false);
    second.run = first.run - 1;
    second.hear(word("a", first.run, true));
    assert!(second.has_rival());
    // The others' names are no rivals, and one that leaves is gone.
    assert!(first.hear(word("b", 1, true)) && !first.has_rival());
    assert_eq!(first.share().workers, 2);
    assert!(first.hear(Word { leaves: true, ..word("b", 1, true) }));
    assert_eq!(first.share().workers, 1);
}

#[test]
fn all_workers_work_out_the_same_parts() {
    let all = [("a", None), ("b", Some(10.0)), ("c", None)];
    let mut sum = 0.0;
    for (name, limit) in all {
        let others: Vec<_> = all.iter().map(|&(name, limit)| (name, limit, 0)).collect();
        sum += pulse(name, limit, &others).share().rate.unwrap_or_default();
    }
    assert!((sum - 90.0).abs() < 1e-6, "{sum}");
}

#[test]
fn a_scan_gives_way_only_where_there_is_something_to_share() {
    let stopped = |ranges: usize, pairs: u64, part: f64| {
        let pulse = pulse("a", None, &[("b", None, 0)]);
        let control = Arc::new(Control::default());
        pulse.begin(&control, part, (ranges, pairs), Duration::ZERO);
        (pulse.end(), control.level() > 0)
    };
    // Alone it had all of 90 a second; now there are two.
    assert_eq!(stopped(10, 9000, 1.0), (true, true));
    assert_eq!(stopped(10, 9000, 0.5), (false, false));
    // One range, or little that is left.
    assert_eq!(stopped(1, 1_000_000, 1.0), (false, false));
    assert_eq!(stopped(10, 300, 1.0), (false, false));
}

#[test]
fn the_part_of_one_that_left_is_given_back() {
    let gone = PATIENCE as u64 * 1000 + 1;
    assert_eq!(pulse("a", None, &[("b", None, 0)]).share().rate, Some(45.0));
    assert_eq!(pulse("a", None, &[("b", None, gone)]).share().rate, Some(90.0));
    assert_eq!(pulse("a", Some(7.0), &[("b", None, gone)]).share().rate, Some(7.0));
}
