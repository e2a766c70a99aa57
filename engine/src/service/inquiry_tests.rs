//! Inquiries against servers that are functions: no sockets, a clock that is a number.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use proptest::prelude::*;
use prtip_signatures::Resolver;

use super::super::found::BANNER_MAX;
use super::*;

const MS: u64 = 1_000_000;
const SSH: &[u8] = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n";
const NGINX: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nConnection: close\r\n\r\nhello";

/// What a server does in a connection after something has happened there.
#[derive(Clone, Debug)]
enum Deed {
    /// Says this so many milliseconds later.
    Say(u64, Vec<u8>),
    /// Ends the connection so many milliseconds later.
    End(u64),
}

/// Decides what follows: which connection of this port (from 0), and what was heard there
/// (nothing: it has just been opened). `None` refuses the connection.
type Server<'a> = dyn FnMut(usize, Option<&[u8]>, u64) -> Option<Vec<Deed>> + 'a;

/// How an inquiry went.
struct Course {
    found: Found,
    took_ms: u64,
    connections: usize,
    most_at_once: usize,
    heard_bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Opened,
    Refused,
    Heard(Vec<u8>),
    Closed,
}

/// Connections as a driver sees them.
#[derive(Default)]
struct World {
    now: u64,
    /// When, in which order, in which connection, what.
    events: BTreeSet<(u64, u64, usize, What)>,
    planned: u64,
    /// The connection of each talk, and until when it waits for something to come.
    talks: [Option<(usize, Option<u64>)>; TALKS],
    connections: usize,
    most_at_once: usize,
    heard_bytes: usize,
    /// The server looks at a connection when those before it are gone.
    one_by_one: bool,
    /// Connections that stand, in order, and what has not been looked at.
    standing: Vec<usize>,
    held: Vec<(usize, Option<Vec<u8>>)>,
}

impl World {
    fn plan(&mut self, connection: usize, after_ms: u64, what: What) {
        self.planned += 1;
        self.events.insert((self.now + after_ms * MS, self.planned, connection, what));
    }

    fn answer(&mut self, connection: usize, said: Option<&[u8]>, server: &mut Server<'_>) {
        if said.is_none() && self.one_by_one {
            self.standing.push(connection);
            self.plan(connection, 0, What::Opened);
        }
        if self.one_by_one && self.standing.first().is_some_and(|&first| first != connection) {
            self.held.push((connection, said.map(<[u8]>::to_vec)));
            return;
        }
        self.answer_in_turn(connection, said, server);
    }

    fn answer_in_turn(&mut self, connection: usize, said: Option<&[u8]>, server: &mut Server<'_>) {
        let Some(deeds) = server(connection, said, self.now) else {
            self.plan(connection, 0, What::Refused);
            return;
        };
        if said.is_none() && !self.one_by_one {
            self.plan(connection, 0, What::Opened);
        }
        for deed in deeds {
            match deed {
                Deed::Say(after, bytes) => self.plan(connection, after, What::Heard(bytes)),
                Deed::End(after) => self.plan(connection, after, What::Closed),
            }
        }
    }

    fn carry_out(&mut self, order: Order, server: &mut Server<'_>) {
        match order {
            Order::Open(talk) => {
                assert!(self.talks[talk].is_none());
                self.talks[talk] = Some((self.connections, None));
                self.connections += 1;
                let open = self.talks.iter().flatten().count();
                self.most_at_once = self.most_at_once.max(open);
                self.answer(self.connections - 1, None, server);
            }
            Order::Say(talk, bytes, until) => {
                let (connection, waits) = self.talks[talk].as_mut().unwrap();
                assert_eq!(waits.replace(until), None, "one thing at a time");
                let connection = *connection;
                self.answer(connection, Some(&bytes), server);
            }
            Order::Hear(talk, until) => {
                let (_, waits) = self.talks[talk].as_mut().unwrap();
                assert_eq!(waits.replace(until), None, "one thing at a time");
            }
            Order::Close(talk) => {
                let gone = self.talks[talk].take();
                self.standing.retain(|&other| gone.is_none_or(|(gone, _)| gone != other));
                let first = self.standing.first().copied();
                let (now, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.held)
                    .into_iter()
                    .partition(|(connection, _)| Some(*connection) == first);
                self.held = later;
                for (connection, said) in now {
                    self.answer_in_turn(connection, said.as_deref(), server);
                }
            }
        }
    }

