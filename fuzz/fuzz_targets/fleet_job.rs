//! Any bytes are a job or refused; a job is written as it is read, its ranges cover its pairs
//! once, and its plan is the one it names or an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use prtip_engine::fleet::job::Job;

fuzz_target!(|bytes: &[u8]| {
    let Ok(job) = Job::read(bytes) else { return };
    assert_eq!(Job::read(&job.to_bytes()).ok().as_ref(), Some(&job));
    let mut at = 0;
    for number in 0..job.ranges().min(1000) {
        let range = job.range(number).expect("a range that is counted is there");
        assert_eq!(range.start, at);
        assert!(range.end > at);
        at = range.end;
    }
    if job.ranges() <= 1000 {
        assert_eq!(Some(at), job.pairs().ok());
    }
    let _ = job.plan();
});
