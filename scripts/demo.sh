#!/usr/bin/env bash
# The main job, from end to end: starts the lab (a synthetic internet and real
# servers in private network namespaces), scans it over AF_XDP, shows the result
# and the ledger, and ends non-zero where the result is not the lab's truth.
# No address outside the lab is touched; nothing is left behind.
#
# Wants target/release/prtip and target/release/prtip-bench, or their folder in
# PRTIP_BIN. Run it through `make demo`.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${PRTIP_BIN:-$PWD/target/release}
export PRTIP_LAB_CACHE=${PRTIP_LAB_CACHE:-$PWD/target/lab-cache}
targets=198.18.0.0/22
ports=1-64
rules=(--seed 7 --open 100 --closed 300 --icmp 20 --dup 30 --forge 50)
servers=nginx,sshd,redis
rate=${PRTIP_DEMO_RATE:-20000}

if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "demo: run it as root" >&2; exit 4; }
    exec sudo --preserve-env=PRTIP_BIN,PRTIP_LAB_CACHE,PRTIP_DEMO_RATE,NO_COLOR "$PWD/scripts/demo.sh" "$@"
fi
for program in prtip prtip-bench; do
    [ -x "$bin/$program" ] || { echo "demo: $bin/$program is missing; run make build" >&2; exit 1; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/prtip-demo.XXXXXX")
lab=
finish() {
    # The lab takes down what it made; wait so that nothing outlives this script.
    if [ -n "$lab" ] && kill -0 "$lab" 2>/dev/null; then
        kill -TERM "$lab" 2>/dev/null || true
        wait "$lab" 2>/dev/null || true
    fi
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

faults=0
fault() { echo "demo: $*" >&2; faults=$((faults + 1)); }

# `field NAME` of a JSON object on standard input, string or number.
field() { sed -n "s/.*\"$1\":\"\\{0,1\\}\\([^\",}]*\\).*/\\1/p" | head -n 1; }

run_lab() {
    "$bin/prtip-bench" lab run "${rules[@]}" --servers "$servers" --queues 2 -- "$@" &
    lab=$!
    local code=0
    wait "$lab" || code=$?
    lab=
    return "$code"
}

"$bin/prtip-bench" lab servers --servers "$servers" --json >"$work/servers.jsonl"
server_ips=$(sed -n 's/.*"ip":"\([0-9.]*\)".*/\1/p' "$work/servers.jsonl" | paste -sd " ")
server_ports=$(sed -n 's/.*"port":\([0-9]*\).*/\1/p' "$work/servers.jsonl" | sort -nu | paste -sd ,)

cat >"$work/scan.sh" <<'SCAN'
set -u
bin=$1 work=$2 rate=$3 targets=$4 ports=$5 server_ports=$6
shift 6
code=0
"$bin/prtip" -sS -p "$server_ports" "$@" --seed 1 --port-engine xdp --json >"$work/real.jsonl" || code=$?
"$bin/prtip" -sS -p "$ports" "$targets" --seed 2 --port-engine xdp --rate "$rate" --json \
    >"$work/lab.jsonl" || code=$?
exit "$code"
SCAN

echo "== starting the lab and scanning it over AF_XDP =="
code=0
# shellcheck disable=SC2086  # a list of addresses
run_lab bash "$work/scan.sh" "$bin" "$work" "$rate" "$targets" "$ports" "$server_ports" $server_ips || code=$?
[ "$code" -eq 0 ] || { fault "the lab or the scan ended with code $code"; exit 1; }

echo
echo "== real servers =="
printf '%-18s %6s  %-8s %-24s %s\n' ADDRESS PORT STATE SERVER NAME
while read -r line; do
    ip=$(field ip <<<"$line")
    case $ip in *:*) continue ;; esac
    port=$(field port <<<"$line")
    record=$(grep '"type":"port"' "$work/real.jsonl" | grep -F "\"ip\":\"$ip\"" |
        grep -E "\"port\":$port[,}]" | tail -n 1 || true)
    state=$(field state <<<"$record")
    name=$(sed -n 's/.*"names":\["\([^"]*\)".*/\1/p' <<<"$line")
    printf '%-18s %6s  %-8s %-24s %s\n' "$ip" "$port" "${state:-missing}" \
        "$(field product <<<"$line") $(field version <<<"$line")" "$name"
    [ "$state" = open ] || fault "$name at $ip:$port is ${state:-missing}, not open"
done <"$work/servers.jsonl"
expected=$(grep -vc '"ip":"[^"]*:' "$work/servers.jsonl" || true)
found=$(grep '"type":"port"' "$work/real.jsonl" | grep -c '"state":"open"' || true)
[ "$found" -eq "$expected" ] || fault "$found open ports on the servers' addresses, not $expected"

echo
echo "== the synthetic internet: $targets, ports $ports =="
printf '%-18s %6s  %-8s %s\n' ADDRESS PORT STATE REASON
grep '"type":"port"' "$work/lab.jsonl" | grep '"state":"open"' | head -n 12 |
    while read -r line; do
        printf '%-18s %6s  %-8s %s\n' "$(field ip <<<"$line")" "$(field port <<<"$line")" \
            "$(field state <<<"$line")" "$(field reason <<<"$line")"
    done || true
open=$(grep '"type":"port"' "$work/lab.jsonl" | grep -c '"state":"open"' || true)
echo "… $open open ports in all"

echo
echo "== against the lab's truth =="
"$bin/prtip-bench" lab check "${rules[@]}" --targets "$targets" --ports "$ports" "$work/lab.jsonl" ||
    fault "the result is not the lab's truth"

echo
echo "== ledger =="
for scan in real lab; do
    ledger=$(grep '"type":"ledger"' "$work/$scan.jsonl" | tail -n 1 || true)
    unaccounted=$(field unaccounted <<<"$ledger")
    for name in generated submitted completed retries rx_steered rx_valid rx_duplicate rx_invalid \
        rx_late ring_drops results unaccounted; do
        printf '%s %s  ' "$name" "$(field "$name" <<<"$ledger")"
    done
    echo
    [ "$unaccounted" = 0 ] || fault "the ledger of the $scan scan leaves ${unaccounted:-?} unaccounted"
done

echo
if [ "$faults" -gt 0 ]; then
    echo "demo: $faults fault(s)" >&2
    exit 1
fi
echo "The scan told the truth; nothing unaccounted."