    /// The next thing that happens, and in which talk.
    fn next(&mut self) -> (usize, Option<What>) {
        loop {
            let due = (0..TALKS).filter_map(|at| Some((self.talks[at]?.1?, at))).min();
            let event = self.events.first().map(|&(at, ..)| at);
            match (event, due) {
                (None, None) => panic!("nothing will ever happen"),
                (event, Some((at, talk))) if event.is_none_or(|event| at < event) => {
                    self.now = self.now.max(at);
                    self.talks[talk] = self.talks[talk].map(|(connection, _)| (connection, None));
                    return (talk, None);
                }
                _ => {}
            }
            let Some((at, _, connection, what)) = self.events.pop_first() else { continue };
            self.now = self.now.max(at);
            let talk =
                self.talks.iter().position(|talk| talk.is_some_and(|(of, _)| of == connection));
            let Some(talk) = talk else { continue };
            if let What::Heard(bytes) = &what {
                self.heard_bytes += bytes.len();
            }
            self.talks[talk] = match what {
                What::Refused => None,
                _ => Some((connection, None)),
            };
            return (talk, Some(what));
        }
    }
}

fn run(port: u16, intensity: u8, server: &mut Server<'_>) -> Course {
    run_in(World::default(), port, intensity, server)
}

fn run_in(mut world: World, port: u16, intensity: u8, server: &mut Server<'_>) -> Course {
    let catalogue = Catalogue::new(Resolver::default(), intensity);
    let mut scratch = catalogue.scratch();
    let target = Target::tcp(Ipv4Addr::new(198, 18, 0, 1).into(), port);
    let mut inquiry = Inquiry::new(target, &catalogue, false, 0);
    let mut next = None;
    for _ in 0..100_000 {
        let (now, mut orders) = (world.now, Vec::new());
        let mut desk = Desk {
            catalogue: &catalogue,
            scratch: &mut scratch,
            tunnels: None,
            orders: &mut orders,
        };
        let found = match next.take() {
            None => inquiry.begin(now, &mut desk),
            Some((talk, None)) => inquiry.event(talk, Event::Due, now, &mut desk),
            Some((talk, Some(what))) => {
                let event = match &what {
                    What::Opened => Event::Opened,
                    What::Refused => Event::Refused,
                    What::Heard(bytes) => Event::Heard(bytes),
                    What::Closed => Event::Closed,
                };
                inquiry.event(talk, event, now, &mut desk)
            }
        };
        for order in orders {
            world.carry_out(order, server);
        }
        if let Some(found) = found {
            assert!(world.talks.iter().all(Option::is_none), "no connection is left open");
            return Course {
                found,
                took_ms: now / MS,
                connections: world.connections,
                most_at_once: world.most_at_once,
                heard_bytes: world.heard_bytes,
            };
        }
        next = Some(world.next());
    }
    panic!("it does not end");
}

fn product(course: &Course) -> Option<&str> {
    course.found.identity.as_ref()?.product.as_deref()
}

#[test]
fn a_server_that_speaks_first_is_known_from_one_connection() {
    let course = run(22, 7, &mut |_, said, _| {
        Some(if said.is_none() { vec![Deed::Say(3, SSH.to_vec())] } else { vec![] })
    });
    assert_eq!((product(&course), course.connections), (Some("OpenSSH"), 1));
    assert!(course.took_ms < 100, "{} ms", course.took_ms);
    assert_eq!(course.found.probe.as_deref(), Some("NULL"));
    assert_eq!(course.found.banner, SSH);
    assert_eq!(course.found.confidence(), 10);
}

#[test]
fn a_banner_in_pieces_is_read_as_a_whole() {
    let course = run(2222, 7, &mut |_, said, _| {
        let pieces = SSH.chunks(5).enumerate();
        let deeds = pieces.map(|(at, piece)| Deed::Say(40 * at as u64, piece.to_vec()));
        Some(if said.is_none() { deeds.collect() } else { vec![] })
    });
    assert_eq!(product(&course), Some("OpenSSH"));
}

