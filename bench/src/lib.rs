//! The lab and the benchmarks of prtip; the binary is `prtip-bench`.
//!
//! * [`lab`]: a synthetic internet in private network namespaces, its truth,
//!   and the judge that compares a scan with it.
//! * [`tx`], [`roundtrip`]: how fast the engine sends, and sends and receives,
//!   compared in the same run with [`bare`] loops and the other port engine.
//! * [`log`]: how many events a second the event log takes.
//! * `event_cost`: what an event log costs. [`rtt`]: how true round-trip times are.
//! * [`peers`]: masscan, zmap and nmap beside prtip, on the lab.
//! * [`matching`]: answers of services against the signatures.
//! * [`fleet`]: how many workers a NATS server carries.
//! * [`tls`]: certificates, beside x509-parser and webpki.
//! * [`stage`]: the namespaces they run in; [`wire`]: the link and the targets, the lab's
//!   or a card's; [`cpu`]: the clocks; [`paired`]: the
//!   statistics; [`peak_memory`]: another process's; [`benchmark`]: what the commands take and print.
//! * [`vm`]: the lab over emulated cards that have AF_XDP zero-copy.

pub mod bare;
pub mod benchmark;
pub mod cpu;
mod event_cost;
pub mod fleet;
pub mod lab;
pub mod log;
pub mod matching;
pub mod os_matching;
pub mod paired;
pub mod peak_memory;
pub mod peers;
pub mod roundtrip;
mod roundtrip_live;
pub mod rtt;
pub mod stage;
pub mod tls;
pub mod tx;
mod tx_live;
pub mod vm;
pub mod wire;
