#!/usr/bin/env bash
# Prints what an event log costs a whole scan in which one probe in a hundred finds something:
# user and system CPU seconds of the process, with a log over without, in turn. As root; the
# packets stay in the lab's namespaces. PAIRS, and PREFIX (18: 2^20 probes), may be set.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${PRTIP_BIN_DIR:-target/release}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/pairs.py" <<'PYTHON'
import os, random, resource, statistics, subprocess, sys
prtip, folder, pairs, network = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
def cpu(log):
    command = [prtip, '-sS', '-p', '1-64', network, '--port-engine', 'xdp', '--rate', 'max',
               '--retries', '0', '--cooldown', '0.3', '--seed', '7', '--csv', '/dev/null']
    path = os.path.join(folder, 'log')
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command + (['--event-log', path] if log else []),
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0 and ' 0 unaccounted' in done.stderr, done.stderr
    for name in (path, path + '.key'):
        if os.path.exists(name): os.unlink(name)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
cpu(True), cpu(False)
ratios, plain = [], []
for pair in range(pairs):
    first = cpu(pair % 2 == 0)
    second = cpu(pair % 2 == 1)
    logged, bare = (first, second) if pair % 2 == 0 else (second, first)
    ratios.append(logged / bare)
    plain.append(bare)
draw = random.Random(1)
medians = sorted(statistics.median(draw.choices(ratios, k=pairs)) for _ in range(10000))
print(f'CPU time with an event log over without: {statistics.median(ratios):.4f} '
      f'[{medians[250]:.4f}, {medians[9749]:.4f}], {pairs} pairs, '
      f'{statistics.median(plain):.3f} s a scan without')
PYTHON
"$bin/prtip-bench" lab run --seed 5 --open 10 --closed 0 --icmp 0 -- \
    python3 "$folder/pairs.py" "$bin/prtip" "$folder" "${PAIRS:-21}" "198.18.0.0/${PREFIX:-18}"
