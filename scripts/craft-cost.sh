#!/usr/bin/env bash
# Prints how many instructions one probe costs in user space, and one result with and
# without an event log, counted by callgrind, which the machine's load does not move.
# Says SKIPPED where valgrind is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v valgrind >/dev/null; then
    echo "SKIPPED: instructions a probe: valgrind is missing (apt-get install valgrind)"
    exit 0
fi
# Asked by system call, rustix is told of a vdso that valgrind has taken away.
cargo build --release --locked --quiet -p prtip-engine --features rustix/use-libc-auxv \
    --example craft_cost --example event_cost
target=$(cargo metadata --format-version 1 --no-deps --offline |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
"$target/release/examples/craft_cost"
exec "$target/release/examples/event_cost"
