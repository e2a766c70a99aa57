//! The shipped database, as the program holds it.

use prtip_signatures::check::check;
use prtip_signatures::format::read;
use prtip_signatures::{Database, sources};

#[test]
fn every_example_is_won_by_its_rule_and_no_near_miss_matches() {
    let read: Vec<_> = sources()
        .iter()
        .map(|(name, text)| read(name, text).unwrap_or_else(|fault| panic!("{fault}")))
        .collect();
    match check(&read, Database::shipped()) {
        Ok(checked) => println!("{checked:?}"),
        Err(faults) => {
            for fault in &faults {
                eprintln!("{fault}");
            }
            panic!("{} faults", faults.len());
        }
    }
}
