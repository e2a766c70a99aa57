//! What is answered to whoever asks where a scan stands: one request of HTTP in, one
//! status and Prometheus's text (format 0.0.4) out. No I/O; nothing that the request says
//! is in the answer.

use std::fmt::Write as _;

use crate::scan::Progress;

/// Whether the head of a request is whole.
#[must_use]
pub fn ends_head(request: &[u8]) -> bool {
    request.windows(4).any(|window| window == b"\r\n\r\n")
        || request.windows(2).any(|window| window == b"\n\n")
}

/// Status and body. Only the first line of the request is looked at.
#[must_use]
pub fn answer(request: &[u8], progress: &Progress, labels: &str) -> (&'static str, String) {
    if !ends_head(request) {
        return ("400 Bad Request", "the request has no end\n".into());
    }
    let line = request.split(|&byte| byte == b'\r' || byte == b'\n').next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(b"GET" | b"HEAD"), Some(path), Some(version), None)
            if version.starts_with(b"HTTP/1.") =>
        {
            let path = path.split(|&byte| byte == b'?').next().unwrap_or_default();
            match path {
                b"/metrics" => ("200 OK", exposition(progress, labels)),
                _ => ("404 Not Found", "/metrics is all there is\n".into()),
            }
        }
        (Some(_), Some(_), Some(version), None) if version.starts_with(b"HTTP/1.") => {
            ("405 Method Not Allowed", "GET and HEAD are all there is\n".into())
        }
        _ => ("400 Bad Request", "this is no request of HTTP/1\n".into()),
    }
}

fn exposition(progress: &Progress, labels: &str) -> String {
    let mut text = format!(
        "# HELP prtip_info How the scan runs.\n# TYPE prtip_info gauge\nprtip_info{{{labels}}} 1\n"
    );
    for (name, kind, help, value) in [
        ("probes_sent_total", "counter", "Probes sent, retries included.", progress.sent as f64),
        (
            "replies_total",
            "counter",
            "Valid replies, duplicates included.",
            progress.replies as f64,
        ),
        ("drops_total", "counter", "Packets dropped on this host.", progress.drops as f64),
        ("open", "gauge", "Ports open, or hosts up, so far.", progress.open as f64),
        ("progress_ratio", "gauge", "Done, of 1, cooldown included.", progress.percent / 100.0),
        ("eta_seconds", "gauge", "Seconds to the end.", progress.eta_s),
        ("probes_per_second", "gauge", "Probes a second now.", progress.pps),
    ] {
        let _ = write!(
            text,
            "# HELP prtip_{name} {help}\n# TYPE prtip_{name} {kind}\nprtip_{name} {value}\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_request_is_answered_and_nothing_of_it_comes_back(
            method in prop_oneof![Just("GET".to_owned()), Just("HEAD".to_owned()), "[A-Z]{0,8}"],
            path in prop_oneof![Just("/metrics".to_owned()), "/metrics\\?.{0,9}", ".{0,9}"],
            version in prop_oneof![Just("HTTP/1.1".to_owned()), ".{0,9}"],
            rest in prop_oneof![
                Just(b"Host: x\r\n\r\n".to_vec()),
                proptest::collection::vec(any::<u8>(), 0..40),
            ],
        ) {
            let mut request = format!("{method} {path} {version}\r\n").into_bytes();
            request.extend(rest);
            let (status, body) = answer(&request, &Progress::default(), "x=\"y\"");
            let good = status.starts_with("200 ");
            prop_assert_eq!(good, body == exposition(&Progress::default(), "x=\"y\""));
            prop_assert!(!good || (ends_head(&request) && request.starts_with(method.as_bytes())
                && ["GET", "HEAD"].contains(&method.as_str()) && path.starts_with("/metrics")));
        }
    }
}
