//! Connections by io_uring and by epoll, against the same servers on loopback: what is told
//! of each must be the same, and what the server did.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use super::connections::{CHUNK, Connections, Outcome, SlotId};
use super::polled::Polled;
use super::ring::Ring;

const MOST: usize = 32;
const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(50);
/// More than the kernel keeps for a connection that nobody reads.
const MUCH: usize = 16 << 20;

/// What was told, with the bytes.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Bytes(Vec<u8>),
    Other(Outcome),
}

fn told(outcome: Outcome) -> Told {
    Told::Other(outcome)
}

fn both(check: impl Fn(&mut dyn Connections)) {
    check(&mut Polled::new(MOST).unwrap());
    match Ring::new(MOST) {
        Ok(mut ring) => check(&mut ring),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "io_uring is refused: {error}");
            println!("SKIPPED: io_uring is refused here: {error}");
        }
    }
}

fn tcp() -> OwnedFd {
    Socket::new(Domain::IPV4, Type::STREAM, None).unwrap().into()
}

/// The next that is told of a connection; of others nothing may be.
fn next(connections: &mut dyn Connections, id: SlotId) -> Told {
    let end = Instant::now() + LONG;
    let mut all = Vec::new();
    while all.is_empty() {
        assert!(Instant::now() < end, "nothing was told");
        connections.wait(Duration::from_millis(20), &mut all).unwrap();
    }
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0].0, id);
    match all[0].1 {
        Outcome::Heard(chunk, len) => {
            let bytes = connections.chunk(chunk, len).to_vec();
            connections.give_back(chunk);
            Told::Bytes(bytes)
        }
        outcome => told(outcome),
    }
}

fn open(connections: &mut dyn Connections, to: SocketAddr) -> SlotId {
    let id = connections.open(tcp(), to, LONG).unwrap();
    assert_eq!(next(connections, id), told(Outcome::Opened));
    id
}

/// A port where one connection is served.
fn serve(each: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || each(listener.accept().unwrap().0));
    at
}

/// Reads until the other side ends.
fn until_the_end(mut stream: TcpStream) {
    while stream.read(&mut [0; 4096]).is_ok_and(|read| read > 0) {}
}

/// Nothing goes on any more and nothing is told; every slot is to be had.
fn is_at_rest(connections: &mut dyn Connections) {
    let mut all = Vec::new();
    let end = Instant::now() + LONG;
    while connections.free() < MOST {
        assert!(Instant::now() < end, "slots are not free again");
        connections.wait(SHORT, &mut all).unwrap();
    }
    connections.wait(SHORT, &mut all).unwrap();
    assert_eq!(all, []);
}

#[test]
fn a_talk_is_told_step_by_step() {
    both(|connections| {
        let at = serve(|mut stream| {
            let mut words = [0; 4];
            stream.read_exact(&mut words).unwrap();
            stream.write_all(&words).unwrap();
        });
        let id = open(connections, at);
        connections.hear(id, SHORT);
        assert_eq!(next(connections, id), told(Outcome::Expired));
        connections.say(id, b"ping", LONG);
        assert_eq!(next(connections, id), Told::Bytes(b"ping".to_vec()));
        connections.hear(id, LONG);
        assert_eq!(next(connections, id), told(Outcome::Closed));
        connections.close(id);
        is_at_rest(connections);
    });
}

#[test]
fn what_does_not_stand_is_told_with_its_cause() {
    both(|connections| {
        let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let id = connections.open(tcp(), gone, LONG).unwrap();
        assert_eq!(next(connections, id), told(Outcome::Failed(libc::ECONNREFUSED)));
        connections.close(id);

        // Behind a full queue a SYN is dropped.
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        socket.listen(0).unwrap();
        let full = socket.local_addr().unwrap().as_socket().unwrap();
        let _first = TcpStream::connect(full).unwrap();
        let id = connections.open(tcp(), full, SHORT).unwrap();
        assert_eq!(next(connections, id), told(Outcome::Expired));
        connections.close(id);

        // A linger of nothing: a reset.
        let at = serve(|stream| {
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
            thread::sleep(SHORT);
        });
        let id = open(connections, at);
        connections.hear(id, LONG);
        assert_eq!(next(connections, id), told(Outcome::Failed(libc::ECONNRESET)));
        connections.close(id);
        is_at_rest(connections);
    });
}

#[test]
fn much_goes_out_as_it_is_read_and_not_for_ever() {
    both(|connections| {
        let words: Vec<u8> = (0..MUCH).map(|at| (at % 251) as u8).collect();
        let expected = words.clone();
        let at = serve(move |mut stream| {
            thread::sleep(SHORT);
            let mut read = vec![0; MUCH];
            stream.read_exact(&mut read).unwrap();
            assert!(read == expected, "other bytes came");
            stream.write_all(b"all").unwrap();
        });
        let id = open(connections, at);
        connections.say(id, &words, LONG);
        assert_eq!(next(connections, id), Told::Bytes(b"all".to_vec()));
        connections.close(id);

        let at = serve(|stream| {
            thread::sleep(6 * SHORT);
            drop(stream);
        });
        let id = open(connections, at);
        connections.say(id, &words, SHORT);
        assert_eq!(next(connections, id), told(Outcome::Expired));
        connections.close(id);
        is_at_rest(connections);
    });
}

