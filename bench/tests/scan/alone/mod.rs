//! Tests of how fast or how soon something is: nothing else runs meanwhile. They are in a
//! module whose name comes first, so that they follow one another before the tests that run
//! beside others begin, and neither wait for the other.

mod auto;
mod delays;
mod highest_rate;
mod pace;
mod slow_far_end;
mod transfer;
