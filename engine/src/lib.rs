//! The scanning engine of prtip.
//!
//! Everything is an index: the targets of a scan form a set of N items, a keyed
//! permutation maps index i to an item and back, and a probe is a pure function
//! of (plan, i, attempt). The rooms, from the inside out:
//!
//! * [`plan`]: targets, ports, exclusions, the permutation, `probe(i)`. No I/O.
//! * [`wire`]: headers as templates and views. No I/O, no allocation.
//! * [`udp`]: what a UDP probe says, and which answers are its own. No I/O.
//! * [`route`]: interface, source address, gateway and its MAC, by netlink.
//! * [`port`]: the ways in and out (AF_XDP, AF_PACKET, raw IP, memory).
//! * [`scan`]: pacing, validation, window, ledger: what is sent when, and what a reply means.
//! * [`service`]: what is listening on open ports: connections, questions, answers.
//! * [`os`]: what hosts run, by how they answer sixteen probes.
//! * [`idle`]: which ports are open, by how a third host counts its packets.
//! * [`tls`]: certificates read and chains of them judged. No sockets.
//! * [`event`]: what was found, and the sinks that write it down.
//! * [`report`]: event logs as a page for people.
//! * [`latency`]: round-trip time histograms. [`key`]: the random key of the cookies and its file.
//! * [`doctor`]: what works on this host and why not.
//! * [`error`]: errors that tell the remedy.

pub mod doctor;
pub mod error;
pub mod event;
pub mod fleet;
pub mod idle;
pub mod key;
pub mod latency;
pub mod os;
pub mod plan;
pub mod port;
pub mod report;
pub mod route;
pub mod scan;
pub mod service;
pub mod tls;
pub mod udp;
pub mod wire;