/// A web server: says nothing until it has read a request.
fn web(_: usize, said: Option<&[u8]>, _: u64) -> Option<Vec<Deed>> {
    Some(match said {
        Some(request) if request.starts_with(b"GET ") => {
            vec![Deed::Say(2, NGINX.to_vec()), Deed::End(3)]
        }
        _ => vec![],
    })
}

#[test]
fn what_a_port_is_known_for_is_asked_beside_the_listening() {
    let course = run(80, 7, &mut web);
    assert_eq!((product(&course), course.connections), (Some("nginx"), 2));
    assert!(course.took_ms < 100, "{} ms", course.took_ms);
}

#[test]
fn on_an_odd_port_patience_comes_first_and_no_more() {
    let course = run(4711, 7, &mut web);
    assert_eq!(product(&course), Some("nginx"));
    assert!((750..5000).contains(&course.took_ms), "{} ms", course.took_ms);
}

#[test]
fn intensity_zero_asks_only_what_the_port_is_known_for() {
    let course = run(4711, 0, &mut web);
    assert_eq!((course.found.service(), course.connections), (None, 1));
    assert_eq!(product(&run(80, 0, &mut web)), Some("nginx"));
}

#[test]
fn silence_ends_in_time_and_every_question_is_put_once() {
    let mut asked: Vec<Vec<u8>> = Vec::new();
    let course = run(4711, 9, &mut |_, said, _| {
        asked.extend(said.map(<[u8]>::to_vec));
        Some(vec![])
    });
    assert_eq!((course.found.service(), course.found.confidence()), (None, 0));
    assert!(!course.found.wrapped && course.found.banner.is_empty());
    assert!(course.took_ms <= 80_000, "{} ms", course.took_ms);
    assert!(course.most_at_once <= TALKS);
    let distinct: BTreeSet<_> = asked.iter().collect();
    assert_eq!(distinct.len(), asked.len());
    assert!(!asked.is_empty());
}

#[test]
fn a_server_that_serves_one_at_a_time_is_known() {
    // A connection is looked at when those before it are gone: the first one lasts 5 s.
    let mut opened = Vec::new();
    let course = run(80, 7, &mut |connection, said, now| {
        if said.is_none() {
            opened.push((connection, now));
        }
        let wait = 5_001_u64.saturating_sub(now / MS);
        Some(match said {
            Some(request) if request.starts_with(b"GET ") => {
                vec![Deed::Say(wait, NGINX.to_vec())]
            }
            _ => vec![],
        })
    });
    assert_eq!(product(&course), Some("nginx"));
}

/// Questions that come late in the order.
const LATE: &[u8] = b"DIST";
/// What Kamailio answers to a question that comes in the middle.
const SIP: &[u8] = b"SIP/2.0 404 Not here\r\nVia: SIP/2.0/TCP prtip.invalid;branch=z9hG4bK\r\nServer: kamailio (5.6.3 (x86_64/linux))\r\n\r\n";
const DISTCC: &[u8] = b"DONE00000001STAT00000000SERR00000000SOUT00000000DOTO00000000";

#[test]
fn a_server_that_serves_one_after_the_other_is_asked_so() {
    let mut asked = 0;
    let course =
        run_in(World { one_by_one: true, ..World::default() }, 4711, 7, &mut |_, said, _| {
            asked += usize::from(said.is_some());
            Some(match said {
                Some(said) if said.starts_with(LATE) => vec![Deed::Say(1, DISTCC.to_vec())],
                // Some it dislikes; the others leave it waiting for more.
                Some(said) if said.len() % 3 == 0 => vec![Deed::End(1)],
                _ => vec![],
            })
        });
    assert_eq!(course.found.service(), Some("distccd"));
    // At five seconds for each that it is stuck with it would not come so far.
    assert!(course.took_ms < 45_000, "{} ms", course.took_ms);
    assert!(asked > 20, "{asked}");
}

/// A server that has room for so many connections, and does with one more what `full` says.
fn narrow(most: usize, full: Option<Vec<Deed>>) -> Course {
    // A silent question lasts five seconds at least.
    let mut standing: BTreeSet<(u64, usize)> = BTreeSet::new();
    run(4711, 7, &mut |connection, said, now| {
        standing.retain(|&(until, _)| now < until);
        if said.is_none() {
            if standing.len() >= most {
                return full.clone();
            }
            standing.insert((now + 5_000 * MS, connection));
        }
        Some(match said {
            Some(said) if said.starts_with(b"OPTIONS sip:") => vec![Deed::Say(1, SIP.to_vec())],
            // It is seen to serve several.
            Some(said) if said.starts_with(b"GET ") => {
                standing.retain(|&(_, other)| other != connection);
                vec![Deed::End(1)]
            }
            _ => vec![],
        })
    })
}