#[test]
fn what_comes_comes_whole_and_in_order() {
    both(|connections| {
        let words: Vec<u8> = (0..5 * CHUNK + 7).map(|at| (at % 253) as u8).collect();
        let to_send = words.clone();
        let at = serve(move |mut stream| stream.write_all(&to_send).unwrap());
        let id = open(connections, at);
        let mut heard = Vec::new();
        loop {
            connections.hear(id, LONG);
            match next(connections, id) {
                Told::Bytes(bytes) => heard.extend(bytes),
                end => {
                    assert_eq!(end, told(Outcome::Closed));
                    break;
                }
            }
        }
        assert!(heard == words, "{} of {} bytes came", heard.len(), words.len());
        connections.close(id);
        is_at_rest(connections);
    });
}

#[test]
fn what_is_closed_is_not_heard_of_again_and_makes_room() {
    both(|connections| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || until_the_end(stream));
            }
        });
        for _ in 0..3 {
            let ids: Vec<SlotId> = (0..MOST)
                .map(|_| connections.open(tcp(), at, LONG).expect("there is room"))
                .collect();
            assert_eq!(connections.open(tcp(), at, LONG), None);
            let (mut all, mut stand) = (Vec::new(), 0);
            while stand < MOST {
                connections.wait(SHORT, &mut all).unwrap();
                stand += all.drain(..).filter(|(_, what)| *what == Outcome::Opened).count();
            }
            // Closed in the middle of everything: nothing going on, hearing, saying.
            for (number, &id) in ids.iter().enumerate() {
                match number % 3 {
                    0 => {}
                    1 => connections.hear(id, LONG),
                    _ => connections.say(id, b"words", LONG),
                }
            }
            ids.iter().for_each(|&id| connections.close(id));
            is_at_rest(connections);
        }
    });
}

/// Asks a server that answers from a port of its own, by a socket that is connected or not.
fn asks_a_server_that_moves(connections: &mut dyn Connections, connected: bool) -> Vec<Told> {
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = server.local_addr().unwrap();
    thread::spawn(move || {
        let mut words = [0; 9];
        for _ in 0..2 {
            let (len, from) = server.recv_from(&mut words).unwrap();
            let moved = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            moved.send_to(&words[..len], from).unwrap();
        }
    });
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap().into();
    let id = match connected {
        true => connections.open(socket, at, LONG).unwrap(),
        false => connections.open_unconnected(socket, at).unwrap(),
    };
    let mut all = vec![next(connections, id)];
    for words in [b"first", b"again"] {
        connections.say(id, words, if connected { SHORT } else { LONG });
        all.push(next(connections, id));
    }
    connections.hear(id, SHORT);
    all.push(next(connections, id));
    connections.close(id);
    is_at_rest(connections);
    all
}

#[test]
fn an_answer_from_another_port_is_heard_by_who_is_not_connected() {
    both(|connections| {
        let [opened, over] = [Outcome::Opened, Outcome::Expired].map(told);
        let heard = |words: &[u8]| Told::Bytes(words.to_vec());
        let all = asks_a_server_that_moves(connections, false);
        assert_eq!(all, [opened, heard(b"first"), heard(b"again"), over]);
        let all = asks_a_server_that_moves(connections, true);
        assert!(all[1..].iter().all(|what| *what == told(Outcome::Expired)), "{all:?}");

        // A question that cannot leave is told, and one that is given up is forgotten.
        let udp = || Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap().into();
        let nowhere = ([127, 0, 0, 1], 0).into();
        let id = connections.open_unconnected(udp(), nowhere).unwrap();
        assert_eq!(next(connections, id), told(Outcome::Opened));
        connections.say(id, b"?", LONG);
        assert_eq!(next(connections, id), told(Outcome::Failed(libc::EINVAL)));
        connections.close(id);
        let id = connections.open_unconnected(udp(), nowhere).unwrap();
        connections.close(id);
        is_at_rest(connections);
    });
}

#[test]
fn datagrams_are_answered_and_closed_ports_tell() {
    both(|connections| {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = server.local_addr().unwrap();
        thread::spawn(move || {
            let mut words = [0; 9];
            let (len, from) = server.recv_from(&mut words).unwrap();
            server.send_to(&words[..len], from).unwrap();
        });
        let udp = || Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap().into();
        let id = connections.open(udp(), at, LONG).unwrap();
        assert_eq!(next(connections, id), told(Outcome::Opened));
        connections.say(id, b"ping", LONG);
        assert_eq!(next(connections, id), Told::Bytes(b"ping".to_vec()));
        connections.close(id);

        let gone = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let id = connections.open(udp(), gone, LONG).unwrap();
        assert_eq!(next(connections, id), told(Outcome::Opened));
        connections.say(id, b"ping", LONG);
        assert_eq!(next(connections, id), told(Outcome::Failed(libc::ECONNREFUSED)));
        connections.close(id);
        is_at_rest(connections);
    });
}
