#!/bin/sh
# Runs pktgen between two NICs bound to vfio-pci, or between the two ends of a memif pair.
set -eu

usage="usage: run.sh nic ADDRESS ADDRESS SCRIPT [pktgen options] | run.sh memif SOCKET SOCKET SCRIPT [pktgen options]"
[ $# -ge 4 ] || { echo "$usage" >&2; exit 2; }
command -v pktgen >/dev/null || { echo "run.sh: pktgen is not on the path; see README.md" >&2; exit 1; }

kind=$1 first=$2 second=$3 script=$4
shift 4
case $kind in
nic) ports="-a $first -a $second" ;;
memif)
    ports="--no-pci --in-memory
        --vdev net_memif0,role=client,id=0,socket-abstract=yes,socket=$first
        --vdev net_memif1,role=client,id=0,socket-abstract=yes,socket=$second"
    ;;
*) echo "$usage" >&2; exit 2 ;;
esac
# For the scripts: where common.lua is, and rates with a point in them.
SCRIPTS=$(dirname "$script")
export SCRIPTS LC_ALL=C
# shellcheck disable=SC2086 # one word an option
exec pktgen -l 0-2 -n 4 $ports -- -P -T -m "1.0,2.1" -f "$script" "$@"
