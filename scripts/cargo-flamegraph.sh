#!/usr/bin/env bash
# The commands that the budgets of profiling/ began with, word for word, through `cargo flamegraph`:
# one SVG each in target/flamegraphs. badssl.com is the lab's; 127.0.0.1 has a web server of a few
# lines on port 80 in a network namespace where the command wants to find one.
# As root or as a user who may call sudo; takes the folder of the release binaries.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1
export PATH="$PWD/target/tools/bin:$PATH"
out=$PWD/target/flamegraphs
mkdir -p "$out"
work=$(mktemp -d "${TMPDIR:-/tmp}/prtip-flamegraphs.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Outside of the lab cargo belongs to the user, perf to root.
root=() user=() asks=()
if [ "$(id -u)" != 0 ]; then
    root=(sudo "--preserve-env=PATH,HOME,PRTIP_LAB_CACHE")
    user=(sudo -u "$(id -un)" env "PATH=$PATH" "HOME=$HOME")
    asks=(--root)
fi

# A web server on 127.0.0.1:80 for as long as the command runs that it is given.
web='use IO::Socket::INET;
my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1:80", Listen => 16) or die "port 80: $!";
my $server = fork // die;
if (!$server) {
    while (my $peer = $listener->accept) {
        $peer->recv(my $request, 4096);
        $peer->send("HTTP/1.0 200 OK\r\nServer: nginx/1.22.1\r\n\r\n");
    }
    exit;
}
close $listener;
my $status = system @ARGV;
kill TERM => $server;
exit($status ? 1 : 0);'

# cargo flamegraph leaves perf.data where it runs: not where somebody may have one of his own.
project=$PWD
cd "$work"
draw() { # NAME LAB-OPTIONS COMMAND
    local name=$1 lab=$2 command=(cargo flamegraph
        --manifest-path "$project/Cargo.toml" --output "$out/$1.svg" "${asks[@]}" --bin prtip -- $3)
    echo "== ${command[*]}" >&2
    if [ -n "$lab" ]; then
        "${root[@]}" "$bin/prtip-bench" lab run $lab -- perl -e "$web" "${user[@]}" "${command[@]}"
    else
        "${command[@]}"
    fi >"$work/$name.out" 2>"$work/$name.err" || { cat "$work/$name".* >&2; exit 1; }
    grep -E 'open|closed, |samples|os:|OS:' "$work/$name".* -h | head -8 >&2
    # Functions of the scanner under their own names, not addresses.
    local ours
    ours=$(grep -oE '<title>[^<]*prtip_engine::[^<(]*' "$out/$name.svg" | sort -u | wc -l)
    [ "$ours" -gt 0 ] || { echo "cargo-flamegraph: $name.svg names no function of ours" >&2; exit 1; }
    echo "$name.svg: $ours functions of ours by name" >&2
}

draw syn-scan-10k-ports "" "-sS -p 1-10000 127.0.0.1"
draw service-detection "--open 0" "-sV -p 22,80,443,3306,5432 127.0.0.1"
draw tls-cert-parsing "--servers badssl" "-sV -p 443 badssl.com --tls-cert-analysis"
draw os-fingerprinting "--open 0" "-O -p 80 127.0.0.1"
draw event-system "" "-sS -p 1-1000 127.0.0.1 --event-log $work/events.jsonl"
