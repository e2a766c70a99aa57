//! `prtip tls ask`: one server asked for its certificates over a connection of the kernel's.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use clap::Args;
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::tls::attempt::Attempt;
use prtip_engine::tls::host::Host;
use prtip_engine::tls::report::Connection;
use prtip_engine::tls::session::{Shown, State};

use crate::exit::Exit;
use crate::tls::Asked;

#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// Host name or address, and a port where it is not 443: www.example.org:8443.
    #[arg(value_name = "HOST[:PORT]", value_parser = parse_server)]
    server: (String, u16),
    /// Offer these protocols (ALPN), comma-separated: h2,http/1.1.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    alpn: Vec<String>,
    /// Wait so long for each answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 5,
          value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    #[command(flatten)]
    asked: Asked,
}

/// `HOST`, `HOST:PORT`, `ADDRESS`, `[ADDRESS]:PORT`.
fn parse_server(text: &str) -> std::result::Result<(String, u16), String> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok((text.to_owned(), 443));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => {
            let port = port.parse::<u16>().ok().filter(|&port| port > 0);
            (host, port.ok_or("a port is a number from 1 to 65535")?)
        }
        None => (text, 443),
    };
    Host::parse(host)?;
    Ok((host.trim_matches(['[', ']']).to_owned(), port))
}

pub(crate) fn run(args: &AskArgs) -> Result<Exit> {
    // Before anything is sent.
    let roots = args.asked.roots()?;
    let (name, port) = &args.server;
    let failed = |error: io::Error| {
        Error::new(Kind::Failed, format!("ask {name} port {port} for its certificates"))
            .because_of(error)
    };
    let mut addresses =
        (name.as_str(), *port).to_socket_addrs().map_err(failed)?.collect::<Vec<_>>();
    // As for a scan: IPv6 where there is nothing else.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    let Some(&address) = addresses.first() else {
        return Err(failed(io::Error::from(io::ErrorKind::NotFound)));
    };
    let given = Host::parse(name).ok().filter(|host| matches!(host, Host::Dns(_)));
    let host = args.asked.name.clone().or(given);
    let protocols: Vec<&str> = args.alpn.iter().map(String::as_str).collect();

    let mut attempt = Attempt::first(host.as_ref(), address.ip(), &protocols);
    let shown = loop {
        let timeout = Duration::from_secs(args.timeout);
        talk(address, &mut attempt, timeout).map_err(failed)?;
        let shown = attempt.shown();
        let State::Failed(failure) = attempt.state() else { break shown };
        if !shown.chain.is_empty() {
            break shown;
        }
        match attempt.next(host.as_ref()) {
            Some(older) => attempt = older,
            None => return Err(failed(io::Error::other(failure.to_string()))),
        }
    };
    let Shown { version, cipher, alpn, chain } = shown;
    let connection = Connection {
        at: Some((address.ip(), address.port())),
        server_name: host.as_ref().map(Host::to_string),
        version: version.map(str::to_owned),
        cipher,
        alpn,
    };
    args.asked.print(connection, &chain, &roots, host.as_ref())
}

/// Goes on until the attempt stands, has all or has failed, or the time is over.
fn talk(address: SocketAddr, attempt: &mut Attempt, timeout: Duration) -> io::Result<()> {
    let deadline = Instant::now() + timeout;
    let mut stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_nodelay(true)?;
    let mut out = Vec::new();
    let mut block = [0; 16 << 10];
    while *attempt.state() == State::Handshaking {
        attempt.to_send(&mut out);
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_write_timeout(Some(left))?;
        stream.set_read_timeout(Some(left))?;
        let heard = stream.write_all(&out).and_then(|()| stream.read(&mut block));
        out.clear();
        match heard {
            Ok(1..) if Instant::now() > deadline => return Err(io::ErrorKind::TimedOut.into()),
            Ok(length @ 1..) => {
                attempt.receive(&block[..length]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // Hung up, in whatever manner.
            Ok(_) | Err(_) => {
                attempt.hung_up();
            }
        }
    }
    // The end of the handshake is ours to send; the server need not be told otherwise.
    attempt.to_send(&mut out);
    let _ = stream.write_all(&out);
    Ok(())
}
