//! The disk is full while results are logged: the scan says so, stops or goes on as it was
//! told and ends with code 1, what was written stays, and after room was made `--resume`
//! goes on exactly there.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use crate::lab::Lab;
use crate::release::binary;
use crate::setting::{sized, turn};

const LAB: Lab =
    Lab { rules: "--seed 41 --open 200 --closed 300 --icmp 20 --dup 30", link: "--queues 1" };

/// Runs in the lab's own view of the file system, so that the small disk is nobody else's.
const SCRIPT: &str = r#"
set -e
mount -t tmpfs -o size=$SMALL tmpfs "$DISK"
"$PRTIP" -sS -p 1-64 $TARGETS --port-engine xdp --rate 20000 --cooldown 1 --seed 3 \
    --show open,closed --event-log "$DISK/log" $FLAGS --json > "$OUT/told" 2> "$OUT/first" && code=0 || code=$?
echo $code > "$OUT/code"
cat "$DISK"/log.0* "$DISK/log" > "$OUT/before" 2> /dev/null || true
mount -o remount,size=64m "$DISK"
"$PRTIP" --resume "$DISK/log" > /dev/null 2> "$OUT/second" && code=0 || code=$?
echo $code >> "$OUT/code"
cat "$DISK"/log.0* "$DISK/log" > "$OUT/log" 2> /dev/null || true
umount "$DISK"
"#;

#[test]
fn a_full_disk_stops_the_scan_or_not_and_resume_goes_on_exactly() {
    let Some(_turn) = turn("full disk") else { return };
    let targets = sized("198.18.0.0/22", "198.18.0.0/19");
    // Once in the middle of a write, once where a page ends.
    for (small, flags) in [
        ("300k", "--log-sync always"),
        ("512k", "--log-rotate 100k"),
        ("300k", "--on-full continue"),
    ] {
        let goes_on = flags.contains("continue");
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("disk");
        fs::create_dir(&disk).unwrap();
        let environment: [(&str, PathBuf); 3] =
            [("DISK", disk), ("OUT", folder.path().into()), ("PRTIP", binary("prtip"))];
        let mut pairs: Vec<(&str, &str)> =
            environment.iter().map(|(name, path)| (*name, path.to_str().unwrap())).collect();
        pairs.extend([("SMALL", small), ("TARGETS", targets), ("FLAGS", flags)]);
        let ended = LAB.run(&["bash", "-c", SCRIPT].map(OsString::from), &pairs);
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(ended.code, Some(0), "{}", ended.words);
        let (first, second) = (read("first"), read("second"));
        assert_eq!(read("code"), "1\n0\n", "{first}\n{second}");
        assert!(first.contains("no longer written: No space left"), "{first}");
        assert!(first.contains("--resume"), "{first}");
        assert!(first.contains(if goes_on { "the scan goes on" } else { "the scan stops" }));
        // Where it went on, nothing is missing from its other output.
        let told =
            LAB.check(&format!("--targets {targets} --ports 1-64"), &folder.path().join("told"));
        assert!(told.nothing_false(), "{told:?}");
        assert_eq!(told.missed == 0, goes_on, "{told:?}");
        let (before, log) = (read("before"), read("log"));
        let whole = before.rfind('\n').unwrap() + 1;
        assert!(log.starts_with(&before[..whole]), "what had been written has changed");
        assert!(!log[whole..].is_empty());
        let verdict =
            LAB.check(&format!("--targets {targets} --ports 1-64"), &folder.path().join("log"));
        assert_eq!(verdict.code, Some(0), "{verdict:?}\n{second}");
        // It did not go on for long after the disk was full.
        let sent = first.split_once("prtip: sent ");
        println!("{small} {flags}: {} of {} bytes before; {sent:?}", before.len(), log.len());
        assert!(before.len() * 2 < log.len(), "the disk was hardly too small");
    }
}
