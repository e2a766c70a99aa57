//! Several workers, a real NATS server, one synthetic internet: labs with the same rules
//! answer alike, so each worker has one of its own, and a link to the server besides.
//! [`hub`] draws it; [`rights`] is who may do what; [`crowd`] is many workers that send nothing.

mod crowd;
mod hub;
mod rights;

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use self::hub::Fleet;
use crate::lab::{Lab, wait, words};
use crate::open_lab::Side;
use crate::setting::{seed, sized, turn};
use crate::truth::ONE_QUEUE;

const LAB: Lab = ONE_QUEUE;

fn is_the_truth(path: &Path, asked: &str) {
    let verdict = LAB.check(asked, path);
    assert!(
        verdict.expected > 1000 && verdict.nothing_false() && verdict.missed == 0,
        "{verdict:?}"
    );
}

/// The results, without times, in order.
fn told(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut all: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|record| record["type"] == "port")
        .map(|record| format!("{} {} {}", record["ip"], record["port"], record["state"]))
        .collect();
    all.sort();
    all
}

/// An authority, and a certificate of the first worker's server with its key.
fn certificates(folder: &Path) -> [String; 3] {
    let openssl = |line: &str| {
        let output = Command::new("openssl").args(words(line)).current_dir(folder).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::write(folder.join("names"), "subjectAltName=IP:198.19.254.1").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    openssl(&format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority -days 2"));
    openssl(&format!("req {key} -keyout server.key -out server.csr -subj /CN=server"));
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem \
         -days 2 -extfile names",
    );
    ["ca.pem", "server.pem", "server.key"].map(|name| folder.join(name).display().to_string())
}

#[test]
fn three_workers_find_what_one_machine_finds() {
    let Some(_turn) = turn("a fleet of three") else { return };
    let net = sized("198.18.0.0/22", "198.18.0.0/19");
    let rate = sized(30_000, 60_000);
    let scan = format!("-sS -p 1-64 {net} --show open,closed");
    let fleet = Fleet::open(3, &[]);
    fleet.submit("three", "", &format!("{scan} --rate {rate}"));
    let workers: Vec<Child> = (0..3).map(|at| fleet.work(at, "three")).collect();
    for worker in workers {
        let status = wait(worker, Duration::from_secs(sized(60, 600)));
        assert_eq!(status.code(), Some(0), "{}", fleet.words_of(0));
    }
    for at in 0..3 {
        let words = fleet.words_of(at);
        let share = format!("up to {} probes a second", rate / 3);
        assert!(words.contains(&share), "worker {at} sent at another rate: {words}");
    }
    let status = fleet.status("three").unwrap();
    assert_eq!((&status["state"], &status["waiting"]), (&"done".into(), &0.into()), "{status}");
    let (code, path, words) = fleet.collect("three");
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains(" 0 unaccounted"), "{words}");
    is_the_truth(&path, &format!("--targets {net} --ports 1-64"));
    let alone = LAB.scan(&format!("{scan} --json --cooldown 1 --rate {rate} --seed {}", seed()));
    assert!(told(&path) == told(&alone.results), "one machine finds something else");

    // The same in a file that others read, and twice the same.
    let xml = fleet.folder.path().join("out.xml");
    let (code, _, words) = fleet.said(0, &format!("collect three -oX {}", xml.display()));
    assert_eq!(code, Some(0), "{words}");
    let open = std::fs::read_to_string(&xml).unwrap().matches("state=\"open\"").count();
    assert_eq!(open, told(&path).iter().filter(|line| line.ends_with("\"open\"")).count());
}

/// What `status` said before: it must add up, and what is done stays so.
#[derive(Default)]
struct Books {
    asked: usize,
    done: u64,
}

impl Books {
    /// True where the job is done.
    fn agree(&mut self, status: &Value) -> bool {
        let count = |name: &str| status[name].as_u64().unwrap();
        let (done, ranges) = (count("done"), count("ranges"));
        assert_eq!(status["dead"], Value::Array(Vec::new()), "{status}");
        assert_eq!(done + count("leased") + count("waiting"), ranges, "{status}");
        assert_eq!(count("missing"), 0, "{status}");
        assert!(done >= self.done, "{} were done: {status}", self.done);
        assert_eq!(status["state"] == "done", done == ranges, "{status}");
        (self.asked, self.done) = (self.asked + 1, done);
        done == ranges
    }
}

