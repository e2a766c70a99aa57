//! The `os` record: which systems answer as a host did.

use std::net::IpAddr;

use prtip_signatures::os::comparison::{Score, compare};
use prtip_signatures::os::matcher::Best;
use prtip_signatures::os::notation::Family;
use prtip_signatures::os::{Candidate, Class, Database, Fingerprint};
use schemars::JsonSchema;
use serde::Serialize;

use super::record::Record;

/// What a host's answers say of its operating system.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Os<'a> {
    /// The host; null where a fingerprint was given.
    pub ip: Option<IpAddr>,
    /// The systems that agree best, the best first; of equal ones the earlier in the file.
    pub matches: Vec<OsMatch<'a>>,
    /// Systems that agree about as well, told or not.
    pub candidates: usize,
    /// How the host was reached, `ipv4` or `ipv6`.
    pub family: &'static str,
    /// Systems of which the database tells how they answer by that family: what the answers
    /// were compared with.
    pub compared: usize,
    /// The answers in nmap's notation, a line a probe; lines of IPv6 are ours.
    pub fingerprint: String,
    /// Routers on the way to the host, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routers: Option<u8>,
    /// The ports that were asked, as far as they answered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports_used: Vec<PortUsed>,
    /// Seconds since it started, guessed from its time stamps; many systems begin these
    /// anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime_s: Option<u64>,
    /// How its IP identifications go on, in nmap's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_id: Option<&'static str>,
    /// Why these answers may mislead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<&'static str>,
}

impl Record for Os<'_> {
    const TYPE: &'static str = "os";
}

/// A port that was asked.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct PortUsed {
    /// `open` or `closed`.
    pub state: &'static str,
    /// `tcp` or `udp`.
    pub proto: &'static str,
    /// Which.
    pub port: u16,
}

/// A system that may be it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OsMatch<'a> {
    /// What the database calls it.
    pub name: &'a str,
    /// Percent of the points that could be won, rounded down: 100 is a perfect match and
    /// nothing else.
    pub accuracy: f64,
    /// Names of all its classes in the Common Platform Enumeration.
    pub cpe: Vec<&'a str>,
    /// Where it stands in the database.
    pub line: u32,
    /// What kind of system it is.
    pub classes: Vec<OsClass<'a>>,
    /// Points won.
    pub points: u32,
    /// Points that could be won.
    pub possible: u32,
    /// By IPv6: percent of all points that the system's tests are worth, those included that
    /// got no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// The tests that disagree.
    pub differs: Vec<String>,
}

/// A kind of system.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OsClass<'a> {
    /// Who makes it.
    pub vendor: &'a str,
    /// `Linux`, `Windows`, …
    pub family: &'a str,
    /// `5.X`; null where it has none.
    pub generation: Option<&'a str>,
    /// `general purpose`, `router`, …
    #[serde(rename = "type")]
    pub device: &'a str,
    /// Names in the Common Platform Enumeration.
    pub cpe: &'a [String],
}

impl<'a> Os<'a> {
    /// The record of a fingerprint and what a database makes of it.
    #[must_use]
    pub fn new(
        ip: Option<IpAddr>,
        fingerprint: &Fingerprint,
        database: &'a Database,
        best: &Best<'_>,
    ) -> Self {
        let matches = best
            .candidates
            .iter()
            .map(|candidate| OsMatch::new(fingerprint, database, candidate))
            .collect();
        Self {
            ip,
            matches,
            candidates: best.count,
            family: fingerprint.family().name(),
            compared: database.known_by(fingerprint.family()),
            fingerprint: fingerprint.to_string(),
            routers: None,
            ports_used: Vec::new(),
            uptime_s: None,
            ip_id: None,
            doubts: Vec::new(),
        }
    }
}

impl Os<'_> {
    /// What people read of it.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let perfect = self.matches.iter().take_while(|one| one.accuracy >= 100.0).count();
        let names = |matches: &[OsMatch<'_>]| -> String {
            let told: Vec<String> = matches
                .iter()
                .map(|one| match one.accuracy {
                    100.0.. => one.name.to_owned(),
                    // As nmap writes it: whole percents, rounded down.
                    accuracy => format!("{} ({:.0}%)", one.name, accuracy.floor()),
                })
                .collect();
            told.join(", ")
        };
        let by = if self.family == Family::V6.name() {
            format!(" (IPv6, compared with {} systems)", self.compared)
        } else {
            String::new()
        };
        let mut lines = vec![match (perfect, self.matches.len()) {
            _ if self.compared == 0 => {
                format!("OS: the database tells of no system how it answers by {}", self.family)
            }
            (0, 0) => format!("OS{by}: no system of the database answers so"),
            (0, _) => format!("OS guesses{by}: {}", names(&self.matches)),
            (perfect, _) => format!("OS details{by}: {}", names(&self.matches[..perfect])),
        }];
        if let Some(routers) = self.routers {
            lines.push(format!("Routers between: {routers}"));
        }
        if let Some(seconds) = self.uptime_s {
            lines.push(format!("Uptime guess: {:.3} days", seconds as f64 / 86_400.0));
        }
        if let Some(class) = self.ip_id {
            lines.push(format!("IP identifications: {}", class.to_lowercase()));
        }
        if !self.doubts.is_empty() {
            lines.push(format!("OS detection is unsure: {}", self.doubts.join("; ")));
        }
        lines
    }
}

impl<'a> OsMatch<'a> {
    fn new(fingerprint: &Fingerprint, database: &'a Database, candidate: &Candidate) -> Self {
        let system = database.system(candidate);
        let mut differs = Vec::new();
        compare(database, system, fingerprint, |test| differs.push(test.to_string()));
        let cpe = system.classes.iter().flat_map(|class| &class.cpe).map(String::as_str);
        let confidence = (fingerprint.family() == Family::V6).then(|| {
            let whole = database.worth(system, Family::V6);
            f64::from(Score { won: candidate.score.won, possible: whole }.hundredths()) / 100.0
        });
        Self {
            name: &system.name,
            accuracy: f64::from(candidate.score.hundredths()) / 100.0,
            cpe: cpe.collect(),
            line: system.line,
            classes: system.classes.iter().map(OsClass::from).collect(),
            points: candidate.score.won,
            possible: candidate.score.possible,
            confidence,
            differs,
        }
    }
}

impl<'a> From<&'a Class> for OsClass<'a> {
    fn from(class: &'a Class) -> Self {
        Self {
            vendor: &class.vendor,
            family: &class.family,
            generation: class.generation.as_deref(),
            device: &class.device,
            cpe: &class.cpe,
        }
    }
}
