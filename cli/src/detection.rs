//! `-sV`: what is asked for, and the services' thread beside the scan.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use clap::{ArgAction, Args};
use prtip_engine::error::{Error, Kind, Result};
use prtip_engine::event::sinks::Sinks;
use prtip_engine::event::{PortEvent, PortState};
use prtip_engine::plan::Target;
use prtip_engine::scan::{Control, Observer};
use prtip_engine::service::{self, Answer, Catalogue, Handshakes, Services};

use crate::args::ScanArgs;
use crate::certificates::{self, Certificates};
use crate::os::OsDatabaseArgs;
use crate::say::say;
use crate::signatures::DatabaseArgs;

#[derive(Debug, Args)]
#[command(next_help_heading = "Detection")]
pub(crate) struct DetectionArgs {
    /// Ask open ports for their services and versions [nmap: -sV; -A is this and --os-scan].
    #[arg(long, action = ArgAction::Count, conflicts_with_all = ["ping_scan", "dry_run"])]
    pub service_scan: u8,
    /// With --service-scan: 0 asks only what a port is known for, 9 everything [default: 7].
    #[arg(long, value_name = "0-9", value_parser = clap::value_parser!(u8).range(0..=9),
          requires = "service_scan", allow_negative_numbers = true)]
    pub version_intensity: Option<u8>,
    /// The same as --version-intensity 2.
    #[arg(long, requires = "service_scan", conflicts_with_all = ["version_intensity", "version_all"])]
    pub version_light: bool,
    /// The same as --version-intensity 9.
    #[arg(long, requires = "service_scan", conflicts_with = "version_intensity")]
    pub version_all: bool,
    /// With --service-scan: connections at once [default: 4096, or as many as files may be open].
    #[arg(long, value_name = "N", value_parser = parse_connections, requires = "service_scan")]
    pub version_connections: Option<usize>,
    /// With --service-scan: show the certificates of TLS servers, and what is wrong with them.
    #[arg(long, requires = "service_scan")]
    pub tls_cert_analysis: bool,
    /// Trust the certificates in FILE instead of the system's.
    #[arg(long, value_name = "FILE", requires = "service_scan")]
    pub ca_file: Option<PathBuf>,
    #[command(flatten)]
    pub databases: DatabaseArgs,
    /// Tell the operating systems of hosts that have an open TCP port, by the scan's port engine [nmap: -O].
    #[arg(long, action = ArgAction::Count,
          conflicts_with_all = ["ping_scan", "ack_scan", "dry_run"])]
    pub os_scan: u8,
    /// With --os-scan: only hosts of which a closed TCP port is known too.
    #[arg(long, requires = "os_scan")]
    pub osscan_limit: bool,
    #[command(flatten)]
    pub systems: OsDatabaseArgs,
}

impl DetectionArgs {
    fn intensity(&self) -> u8 {
        match self.version_intensity {
            Some(intensity) => intensity,
            None if self.version_light => 2,
            None if self.version_all => 9,
            None => 7,
        }
    }
}

fn parse_connections(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=65_536) => Ok(number),
        _ => Err("a number from 1 to 65536".into()),
    }
}

/// The services of a scan.
pub(crate) struct Detection {
    services: Services,
    control: Arc<Control>,
    asked: u64,
    known: u64,
    unasked: u64,
    broken: Option<String>,
    certificates: Option<Certificates>,
    /// Certificates are shown in the table too.
    shows_certificates: bool,
}

impl Detection {
    /// Starts it where it is asked for.
    pub(crate) fn start(
        args: &ScanArgs,
        names: &HashMap<IpAddr, Vec<String>>,
        control: &Arc<Control>,
    ) -> Result<Option<Self>> {
        let detection = &args.detection;
        if detection.service_scan == 0 {
            if !detection.databases.is_empty() {
                return Err(Error::new(
                    Kind::Usage,
                    "--service-probes and --recog are for -sV, which asks for services",
                ));
            }
            return Ok(None);
        }
        let options = service::Options {
            connections: detection.version_connections,
            interface: match args.way_out.interface.as_slice() {
                [one] => Some(one.clone()),
                _ => None,
            },
            source_ips: args.way_out.source_ip.clone(),
        };
        let catalogue = Catalogue::new(detection.databases.resolver()?, detection.intensity());
        let certificates =
            Certificates::trusted(detection.ca_file.as_deref(), detection.tls_cert_analysis)?;
        let tunnels = Box::new(Handshakes::new(names.clone()));
        let (services, word) =
            Services::start(options, catalogue, Some(tunnels), Arc::clone(control))?;
        if let Some(word) = word {
            say(format_args!("prtip: {word}"));
        }
        let control = Arc::clone(control);
        Ok(Some(Self {
            services,
            control,
            asked: 0,
            known: 0,
            unasked: 0,
            broken: None,
            certificates,
            shows_certificates: detection.tls_cert_analysis,
        }))
    }

    /// Takes a result of the scan.
    pub(crate) fn port(&mut self, event: &PortEvent) {
        if event.state == PortState::Open {
            let PortEvent { addr, port, protocol, .. } = *event;
            self.ask(Target { addr, port, protocol });
        }
    }

    /// Hands over an open port.
    pub(crate) fn ask(&mut self, target: Target) {
        self.asked += 1;
        self.services.ask(target);
    }

    /// Ports whose services are not known yet.
    pub(crate) fn left(&self) -> u64 {
        self.services.left()
    }

    /// Hands over what has been found since, as long as there is room for results; whether
    /// that was all.
    pub(crate) fn drain(&mut self, sinks: &mut Sinks) -> bool {
        while sinks.has_room() || self.control.level() >= 2 {
            let Some(answer) = self.services.take() else { return true };
            match answer {
                Answer::Found(found) => {
                    self.known += u64::from(found.service().is_some());
                    sinks.service(&found);
                    if let (Some(certificates), Some(session)) =
                        (&self.certificates, &found.session)
                    {
                        let record = certificates.record(found.target, session);
                        let shown = self.shows_certificates.then(|| certificates::lines(&record));
                        sinks.tls(found.target, &record, &shown.unwrap_or_default());
                    }
                }
                Answer::Unasked(target) => {
                    self.unasked += 1;
                    sinks.unasked(target);
                }
                Answer::Broken(error) => {
                    let said = format!("services can no longer be asked: {error}");
                    say(format_args!("prtip: {said}"));
                    self.broken = Some(said);
                    self.control.stop();
                }
            }
        }
        false
    }

    /// The scan has ended: waits for what is left, with a `pause` now and then. Returns what
    /// came out, in a line.
    pub(crate) fn finish(
        mut self,
        sinks: &mut Sinks,
        mut pause: impl FnMut(&mut Sinks, u64),
    ) -> Conclusion {
        let begun = Instant::now();
        self.services.no_more();
        loop {
            // Asked before the last answers are taken: none is left behind.
            let over = self.services.is_over();
            if self.drain(sinks) && over {
                break;
            }
            pause(sinks, self.left());
            thread::sleep(Duration::from_millis(5));
        }
        let line = format!(
            "services: {} of {} open ports known{}, {:.2} s after the scan",
            self.known,
            self.asked,
            match self.unasked {
                0 => String::new(),
                unasked => format!(", {unasked} not asked"),
            },
            begun.elapsed().as_secs_f64(),
        );
        Conclusion { line, unasked: self.unasked, broken: self.broken }
    }
}

/// What came out.
pub(crate) struct Conclusion {
    pub line: String,
    /// Ports that were left out, since the scan was stopped.
    pub unasked: u64,
    /// Why nothing could be asked any more.
    pub broken: Option<String>,
}
