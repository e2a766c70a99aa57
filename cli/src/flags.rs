//! nmap's short flags of several letters, as nmap's users type them.
//!
//! A command line parser takes `-sS` for `-s -S`, so such flags are rewritten to
//! long ones before it sees them. Flags that nmap or later versions know and
//! this one does not are told apart from typing errors here.

use std::ffi::OsString;

/// Rewritten one to one.
const REWRITTEN: [(&str, &str); 18] = [
    ("-sS", "--syn-scan"),
    ("-sA", "--ack-scan"),
    ("-sU", "--udp-scan"),
    ("-sI", "--idle-scan"),
    ("-sV", "--service-scan"),
    ("-O", "--os-scan"),
    ("-sn", "--ping-scan"),
    ("-sP", "--ping-scan"),
    ("-PE", "--ask=echo"),
    ("-PI", "--ask=echo"),
    ("-PR", "--arp-ping"),
    ("-Pn", "--no-discovery"),
    ("-iL", "--input-list"),
    ("--open", "--show=open"),
    ("-oN", "--nmap-text"),
    ("-oX", "--nmap-xml"),
    ("-oG", "--nmap-grep"),
    ("-oA", "--nmap-all"),
];

/// Known by name, but not built: flag and what it would do.
const NOT_BUILT: [(&str, &str); 8] = [
    ("-sC", "scripts"),
    ("-sF", "the FIN scan"),
    ("-sM", "the Maimon scan"),
    ("-sN", "the NULL scan"),
    ("-sO", "the IP protocol scan"),
    ("-sT", "the connect scan"),
    ("-sW", "the window scan"),
    ("-sX", "the Xmas scan"),
];

/// A flag that is known but not built.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotBuilt {
    flag: &'static str,
    what: &'static str,
}

impl std::fmt::Display for NotBuilt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} ({}) is not built yet; this version does -sS, -sA, -sU, -sI, -sV, -O, -A and -sn",
            self.flag, self.what
        )
    }
}

/// Rewrites the arguments after the program's name. What follows `--` is left alone.
pub(crate) fn rewrite(args: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, NotBuilt> {
    let mut rewritten = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if arg == "--" {
            rewritten.push(arg);
            rewritten.extend(args);
            break;
        }
        if arg == "-A" {
            // Of what it means to nmap: no scripts, no traceroute.
            rewritten.extend(["--service-scan".into(), "--os-scan".into()]);
            continue;
        }
        rewritten.push(rewrite_one(arg)?);
    }
    Ok(rewritten)
}

fn rewrite_one(arg: OsString) -> Result<OsString, NotBuilt> {
    let Some(text) = arg.to_str() else { return Ok(arg) };
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    if let Some(&(flag, what)) = NOT_BUILT.iter().find(|(flag, _)| *flag == name) {
        return Err(NotBuilt { flag, what });
    }
    for (short, long) in REWRITTEN {
        if text == short {
            return Ok(long.into());
        }
    }
    for (short, way, usual) in [("-PS", "syn", "443"), ("-PA", "ack", "80")] {
        if let Some(ports) = text.strip_prefix(short) {
            let ports = if ports.is_empty() { usual } else { ports };
            let ways: Vec<String> = ports.split(',').map(|port| format!("{way}:{port}")).collect();
            return Ok(format!("--ask={}", ways.join(",")).into());
        }
    }
    // `-iLFILE`, as nmap also takes it.
    match text.strip_prefix("-iL") {
        Some(file) => Ok(format!("--input-list={}", file.strip_prefix('=').unwrap_or(file)).into()),
        None => Ok(arg),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rewritten(line: &str) -> String {
        let args = line.split(' ').map(OsString::from);
        let args: Vec<String> =
            rewrite(args).unwrap().into_iter().map(|arg| arg.into_string().unwrap()).collect();
        args.join(" ")
    }

    #[test]
    fn nmaps_flags_become_long_ones() {
        assert_eq!(
            rewritten("-sI z -sS -Pn -n --open -iL hosts -iLhosts -iL - host"),
            "--idle-scan z --syn-scan --no-discovery -n --show=open --input-list hosts --input-list=hosts --input-list - host"
        );
        assert_eq!(
            rewritten("-oN a -oX - -oG b -oA c"),
            "--nmap-text a --nmap-xml - --nmap-grep b --nmap-all c"
        );
    }

    #[test]
    fn kinds_of_scans_and_ways_to_ask_are_known() {
        assert_eq!(
            rewritten("-sU -sA -sn -PR -PE -PS -PS22,80 -PA8080 host"),
            "--udp-scan --ack-scan --ping-scan --arp-ping --ask=echo --ask=syn:443 --ask=syn:22,syn:80 \
             --ask=ack:8080 host"
        );
    }

    #[test]
    fn all_detection_is_both() {
        assert_eq!(rewritten("-A -p 80 host"), "--service-scan --os-scan -p 80 host");
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        let line = "-p- -p 1-100 -p1-100 -F -vv -T4 -e eth0 --rate max 198.18.0.0/15";
        assert_eq!(rewritten(line), line);
    }

    #[test]
    fn nothing_is_rewritten_after_two_dashes() {
        assert_eq!(rewritten("-sS -- -sS -sV"), "--syn-scan -- -sS -sV");
    }

    #[test]
    fn flags_that_are_not_built_are_named() {
        for arg in ["-sT", "-sO=x"] {
            let error = rewrite([OsString::from(arg)]).unwrap_err().to_string();
            assert!(error.contains("not built yet"), "{error}");
            assert!(error.starts_with(arg.split('=').next().unwrap()), "{error}");
        }
    }
}
