#!/usr/bin/env bash
# Installs what building prtip needs (with --test: what its tests need as well; with
# --profile: what its profiler needs)
# and this machine lacks, from Debian packages. Says what and why first; does
# nothing when all is there. Works as root and through sudo.
set -euo pipefail

declare -A why=(
    [clang]="compiles the eBPF programs"
    [llvm]="strips the eBPF objects"
    [libelf-dev]="libbpf reads ELF objects"
    [zlib1g-dev]="libelf needs it"
    [libbpf-dev]="headers of the eBPF programs"
    [m4]="libxdp's build needs it"
    [pkg-config]="finds the libraries"
    [iproute2]="makes the lab's link and addresses"
    [make]="builds libbpf and libxdp"
    [gcc]="builds libbpf and libxdp"
    [libc6-dev]="C headers"
)

if [ "${1:-}" = --test ]; then
    why+=(
        [bsdutils]="script: tests of output on a terminal"
        [libxml2-utils]="xmllint: checks XML against nmap's DTD"
        [netbase]="/etc/services: what ports are registered for, in nmap's formats"
        [nodejs]="runs a reader of latency histograms"
        [npm]="fetches it"
        [openssl]="makes certificates and judges them independently"
        [python3]="runs readers of CSV, XML and of the schema"
        [python3-venv]="keeps them under target/"
        [linux-perf]="perf: samples where a scan spends its time"
        [heaptrack]="records who asks for memory"
        [jq]="an independent reader of the JSON lines"
        [procps]="kill, ps: signals, and that nothing is left behind"
        [tcpdump]="captures what the scanner sends"
        [tshark]="an independent reader of what the scanner sends"
        [util-linux]="unshare, setpriv, nsenter: tests in namespaces, without root"
        [valgrind]="counts instructions"
        [zstd]="an independent reader of compressed logs"
    )
fi

if [ "${1:-}" = --profile ]; then
    why+=(
        [heaptrack]="records who asks for memory"
        [jq]="reads the reports"
        [linux-perf]="perf: samples where a scan spends its time"
        [valgrind]="counts calls where the kernel does not"
    )
fi

if ! command -v dpkg-query >/dev/null; then
    echo "install-deps: this is no Debian system; install by hand: ${!why[*]}" >&2
    exit 1
fi

missing=()
for package in $(printf '%s\n' "${!why[@]}" | sort); do
    status=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || true)
    case $status in
        ii*) continue ;;
    esac
    # pkgconf takes the place of pkg-config, another make that of make; node and python
    # need not be Debian's.
    case $package in
        nodejs) command -v node >/dev/null && continue ;;
        pkg-config | make | gcc | npm | python3) command -v "$package" >/dev/null && continue ;;
    esac
    missing+=("$package")
done

if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi

echo "install-deps: these Debian packages are missing and will be installed:" >&2
for package in "${missing[@]}"; do
    printf '  %-12s %s\n' "$package" "${why[$package]}" >&2
done

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install-deps: run as root: apt-get install ${missing[*]}" >&2
        exit 4
    fi
    as_root=(sudo)
fi
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@"; }

# Package lists may be absent on a fresh machine, or too old.
if ! apt install -y --no-install-recommends "${missing[@]}" 2>/dev/null; then
    apt update
    apt install -y --no-install-recommends "${missing[@]}"
fi