#[test]
fn kills_of_workers_and_of_the_server_lose_nothing_and_repeat_nothing() {
    let Some(_turn) = turn("a fleet that is killed") else { return };
    let net = sized("198.18.0.0/21", "198.18.0.0/18");
    let (kills, restarts) = sized((4, 1), (30, 5));
    let mut fleet = Fleet::open(3, &[]);
    let scan = format!("-sS -p 1-64 {net} --show open,closed --retries 0 --rate 24000");
    fleet.submit("killed", "--range 1500", &scan);
    let mut random = seed();
    let mut draw = |below: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut workers: Vec<Child> =
        (0..3).map(|at| fleet.work(at, "killed --deliveries 100")).collect();
    let (mut killed, mut restarted) = (0, 0);
    let deadline = Instant::now() + Duration::from_secs(sized(180, 1500));
    let mut books = Books::default();
    'job: loop {
        assert!(Instant::now() < deadline, "the job does not end: {:?}", fleet.status("killed"));
        let next = Instant::now() + Duration::from_millis(800 + draw(700));
        while Instant::now() < next {
            std::thread::sleep(Duration::from_millis(50));
            let Some(status) = fleet.status("killed") else { continue };
            if books.agree(&status) {
                break 'job;
            }
        }
        if killed < kills {
            let at = draw(3) as usize;
            workers[at].kill().unwrap();
            workers[at].wait().unwrap();
            workers[at] = fleet.work(at, "killed --deliveries 100");
            killed += 1;
        }
        if restarted < restarts && killed * restarts >= (restarted + 1) * kills / 2 {
            fleet.kill_server();
            std::thread::sleep(Duration::from_millis(draw(500)));
            fleet.start_server();
            restarted += 1;
        }
        for (at, worker) in workers.iter_mut().enumerate() {
            // One that was started while there was no server has said so and ended.
            if worker.try_wait().unwrap().is_some() {
                *worker = fleet.work(at, "killed --deliveries 100");
            }
        }
    }
    assert_eq!((killed, restarted), (kills, restarts), "the job was over too early");
    let asked = books.asked;
    for worker in workers {
        wait(worker, Duration::from_secs(60));
    }
    println!("{killed} kills, {restarted} restarts, status asked {asked} times");
    let (code, path, words) = fleet.collect("killed");
    assert_eq!(code, Some(0), "{words}");
    is_the_truth(&path, &format!("--targets {net} --ports 1-64"));
}

#[test]
fn a_worker_that_is_stopped_gives_its_ranges_back_and_a_cancelled_job_ends() {
    let Some(_turn) = turn("a fleet that is stopped") else { return };
    let fleet = Fleet::open(1, &[]);
    fleet.submit("long", "", "-p 1-64 198.18.0.0/21 --rate 4000 --retries 0");
    let count = |name: &str| fleet.status("long").unwrap()[name].as_u64().unwrap();
    let started = |fleet: &Fleet, times: usize| {
        fleet.until("a run", |fleet| fleet.words_of(0).matches(" pairs, over ").count() == times);
        std::thread::sleep(Duration::from_millis(300));
    };
    let worker = fleet.work(0, "long");
    started(&fleet, 1);
    assert!(count("leased") > 0 && count("waiting") == 0);
    kill_process(Pid::from_child(&worker), Signal::INT).unwrap();
    let status = wait(worker, Duration::from_secs(20));
    assert_eq!(status.code(), Some(3), "{}", fleet.words_of(0));
    // At once, not when its silence is noticed; what was finished stays so.
    assert_eq!((count("leased"), count("waiting") + count("done")), (0, count("ranges")));

    // One that waits for jobs takes it up, and goes on waiting when it is cancelled.
    let worker = fleet.work(0, "");
    started(&fleet, 2);
    let (code, _, words) = fleet.said(0, "cancel long");
    assert_eq!(code, Some(0), "{words}");
    fleet.until("the end of the job", |fleet| fleet.words_of(0).contains("long was cancelled"));
    fleet.submit("next", "", "-p 1-64 198.18.0.0/24 --rate 20000");
    fleet.until("the next job", |fleet| {
        fleet.status("next").is_some_and(|status| status["state"] == "done")
    });
    kill_process(Pid::from_child(&worker), Signal::INT).unwrap();
    assert_eq!(wait(worker, Duration::from_secs(20)).code(), Some(3));
}

