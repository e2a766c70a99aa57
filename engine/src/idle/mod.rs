//! The idle scan: which ports of a host are open, told by how a third host, the zombie,
//! counts the packets that it sends. The scanned host sees packets from the zombie alone.
//!
//! A SYN in the zombie's name goes to a port. Where it is open, a SYN-ACK comes to the
//! zombie, which has not asked for it and says so with a RST; where it is closed, a RST
//! comes, and the zombie says nothing. Whether its IP identification has gone on by one
//! more than our own question for it makes is the answer.
//!
//! * [`counter`]: what a zombie's identifications say of it, and whether it will do.
//! * [`search`]: ports asked in groups, groups halved. Without sockets or clock.
//! * [`packet`]: the packets. [`asking`]: both of these carried out over the raw port.

mod asking;
pub mod counter;
pub mod packet;
pub mod search;

pub use asking::{IdleScan, Options, Verdict, find_zombies};
