#!/usr/bin/env bash
# Other people's readers of the formats that prtip writes, for its tests alone: kept
# under target/readers, installed nowhere, shipped nowhere. What cannot be had is said,
# and the tests that need it say SKIPPED (and fail in CI).
set -uo pipefail
cd "$(dirname "$0")/.."
readers=$PWD/target/readers
mkdir -p "$readers"

# Runs a step unless an earlier run has done it; a new version does it again.
once() {
    local name=$1 version=$2
    shift 2
    [ "$(cat "$readers/$name.done" 2>/dev/null)" = "$version" ] && return
    rm -rf "${readers:?}/$name" "$readers/$name.done"
    if "$@" >"$readers/$name.log" 2>&1; then
        echo "$version" >"$readers/$name.done"
    else
        echo "install-readers: $name is not to be had (target/readers/$name.log tells why)" >&2
    fi
}

# jsonschema checks records against the schema; python-libnmap reads nmap's XML, pyarrow
# Parquet.
python() {
    python3 -m venv "$readers/python" &&
        "$readers/python/bin/pip" install --quiet 'jsonschema==4.26.0' 'python-libnmap==0.7.3' \
            'pyarrow==26.0.1'
}

# hdr-histogram-js reads the latency histograms.
node() {
    mkdir -p "$readers/node" && cd "$readers/node" && echo '{"private":true}' >package.json &&
        npm install --silent --no-audit --no-fund --ignore-scripts hdr-histogram-js@3.0.1
}

# Downloads packages where the system's lists are missing or too old, with lists of its
# own, which need no root.
with_own_lists() {
    local state=$1/apt
    shift
    mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
    local apt=(apt-get -qq -o "Dir::State::Lists=$state/lists" -o "Dir::Cache=$state/cache")
    "${apt[@]}" update && "${apt[@]}" download "$@"
}

# nmap's DTD, ndiff and its database of operating systems, from Debian's packages. The last
# is read where a user names it, and by the tests of that; nothing is taken from it.
nmap() {
    local folder
    folder=$(mktemp -d) && chmod 755 "$folder" && cd "$folder" &&
        { apt-get -qq download nmap-common ndiff || with_own_lists "$folder" nmap-common ndiff; } &&
        for package in ./*.deb; do dpkg-deb -x "$package" "$folder/x" || return 1; done &&
        mkdir "$readers/nmap" &&
        cp x/usr/share/nmap/nmap.dtd x/usr/share/nmap/nmap-os-db x/usr/bin/ndiff x/usr/lib/python3/dist-packages/ndiff.py "$readers/nmap" &&
        rm -rf "$folder"
}

once python 2 python
once node 1 node
once nmap 2 nmap
exit 0
