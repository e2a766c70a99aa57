//! One scan by many machines, handed out by NATS JetStream: all of it but the scan itself.
//!
//! A job is a plan and ranges of its indices. The ranges lie in a stream that hands each to
//! one worker, takes it back where that worker falls silent, and forgets it when it is
//! acknowledged; results lie in another.
//!
//! * [`server`] is how to reach the server and as whom, [`link`] the connection and how all
//!   of that is named there;
//! * [`submit`] stores a job and its ranges;
//! * [`worker`] takes ranges, has them scanned by a [`worker::Scanner`] and gives them up:
//!   `courier` is its way to the server, [`findings`] what it puts on that way, [`pulse`] by
//!   which workers know of each other, from the [`word`] that each says of itself;
//! * [`status`] counts how far a job is, [`results`] reads what was found.
//!
//! What a job is, who may scan it and how results become one lies in `prtip_engine::fleet`,
//! which needs no network. The scan is the engine's in `prtip fleet work`; in
//! `prtip-bench fleet` it is pretended, so that a thousand workers fit into one machine.

mod courier;
pub mod findings;
pub mod link;
pub mod pulse;
pub mod results;
pub mod server;
pub mod status;
pub mod submit;
pub mod word;
pub mod worker;