#[test]
fn a_server_of_few_connections_loses_no_question() {
    for full in [None, Some(vec![Deed::End(1)])] {
        // Fewer than usual may hang up on what is one too many.
        let least = if full.is_none() { 3 } else { 4 };
        for most in [least, 4, 6] {
            let course = narrow(most, full.clone());
            assert_eq!(course.found.service(), Some("sip"), "{most} {full:?}");
        }
        let wide = narrow(TALKS, full);
        assert_eq!((wide.found.service(), wide.most_at_once), (Some("sip"), TALKS));
        assert!(wide.took_ms < 25_000, "{} ms", wide.took_ms);
    }
}

#[test]
fn a_silent_question_keeps_the_next_one_from_beginning_as_round_trips_ask() {
    // Connections stand at once: 750 ms of listening, then a question every 250.
    let mut opened = Vec::new();
    run(4711, 7, &mut |_, said, now| {
        opened.extend(said.is_none().then_some(now / MS));
        Some(vec![])
    });
    assert_eq!(opened[..4], [0, 750, 1000, 1250]);
}

#[test]
fn a_web_server_that_is_asked_nonsense_is_asked_again_in_its_language() {
    // 20000 is known for DNP3; so nginx answers it behind TLS as well.
    let course = run(20_000, 7, &mut |connection, said, now| match said {
        Some(said) if !said.starts_with(b"GET ") => {
            let refusal = b"HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22.1\r\n\r\n".to_vec();
            Some(vec![Deed::Say(1, refusal), Deed::End(2)])
        }
        said => web(connection, said, now),
    });
    assert_eq!(product(&course), Some("nginx"));
    assert_eq!(course.found.probe.as_deref(), Some("GetRequest"));
    assert!(course.took_ms < 500, "{} ms", course.took_ms);
}

#[test]
fn a_banner_without_end_is_cut_and_nothing_more_is_asked() {
    let course = run(4711, 7, &mut |_, said, _| {
        let flood = (0..1000).map(|at| Deed::Say(at, vec![b'x'; 4096]));
        Some(if said.is_none() { flood.collect() } else { vec![] })
    });
    assert_eq!((course.found.service(), course.connections), (None, 1));
    assert!(course.heard_bytes <= ANSWER_BYTES + 4096);
    assert_eq!(course.found.banner.len(), BANNER_MAX);
    assert!(course.took_ms < 100, "{} ms", course.took_ms);
}

#[test]
fn a_drip_without_end_ends_in_time() {
    let course = run(4711, 7, &mut |_, said, _| {
        let drip = (0..1000).map(|at| Deed::Say(at * 100, vec![b'x']));
        Some(if said.is_none() { drip.collect() } else { vec![] })
    });
    assert!(course.took_ms <= 80_000, "{} ms", course.took_ms);
    assert_eq!(course.found.service(), None);
}

#[test]
fn closing_without_a_word_is_wrapped() {
    let course = run(4711, 7, &mut |_, said, _| {
        Some(if said.is_none() { vec![Deed::End(1)] } else { vec![] })
    });
    assert_eq!(course.found.service(), Some("tcpwrapped"));
    assert_eq!(course.found.confidence(), 8);
    assert!(course.connections <= 4, "{}", course.connections);
}

#[test]
fn closing_when_asked_the_wrong_thing_is_not_wrapped() {
    let course = run(4711, 7, &mut |_, said, _| {
        Some(if said.is_some() { vec![Deed::End(1)] } else { vec![] })
    });
    assert_eq!(course.found.service(), None);
}

