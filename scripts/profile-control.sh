#!/usr/bin/env bash
# The profiler's control: a build of prtip in which a function wastes time once a reply.
# The profile must name it first, count its calls as often as the ledger counts replies,
# and break the budget. Takes the folder of that build.
set -euo pipefail
folder=$(cd "$1" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/prtip-profile-control.XXXXXX")
trap 'rm -rf "$work"' EXIT

# A fixed rate: the same probes in each run.
cat >"$work/control.toml" <<'END'
title = "a function slowed on purpose"
command = "-sS -p 1-10000 127.0.0.1 --rate 20000 --retries 0 --cooldown 1"
[[budget]]
what = "largest function of ours"
of = "largest-function-of-ours"
limit = 20
END
if "$folder/prtip-profile" run "$work/control.toml" --out "$work" --enforce; then
    echo "profile-control: the budget was kept" >&2
    exit 1
fi
"$folder/prtip" -sS -p 1-10000 127.0.0.1 --rate 20000 --retries 0 --cooldown 1 --json \
    2>/dev/null >"$work/scan.jsonl"
replies=$(jq 'select(.type == "ledger") | .rx_valid' "$work/scan.jsonl")
sed -n '/^| budget/,$p' "$work/control.hotspots.md"
first=$(jq -r '.hotspots[0] | "\(.function) \(.calls)"' "$work/control.hotspots.json")
echo "profile-control: first: $first calls; the ledger: $replies replies"
[ "$first" = "prtip_engine::scan::verdict::slowed $replies" ]