#[test]
fn what_an_operator_forbids_is_not_scanned_and_what_cannot_be_is_told() {
    let Some(_turn) = turn("a fleet's refusals") else { return };
    let folder = tempfile::tempdir().unwrap();
    let forbidden = folder.path().join("forbidden");
    std::fs::write(&forbidden, "198.18.0.77 # not this one\n").unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "s3cr3t\n").unwrap();
    let [ca, certificate, key] = certificates(folder.path());
    let fleet =
        Fleet::open(1, &["--auth", "s3cr3t", "--tls", "--tlscert", &certificate, "--tlskey", &key]);
    let auth = format!("--token-file {} --ca {ca}", token.display());
    for (flags, expected, why) in [
        (format!("--ca {ca}"), 4, "authorization"),
        (format!("--token-file {}", token.display()), 1, "--ca"),
        (format!("{auth} --server nats://198.19.254.1:4222"), 0, ""),
    ] {
        let (code, _, words) = fleet.said(0, &format!("status {flags}"));
        assert_eq!(code, Some(expected), "{flags}: {words}");
        assert!(words.contains(why), "{flags}: {words}");
    }

    fleet.submit("forged", &auth, "-p 1-16 198.18.0.0/24 --rate 5000");
    for (flags, why) in [
        (format!("--allow 198.18.0.0/15 --exclude-file {}", forbidden.display()), "198.18.0.77"),
        ("--allow 198.18.0.0/25".to_owned(), "198.18.0.128"),
        (String::new(), "special purpose"),
    ] {
        let (code, _, words) = fleet.said(0, &format!("work forged {auth} {flags}"));
        assert_eq!(code, Some(2), "{flags}: {words}");
        assert!(words.contains(why) && words.contains("nothing was sent"), "{flags}: {words}");
    }
    let (code, told, _) = fleet.said(0, &format!("status forged --json {auth}"));
    let status: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &status["refused"]), (Some(0), &3.into()), "{told}");
    assert_eq!((&status["done"], &status["leased"]), (&0.into(), &0.into()), "{told}");
    let (code, _, words) = fleet.said(0, &format!("collect forged --json {auth}"));
    assert!(code == Some(3) && words.contains("198.18.0.77"), "{words}");

    for (line, expected, why) in [
        (format!("work nowhere {auth}"), 2, "knows none"),
        (format!("work ../x {auth}"), 2, "no job is called so"),
        (format!("status {auth} --server nats://198.19.254.1:9"), 1, "refused"),
        (format!("submit --name forged {auth} -- -p 1 198.18.0.1"), 1, "of this name"),
        (format!("submit {auth} -- -sV 198.18.0.1"), 2, "-sV"),
    ] {
        let (code, _, words) = fleet.said(0, &line);
        assert_eq!(code, Some(expected), "{line}: {words}");
        assert!(words.contains(why), "{line}: {words}");
    }

    let (code, _, words) = fleet.said(0, &format!("cancel forged {auth}"));
    assert_eq!(code, Some(0), "{words}");
    let (_, told, _) = fleet.said(0, &format!("status forged {auth}"));
    assert!(told.starts_with("forged: cancelled, 0 of "), "{told}");
    let (code, _, words) = fleet.said(0, &format!("cancel --delete forged {auth}"));
    assert_eq!(code, Some(0), "{words}");
    assert_eq!(fleet.said(0, &format!("status forged {auth}")).0, Some(2));

    // What the kernel itself says on a link is little.
    let tx = fleet.labs[0].output(Side::Scan, "cat /sys/class/net/scan0/statistics/tx_packets");
    assert!(tx.trim().parse::<u64>().unwrap() < 64, "{tx} packets were sent");
}