/// Samba on port 139 takes the session, then needs a while; on other ports it speaks at once.
#[test]
fn what_is_still_speaking_is_heard_out_before_another_question_decides() {
    use base64::Engine;
    // The NEGOTIATE of smbd 4.17.12.
    const SMB: &str = "AAAAyv5TTUJAAAAAAAAAAAAAAQABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
                       AAAAAAAAAAAAAAAAAABBAAEA/wIAAHNhbWJhAAAAAAAAAAAAAAADAAAAAAABAAAAAQAAAAEA\
                       BEtysph93QEAAAAAAAAAAIAASgAAAAAAYEgGBisGAQUFAqA+MDygDjAMBgorBgEEAYI3AgIK\
                       oyowKKAmGyRub3RfZGVmaW5lZF9pbl9SRkM0MTc4QHBsZWFzZV9pZ25vcmU=";
    let smb = base64::engine::general_purpose::STANDARD.decode(SMB).unwrap();
    let course = run(139, 7, &mut |_, said, _| {
        Some(match said {
            Some([0x81, ..]) => {
                vec![Deed::Say(1, b"\x82\0\0\0".to_vec()), Deed::Say(45, smb.clone())]
            }
            Some([0, 0, 0, _, 0xfe, ..]) => vec![Deed::Say(1, smb.clone())],
            _ => vec![],
        })
    });
    assert_eq!(
        (course.found.service(), product(&course)),
        (Some("netbios-ssn"), Some("Samba smbd"))
    );
}

#[test]
fn a_port_that_refuses_is_left_alone() {
    let course = run(4711, 7, &mut |_, _, _| None);
    assert_eq!((course.found.service(), course.connections), (None, 2));
    let once = run(2222, 7, &mut |connection, said, _| match (connection, said) {
        (0, _) => None,
        (_, None) => Some(vec![Deed::Say(1, SSH.to_vec())]),
        _ => Some(vec![]),
    });
    assert_eq!(product(&once), Some("OpenSSH"));
}

#[test]
fn a_host_that_says_nothing_to_anyone_gets_the_short_list() {
    let catalogue = Catalogue::new(Resolver::default(), 9);
    let target = |port| Target::tcp(Ipv4Addr::LOCALHOST.into(), port);
    let long = Inquiry::new(target(4711), &catalogue, false, 0);
    let short = Inquiry::new(target(4711), &catalogue, true, 0);
    assert!(short.asks.len() < long.asks.len().max(4));
    assert_eq!(short.asks.front(), Some(&Ask::Listen));
    let known = Inquiry::new(target(80), &catalogue, true, 0);
    assert!(known.asks.iter().any(|&ask| catalogue.suits(ask, 80, false)));
}

#[test]
fn tls_is_told_from_records_and_from_words() {
    for answer in [
        &b"\x15\x03\x01\x00\x02\x02\x28"[..],
        b"\x16\x03\x03\x00\x7a\x02",
        b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port",
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
    ] {
        assert!(is_of_tls(answer), "{answer:?}");
    }
    let echo = b"\x16\x03\x01\x00\x7a\x01";
    for answer in
        [&b""[..], b"\x15\x03", b"\x15\x04\x01\x00\x02", b"HTTP/1.1 200 OK\r\n", SSH, echo]
    {
        assert!(!is_of_tls(answer), "{answer:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever servers say and whenever, an inquiry ends within its bounds.
    #[test]
    fn every_inquiry_ends_within_its_bounds(
        port in prop_oneof![Just(22u16), Just(80), Just(443), any::<u16>()],
        deeds in prop::collection::vec(
            (
                any::<bool>(),
                prop::collection::vec(
                    (0u64..7000, prop::option::weighted(0.8, prop_oneof![
                        Just(SSH.to_vec()), Just(NGINX.to_vec()),
                        prop::collection::vec(any::<u8>(), 0..5000),
                    ])), 0..4),
            ), 1..12)
    ) {
        let mut turn = 0;
        let course = run(port, 7, &mut |_, _, _| {
            turn += 1;
            let (refuses, deeds) = &deeds[turn % deeds.len()];
            if *refuses && turn % 3 == 0 {
                return None;
            }
            Some(deeds.iter().map(|(after, bytes)| match bytes {
                Some(bytes) if !bytes.is_empty() => Deed::Say(*after, bytes.clone()),
                _ => Deed::End(*after),
            }).collect())
        });
        prop_assert!(course.took_ms <= 80_000, "{} ms", course.took_ms);
        prop_assert!(course.most_at_once <= TALKS);
        prop_assert!(course.heard_bytes <= PORT_BYTES + TALKS * 5000, "{}", course.heard_bytes);
        prop_assert!(course.found.banner.len() <= BANNER_MAX);
    }
}
