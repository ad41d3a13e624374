#!/bin/sh
# Runs every script against stub.lua, and looks at what it says.
set -eu
cd "$(dirname "$0")"

luac5.3 -p ./*.lua
for script in ./*.sh; do sh -n "$script"; done

# expect SCRIPT PATTERN [SETTING=VALUE...]
expect() {
    script=$1 pattern=$2
    shift 2
    said=$(lua5.3 stub.lua "$script" "$@")
    echo "$said" | grep -Eq "$pattern" || { printf 'check.sh: %s does not say %s, but:\n%s\n' "$script" "$pattern" "$said" >&2; exit 1; }
}

# The stub loses above 1.5 million packets a second of a line of 10 Gbit/s.
expect throughput.lua '^64 octets: (9\.9|10\.0)[0-9] percent, 14[89][0-9]{4} packets/s'
expect throughput.lua '^1518 octets: 100\.00 percent, 8127[0-9]{2} packets/s'
expect throughput.lua '^failed: of [0-9]+ frames none came back' OUR_PORT=16386
expect throughput.lua '^1518 octets: 100\.00 percent' PREFIXES=needed
expect throughput.lua '^failed: PROXY_MAC is not set' PROXY_MAC=-
expect latency.lua '^224 octets at 20 percent: sent ([0-9]+), back \1$' RATE=20
expect latency.lua '^delay of [1-9][0-9]* probes, 0 out of turn: least 4.00 us, mean 5.50 us, most 9.00 us' RATE=20
expect latency.lua '^failed: probes go to port 1028' PROXY_PORT=16384
expect sessions.lua '^1 streams: sent ([0-9]+), back \1,'
expect sessions.lua '^2000 streams: sent ([0-9]+), back \1,'
expect sessions.lua '^failed: Pktgen makes 12288 frames ahead' STREAMS=20000
expect replay.lua '^sent 100000 of 100000, back 100000$'
echo "check.sh: every script ran to its end"
