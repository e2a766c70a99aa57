//! The same by IPv6: what TCP tells is told as by IPv4; what IP and ICMP tell is its own.
//! `prtip_signatures::os::notation` says what the tests mean.

use prtip_signatures::os::Fingerprint;
use prtip_signatures::os::notation::Test;

use super::observe::{Answers, ecn_values};
use super::probe::{DATAGRAM_BYTES, FLOW_LABEL, Probe, TRAFFIC_CLASS};
use super::reply::{Body, Reply, asked_code};
use super::sequence::{numbers, stamps};

impl Answers {
    /// The fingerprint of a host that was asked by IPv6.
    pub(super) fn fingerprint_v6(&self) -> Fingerprint {
        let mut into = Fingerprint::default();
        let samples = self.samples();
        numbers(&samples, "6SEQ", &mut into);
        stamps(&samples, "6SEQ", &mut into);
        self.syn_lines("6OPS", "6WIN", &mut into);
        if let Some((_, segment)) = self.answered("6ECN", Probe::Ecn, &mut into) {
            ecn_values("6ECN", segment, &mut into);
        }
        let lines = ["6T2", "6T3", "6T4", "6T5", "6T6", "6T7"];
        let lines = (2..).zip(lines).map(|(at, line)| (line, Probe::Tcp(at)));
        for (line, probe) in std::iter::once(("6T1", Probe::Seq(0))).chain(lines) {
            if let Some((_, segment)) = self.answered(line, probe, &mut into) {
                self.segment_values(line, probe, segment, &mut into);
            }
        }
        self.unreachable_v6(&mut into);
        self.echo_v6(&mut into);
        self.problem(&mut into);
        into
    }

    /// Begins the line of a TCP probe; what came, where something did.
    fn answered(
        &self,
        line: &str,
        probe: Probe,
        into: &mut Fingerprint,
    ) -> Option<(&Reply, &super::reply::Segment)> {
        let found = self.segment(probe);
        self.head_v6(line, probe, found.map(|(reply, _)| reply), into)?;
        found
    }

    /// R, T or TG, TC and FL of a line.
    fn head_v6<'a>(
        &self,
        line: &str,
        probe: Probe,
        reply: Option<&'a Reply>,
        into: &mut Fingerprint,
    ) -> Option<&'a Reply> {
        if self.sent_ns[probe.index()] == 0 {
            return None;
        }
        let Some(reply) = reply else {
            if !self.silence_tells(probe) {
                return None;
            }
            into.set(Test::named(line, "R"), "N");
            return None;
        };
        into.set(Test::named(line, "R"), "Y");
        self.began_with(line, reply.ttl, into);
        let asked = if probe == Probe::Echo(0) { TRAFFIC_CLASS } else { u8::MAX };
        let class = match reply.class {
            class if class == asked => "S".to_owned(),
            class => format!("{class:X}"),
        };
        into.set(Test::named(line, "TC"), class);
        let label = match reply.flow_label {
            0 => "Z",
            FLOW_LABEL => "S",
            _ => "O",
        };
        into.set(Test::named(line, "FL"), label);
        Some(reply)
    }

    fn unreachable_v6(&self, into: &mut Fingerprint) {
        let reply = self.head_v6("6U1", Probe::U1, self.reply(Probe::U1), into);
        let Some(Body::Error(error)) = reply.map(|reply| reply.body) else { return };
        let mut set = |name, value: String| into.set(Test::named("6U1", name), value);
        let good_or = |good: bool, value: u32| {
            if good { "G".to_owned() } else { format!("{value:X}") }
        };
        let sent_length = 8 + DATAGRAM_BYTES as u16;
        set("IPL", format!("{:X}", error.length));
        set("UN", format!("{:X}", error.word));
        set("RIPL", good_or(error.quoted_length == sent_length, error.quoted_length.into()));
        set("RTC", good_or(error.quoted_class == TRAFFIC_CLASS, error.quoted_class.into()));
        set("RFL", good_or(error.quoted_label == FLOW_LABEL, error.quoted_label));
        let sent_sum = self.flow.datagram_checksum();
        set("RUCK", good_or(error.quoted_udp_sum == sent_sum, error.quoted_udp_sum.into()));
        set("RUD", if error.data_intact { "G" } else { "I" }.to_owned());
    }

    fn echo_v6(&self, into: &mut Fingerprint) {
        let probe = Probe::Echo(0);
        let reply = self.head_v6("6IE", probe, self.reply(probe), into);
        let Some(Body::Echo(code)) = reply.map(|reply| reply.body) else { return };
        let code = match code {
            0 => "Z".to_owned(),
            code if code == asked_code(false) => "S".to_owned(),
            code => format!("{code:X}"),
        };
        into.set(Test::named("6IE", "CD"), code);
    }

    fn problem(&self, into: &mut Fingerprint) {
        let probe = Probe::Echo(1);
        let Some(reply) = self.head_v6("6PP", probe, self.reply(probe), into) else { return };
        let mut set = |name, value: String| into.set(Test::named("6PP", name), value);
        match reply.body {
            Body::Error(error) => {
                set("A", "P".to_owned());
                set("IPL", format!("{:X}", error.length));
                set("CD", format!("{:X}", error.code));
                set("PT", format!("{:X}", error.word));
            }
            _ => set("A", "E".to_owned()),
        }
    }
}
