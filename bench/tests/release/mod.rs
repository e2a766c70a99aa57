//! The release binaries, which tests of whole scans run.

use std::path::PathBuf;

/// One of them: from `PRTIP_BIN_DIR`, else from the release folder beside the one that
/// this test was built in.
pub(crate) fn binary(name: &str) -> PathBuf {
    let folder = match std::env::var_os("PRTIP_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let me = std::env::current_exe().unwrap();
            me.ancestors().nth(3).expect("target/PROFILE/deps/TEST").join("release")
        }
    };
    let path = folder.join(name);
    assert!(path.is_file(), "{} is missing: run `make build`", path.display());
    path
}
