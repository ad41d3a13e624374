#!/bin/sh
# Writes outside.pcap: sealed packets of the streams in a file, as `ucproxy media provision` printed them.
set -eu
cd "$(dirname "$0")/../.."

[ $# -ge 3 ] || { echo "usage: capture.sh STREAMS OUR-MAC PROXY-MAC [PACKETS]" >&2; exit 2; }
exec cargo run --release --quiet -p perf-loadgen -- pcap --streams "$1" --to outside.pcap \
    --end outside --source-mac "$2" --destination-mac "$3" --packets "${4:-1000000}"
