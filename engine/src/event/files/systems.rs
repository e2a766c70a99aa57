//! What is known of hosts' operating systems, as nmap's XML (`os`, `uptime`, `distance`,
//! `ipidsequence`) and its text for people tell it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::event::os_record::{Os, OsMatch};
use crate::event::text::{Printable, XmlAttribute};

/// Columns of a printed fingerprint.
const WIDTH: usize = 72;

/// A host's system, told in both ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    /// Elements of nmap's XML.
    pub xml: String,
    /// Lines for people.
    pub text: String,
}

impl Told {
    pub(super) fn of(record: &Os<'_>) -> Self {
        let mut told = Self::default();
        // Strings take all text.
        let _ = told.elements(record);
        let _ = told.lines(record);
        told
    }

    fn elements(&mut self, record: &Os<'_>) -> std::fmt::Result {
        let out = &mut self.xml;
        out.push_str("<os>");
        for used in &record.ports_used {
            let (state, protocol) = (used.state, used.proto);
            writeln!(
                out,
                "<portused state=\"{state}\" proto=\"{protocol}\" portid=\"{}\"/>",
                used.port
            )?;
        }
        for one in &record.matches {
            write!(
                out,
                "<osmatch name=\"{}\" accuracy=\"{:.0}\" line=\"{}\">",
                XmlAttribute(one.name.as_bytes()),
                one.accuracy.floor(),
                one.line
            )?;
            for class in &one.classes {
                write!(
                    out,
                    "\n<osclass type=\"{}\" vendor=\"{}\" osfamily=\"{}\"",
                    XmlAttribute(class.device.as_bytes()),
                    XmlAttribute(class.vendor.as_bytes()),
                    XmlAttribute(class.family.as_bytes())
                )?;
                if let Some(generation) = class.generation {
                    write!(out, " osgen=\"{}\"", XmlAttribute(generation.as_bytes()))?;
                }
                write!(out, " accuracy=\"{:.0}\">", one.accuracy.floor())?;
                for cpe in class.cpe {
                    write!(out, "<cpe>{}</cpe>", XmlAttribute(cpe.as_bytes()))?;
                }
                out.push_str("</osclass>");
            }
            out.push_str("\n</osmatch>\n");
        }
        if !is_known(&record.matches) {
            let printed = printed(&record.fingerprint);
            let printed = XmlAttribute(printed.as_bytes());
            writeln!(out, "<osfingerprint fingerprint=\"{printed}\"/>")?;
        }
        out.push_str("</os>\n");
        if let Some(seconds) = record.uptime_s {
            writeln!(out, "<uptime seconds=\"{seconds}\"/>")?;
        }
        if let Some(routers) = record.routers {
            writeln!(out, "<distance value=\"{}\"/>", u16::from(routers) + 1)?;
        }
        if let Some(class) = record.ip_id {
            writeln!(out, "<ipidsequence class=\"{class}\" values=\"\"/>")?;
        }
        Ok(())
    }

    fn lines(&mut self, record: &Os<'_>) -> std::fmt::Result {
        let out = &mut self.text;
        let names = |matches: &[OsMatch<'_>], with_accuracy: bool| -> String {
            let name = |one: &OsMatch<'_>| {
                let name = Printable::new(one.name.as_bytes());
                if with_accuracy {
                    format!("{name} ({:.0}%)", one.accuracy.floor())
                } else {
                    name.to_string()
                }
            };
            matches.iter().map(name).collect::<Vec<_>>().join(", ")
        };
        let perfect = record.matches.iter().take_while(|one| one.accuracy >= 100.0).count();
        match (perfect, record.matches.len()) {
            (0, 0) => writeln!(out, "No OS matches for host")?,
            (0, _) => {
                writeln!(out, "Aggressive OS guesses: {}", names(&record.matches, true))?;
                writeln!(out, "No exact OS matches for host.")?;
            }
            (perfect, _) => {
                writeln!(out, "OS details: {}", names(&record.matches[..perfect], false))?;
            }
        }
        if perfect == 0 {
            writeln!(out, "TCP/IP fingerprint:")?;
            for line in printed(&record.fingerprint).lines() {
                writeln!(out, "{}", Printable::new(line.as_bytes()))?;
            }
        }
        if let Some(seconds) = record.uptime_s {
            writeln!(out, "Uptime guess: {:.3} days", seconds as f64 / 86_400.0)?;
        }
        if let Some(routers) = record.routers {
            let hops = u16::from(routers) + 1;
            let plural = if hops == 1 { "" } else { "s" };
            writeln!(out, "Network Distance: {hops} hop{plural}")?;
        }
        if let Some(class) = record.ip_id {
            writeln!(out, "IP ID Sequence Generation: {class}")?;
        }
        Ok(())
    }
}

