#!/bin/sh
# Runs the tests of tcp against the kernel's TCP, in a network namespace of their own. Needs root.
set -eu

cd "$(dirname "$0")/.."
namespace="ucp-tcp-$$"
trap 'ip netns del "$namespace"' EXIT
ip netns add "$namespace"
ip -n "$namespace" link set lo up
ip -n "$namespace" tuntap add mode tun name ucp0
ip -n "$namespace" addr add 192.0.2.2/24 dev ucp0
ip -n "$namespace" addr add 2001:db8::2/64 dev ucp0 nodad
ip -n "$namespace" link set ucp0 up
# As a part of the workspace, as which `make test` has built it already.
ip netns exec "$namespace" cargo test --workspace --exclude e2e --test kernel -- --ignored --test-threads=1
