//! Many workers of which only the packets are pretended, against a real server.

use std::process::{Command, Output};

use crate::release::binary;
use crate::setting::{sized, turn};

fn crowd(line: &str) -> Output {
    let mut command = Command::new(binary("prtip-bench"));
    command.arg("fleet").args(line.split_whitespace());
    command.output().unwrap()
}

#[test]
fn many_workers_do_each_range_once_and_leave_nothing() {
    let Some(_turn) = turn("a crowd of workers") else { return };
    let size = sized(
        "--workers 60 --ranges 1500 --seconds 1",
        "--workers 1000 --ranges 100000 --seconds 60 --limit 600",
    );
    let output = crowd(&format!("{size} --results 3"));
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    // The check at the end sees what is lost and what is told twice.
    for (fault, why) in [("forget", " 0 twice, 0 false"), ("repeat", " 1 twice, 0 false")] {
        let output = crowd(&format!("--fault {fault} --workers 2 --ranges 100 --results 3"));
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{fault}: {words}");
        assert!(words.contains(why), "{fault}: {words}");
    }
}