fn is_known(matches: &[OsMatch<'_>]) -> bool {
    matches.first().is_some_and(|first| first.accuracy >= 100.0)
}

/// A fingerprint in lines of a fixed width, `OS:` before each.
fn printed(fingerprint: &str) -> String {
    let text: String = fingerprint.lines().collect();
    let mut lines = String::new();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let mut at = rest.len().min(WIDTH);
        while !rest.is_char_boundary(at) {
            at += 1;
        }
        let (line, after) = rest.split_at(at);
        lines.push_str("OS:");
        lines.push_str(line);
        lines.push('\n');
        rest = after;
    }
    lines
}

#[cfg(test)]
mod tests {
    use prtip_signatures::os::{Database, Fingerprint, Limits};

    use super::*;
    use crate::event::os_record::PortUsed;

    const SYSTEMS: &str = "MatchPoints\nSEQ(TI=60)\nT2(R=40)\n\n\
        Fingerprint <A> & \"B\"\nClass Me & co | Fam<ily || toy\nCPE cpe:/h:me:mine\n\
        SEQ(TI=I)\nT2(R=N)\n";

    fn told(fingerprint: &str) -> Told {
        let database = Database::read(SYSTEMS.as_bytes()).expect("a database");
        let fingerprint = Fingerprint::parse(fingerprint.as_bytes()).expect("a fingerprint");
        let mut scratch = database.os_scratch();
        let best =
            database.best(&mut scratch, &fingerprint, Limits { at_least: 0, ..Limits::default() });
        let mut record = Os::new(None, &fingerprint, &database, &best);
        record.routers = Some(2);
        record.uptime_s = Some(129_600);
        record.ip_id = Some("Incremental");
        record.ports_used = vec![PortUsed { state: "open", proto: "tcp", port: 80 }];
        Told::of(&record)
    }

    #[test]
    fn what_is_known_is_told_and_escaped() {
        let told = told("SEQ(TI=I)T2(R=N)");
        assert_eq!(
            told.xml,
            "<os><portused state=\"open\" proto=\"tcp\" portid=\"80\"/>\n\
             <osmatch name=\"&lt;A&gt; &amp; &quot;B&quot;\" accuracy=\"100\" line=\"5\">\n\
             <osclass type=\"toy\" vendor=\"Me &amp; co\" osfamily=\"Fam&lt;ily\" accuracy=\"100\">\
             <cpe>cpe:/h:me:mine</cpe></osclass>\n</osmatch>\n</os>\n\
             <uptime seconds=\"129600\"/>\n<distance value=\"3\"/>\n\
             <ipidsequence class=\"Incremental\" values=\"\"/>\n"
        );
        assert_eq!(
            told.text,
            "OS details: <A> & \"B\"\nUptime guess: 1.500 days\nNetwork Distance: 3 hops\n\
             IP ID Sequence Generation: Incremental\n"
        );
    }

    #[test]
    fn what_is_not_known_shows_its_fingerprint() {
        let told = told("SEQ(TI=Z)T2(R=N)");
        assert!(told.xml.contains("accuracy=\"40\"") && told.xml.contains("OS:SEQ(TI=Z)T2(R=N)"));
        assert!(told.text.starts_with("Aggressive OS guesses: <A> & \"B\" (40%)\nNo exact"));
        assert!(told.text.contains("TCP/IP fingerprint:\nOS:SEQ(TI=Z)T2(R=N)\n"), "{}", told.text);
        let long = printed(&"X".repeat(100));
        assert_eq!(long.lines().map(str::len).collect::<Vec<_>>(), [75, 31]);
    }
}
