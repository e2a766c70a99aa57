//! `--metrics ADDR`: where the scan stands, for Prometheus (text format 0.0.4), by a
//! responder that a hostile client cannot hold up.
//!
//! One connection after the other, each with a deadline and a limit of bytes; nothing
//! that a client says reaches the answer. On loopback only, unless asked for: what is
//! being scanned is nobody else's business.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::prometheus::{answer, ends_head};
use prtip_engine::scan::{Info, Progress};

/// Bytes of a request; the rest is not read.
const REQUEST_MAX: usize = 8 << 10;
/// From accept to the end of the answer.
const DEADLINE: Duration = Duration::from_secs(2);
/// How often the responder looks for a client, and for the end.
const POLL: Duration = Duration::from_millis(50);

/// A running responder; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Metrics {
    addr: SocketAddr,
    progress: Arc<Mutex<Progress>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Metrics {
    /// Binds and starts to answer.
    pub(crate) fn start(addr: SocketAddr, anywhere: bool, info: &Info) -> Result<Self> {
        let what = || format!("answer --metrics on {addr}");
        if !addr.ip().is_loopback() && !anywhere {
            return Err(Error::new(Kind::Usage, what())
                .cause("others would see what is being scanned")
                .remedy(
                    "name a loopback address such as 127.0.0.1:9100, or add --metrics-anywhere",
                ));
        }
        let fail = |error: io::Error| Error::new(Kind::Usage, what()).because_of(error);
        let listener = TcpListener::bind(addr).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let addr = listener.local_addr().map_err(fail)?;
        let (progress, end) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let labels = format!(
            "version=\"{}\",port_engine=\"{}\",interface=\"{}\"",
            env!("CARGO_PKG_VERSION"),
            info.port_engine,
            label(&info.interface)
        );
        let (shared, ended) = (Arc::clone(&progress), Arc::clone(&end));
        let thread = std::thread::Builder::new()
            .name("metrics".into())
            .spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    match listener.accept() {
                        Ok((client, _)) => {
                            // A client that leaves, or is too slow, is its own loss.
                            let _ = serve(client, &shared, &labels);
                        }
                        Err(_) => std::thread::sleep(POLL),
                    }
                }
            })
            .map_err(fail)?;
        Ok(Self { addr, progress, end, thread: Some(thread) })
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Takes where the scan stands.
    pub(crate) fn show(&self, progress: &Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = *progress;
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut client: TcpStream, progress: &Mutex<Progress>, labels: &str) -> io::Result<()> {
    let deadline = Instant::now() + DEADLINE;
    client.set_nonblocking(false)?;
    let request = read_head(&mut client, deadline)?;
    let progress = *progress.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, body) = answer(&request, &progress, labels);
    let head_only = request.starts_with(b"HEAD ");
    let mut text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    if !head_only {
        text += &body;
    }
    client.set_write_timeout(Some(left(deadline)?))?;
    client.write_all(text.as_bytes())?;
    client.shutdown(std::net::Shutdown::Write)?;
    // What the client still sends is read away, or closing would reset the answer.
    let mut rest = [0; 1024];
    for _ in 0..REQUEST_MAX / rest.len() {
        client.set_read_timeout(Some(left(deadline)?))?;
        if client.read(&mut rest)? == 0 {
            break;
        }
    }
    Ok(())
}

/// Reads to the end of the head, the limit or the deadline.
fn read_head(client: &mut TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while request.len() < REQUEST_MAX && !ends_head(&request) {
        client.set_read_timeout(Some(left(deadline)?))?;
        match client.read(&mut part)? {
            0 => break,
            read => request.extend_from_slice(&part[..read]),
        }
    }
    Ok(request)
}

fn left(deadline: Instant) -> io::Result<Duration> {
    match deadline.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// The value of a label: quotes and backslashes escaped, the rest printable.
fn label(text: &str) -> String {
    text.escape_default().to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Of an interface with a name that no one should have.
    fn info() -> Info {
        Info {
            port_engine: "raw",
            xdp_mode: None,
            interface: "lo\"\n".into(),
            queues: 1,
            workers: 1,
            why: String::new(),
            attempts: 1,
            udp_guess: None,
            wire_bytes: 0,
        }
    }

    fn start() -> Metrics {
        Metrics::start("127.0.0.1:0".parse().unwrap(), false, &info()).unwrap()
    }

    fn ask(metrics: &Metrics, request: &[u8]) -> String {
        let mut client = TcpStream::connect(metrics.addr()).unwrap();
        client.write_all(request).unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    const GET: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

    #[test]
    fn the_answer_is_prometheus_text_of_the_latest_progress() {
        let metrics = start();
        metrics.show(&Progress { sent: 7, percent: 50.0, ..Progress::default() });
        let text = ask(&metrics, GET);
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head}");
        assert!(body.contains("\nprtip_probes_sent_total 7\n"), "{body}");
        assert!(body.contains("\nprtip_progress_ratio 0.5\n"), "{body}");
        assert!(body.contains("interface=\"lo\\\"\\n\"} 1\n"), "{body}");
        let head = ask(&metrics, b"HEAD /metrics HTTP/1.1\r\n\r\n");
        assert!(head.ends_with("\r\n\r\n"), "{head}");
    }

    #[test]
    fn what_is_no_request_for_metrics_is_refused_and_the_next_one_served() {
        let metrics = start();
        for (request, status) in [
            (&b"GET / HTTP/1.1\r\n\r\n"[..], "404"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
            (b"\0\xff\x1b[2J\r\n\r\n", "400"),
            (b"GET /metrics SPDY\r\n\r\n", "400"),
            (&[b'a'; REQUEST_MAX + 100], "400"),
        ] {
            let text = ask(&metrics, request);
            assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
            assert!(!text.contains('\x1b'));
        }
        assert!(ask(&metrics, GET).starts_with("HTTP/1.1 200 OK"));
    }

    #[test]
    fn a_silent_client_holds_nobody_up_for_ever() {
        let metrics = start();
        let silent = TcpStream::connect(metrics.addr()).unwrap();
        let gone = TcpStream::connect(metrics.addr()).unwrap();
        drop(gone);
        assert!(ask(&metrics, GET).starts_with("HTTP/1.1 200 OK"));
        drop(silent);
    }

    #[test]
    fn other_addresses_than_loopback_must_be_meant() {
        let anywhere: SocketAddr = "0.0.0.0:0".parse().unwrap();
        let error = Metrics::start(anywhere, false, &info()).unwrap_err();
        assert_eq!(error.kind, Kind::Usage);
        assert!(error.to_string().contains("--metrics-anywhere"), "{error}");
    }
}
