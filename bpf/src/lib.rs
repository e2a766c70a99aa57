//! The eBPF programs of prtip and the structs they share with user space.
//!
//! * [`abi`]: twins of the C structs in `include/prtip.h`.
//! * [`cookie`]: the reference cookie, equal to `prtip_cookie4/6` in C.
//! * `steer` (feature `steer`): loads and attaches the steering program of a scan.
//! * [`recipe`]: what the generator must know to make the probes of a plan.
//! * `generator` (feature `steer`): loads and runs the generator; `mapping`: memory
//!   that it shares with us.
//! * `namespace`: where a program is attached that must meet no packet.
//! * `holder` (feature `steer`): who holds an interface that is taken.
//! * `lab` (feature `lab`): loads the programs of the lab.
//! * `bench` (feature `lab`): loads the programs that the benchmarks measure against.

pub mod abi;
#[cfg(feature = "lab")]
pub mod bench;
pub mod cookie;
#[cfg(feature = "steer")]
pub mod generator;
#[cfg(feature = "steer")]
pub mod holder;
#[cfg(feature = "lab")]
pub mod lab;
#[cfg(feature = "steer")]
pub mod mapping;
#[cfg(any(feature = "steer", feature = "lab"))]
mod namespace;
pub mod recipe;
#[cfg(feature = "steer")]
pub mod steer;
