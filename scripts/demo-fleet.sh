#!/usr/bin/env bash
# A fleet from end to end: a NATS server and three workers, each in a network namespace of
# its own with a lab of its own (labs with the same rules are one internet), one scan. One
# worker is killed on the way. Ends non-zero where what is collected is not the truth.
# No address outside of the namespaces is touched; nothing is left behind.
#
# Wants target/release/prtip and target/release/prtip-bench, or their folder in
# PRTIP_BIN. Run it through `make demo-fleet`.
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${PRTIP_BIN:-$PWD/target/release}
export PRTIP_LAB_CACHE=${PRTIP_LAB_CACHE:-$PWD/target/lab-cache}
targets=198.18.0.0/21
rules=(--seed 7 --open 100 --closed 300 --icmp 20 --dup 30 --forge 50)

if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "demo-fleet: run it as root" >&2; exit 4; }
    exec sudo --preserve-env=PRTIP_BIN,PRTIP_LAB_CACHE,NO_COLOR "$PWD/scripts/demo-fleet.sh"
fi
for program in prtip prtip-bench; do
    [ -x "$bin/$program" ] || { echo "demo-fleet: $bin/$program is missing; run make build" >&2; exit 1; }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/prtip-fleet.XXXXXX")
own=()
finish() {
    # Labs take down what they made.
    for pid in "${own[@]}" "${labs[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${own[@]}" "${labs[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
labs=()
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

server=$("$bin/prtip-bench" lab unpack nats-server)/usr/sbin/nats-server
unshare --net sleep 600 &
hub=$!
own+=("$hub")
until [ "$(readlink "/proc/$hub/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
in_hub() { nsenter -n -t "$hub" -- "$@"; }
in_hub ip link set lo up

scan=()
for i in 1 2 3; do
    "$bin/prtip-bench" lab run "${rules[@]}" -- sleep 600 >/dev/null 2>"$work/lab.$i" &
    labs+=($!)
    until grep -q 'scan0 in net' "$work/lab.$i"; do
        kill -0 "${labs[-1]}" 2>/dev/null || { cat "$work/lab.$i" >&2; exit 1; }
        sleep 0.05
    done
    scan[i]=$(sed -n 's/.*scan0 in net namespace of pid \([0-9]*\).*/\1/p' "$work/lab.$i")
    in_hub ip link add "hub$i" type veth peer name mgmt0 netns "${scan[i]}"
    in_hub ip addr add "198.19.254.$((4 * i - 3))/30" dev "hub$i"
    in_hub ip link set "hub$i" up
    nsenter -n -t "${scan[i]}" -- ip addr add "198.19.254.$((4 * i - 2))/30" dev mgmt0
    nsenter -n -t "${scan[i]}" -- ip link set mgmt0 up
done
nsenter -n -t "$hub" -- "$server" -js -a 0.0.0.0 -p 4222 -sd "$work/store" -l "$work/nats.log" &
own+=($!)
until grep -q 'Server is ready' "$work/nats.log" 2>/dev/null; do sleep 0.05; done

# prtip fleet in the namespace of worker $1.
fleet() {
    local i=$1
    shift
    nsenter -n -m -t "${scan[i]}" -- \
        env NATS_URL="nats://198.19.254.$((4 * i - 3)):4222" "$bin/prtip" fleet "$@"
}
say() { printf '\n== %s\n' "$*" >&2; }

say "a job: 131,072 pairs, 30,000 probes a second of all workers together"
fleet 1 submit --name demo -- -sS -p 1-64 "$targets" --rate 30k --show open,closed --cooldown 1 --seed 7
workers=()
for i in 1 2 3; do
    nsenter -n -m -t "${scan[i]}" -- env NATS_URL="nats://198.19.254.$((4 * i - 3)):4222" \
        "$bin/prtip" fleet work demo --name "worker-$i" --allow 198.18.0.0/15 2>"$work/worker.$i" &
    workers+=($!)
    own+=($!)
done
sleep 3
fleet 1 status demo >&2
say "worker 2 is killed; its ranges come back after 15 seconds without a word"
kill -KILL "${workers[1]}"
wait "${workers[1]}" 2>/dev/null || true
wait "${workers[0]}" "${workers[2]}"
fleet 1 status demo >&2
say "collected, and compared with the truth"
fleet 1 collect demo --json >"$work/found.jsonl"
"$bin/prtip-bench" lab check "${rules[@]}" --states open,closed --targets "$targets" --ports 1-64 \
    "$work/found.jsonl"
say "demo-fleet: the result is the truth"
