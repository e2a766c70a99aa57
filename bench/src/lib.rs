//! The lab and the benchmarks of prtip; the binary is `prtip-bench`.
//!
//! * [`lab`]: a synthetic internet in private network namespaces, its truth,
//!   and the judge that compares a scan with it.

pub mod lab;
