#!/usr/bin/env bash
# Tests hugepages-setup.sh: its decisions on a machine made of files, its effects on this one.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly HERE
readonly SCRIPT=$HERE/../../hugepages-setup.sh
WORK=$(mktemp -d)
readonly WORK
trap 'rm -rf "$WORK"' EXIT

# shellcheck source=machine.sh
source "$HERE/machine.sh"

# on_fake ARGUMENT...: runs the script on the machine of files; leaves OUT and STATUS.
on_fake() {
    STATUS=0
    OUT=$(UCPROXY_SYSROOT=$MACHINE "$SCRIPT" "$@" 2>&1) || STATUS=$?
}

# on_real ARGUMENT...: the same on this machine.
on_real() {
    STATUS=0
    OUT=$("$SCRIPT" "$@" 2>&1) || STATUS=$?
}

fail() {
    echo "    $*; status $STATUS, output:"
    echo "    | ${OUT//$'\n'/$'\n    | '}"
    exit 1
}

succeeds() { [[ $STATUS -eq 0 ]] || fail "should have succeeded"; }
fails() { [[ $STATUS -eq ${1:-1} ]] || fail "should have failed with ${1:-1}"; }
says() { [[ $OUT == *"$1"* ]] || fail "should say '$1'"; }
says_not() { [[ $OUT != *"$1"* ]] || fail "should not say '$1'"; }
driver_is() { [[ $(driver "$1") == "$2" ]] || fail "$1 should have driver $2, has $(driver "$1")"; }
pages_are() { [[ $(pages "$1" "$2") == "$3" ]] || fail "node $1 should have $3 pages"; }
nothing_bound() { [[ ! -e $MACHINE/devbind.log ]] || fail "devbind should not have run"; }

test_sets_pages_on_every_node() {
    on_fake --count 100
    succeeds
    pages_are 0 2048 100
    pages_are 1 2048 100
    pages_are 0 1048576 0
    grep -q ' /dev/hugepages hugetlbfs .*pagesize=2M' <(mounts) || fail "should be mounted"
}

test_sets_pages_on_the_named_node_only() {
    on_fake --size 1G --node 1:4
    succeeds
    pages_are 0 1048576 0
    pages_are 1 1048576 4
    grep -q ' /dev/hugepages-1G hugetlbfs .*pagesize=1G' <(mounts) || fail "should be mounted"
}

test_running_twice_changes_nothing() {
    on_fake --count 100
    on_fake --count 100
    succeeds
    says "100, as before"
    says "dev/hugepages, as before"
    [[ $(mounts | grep -c hugetlbfs) -eq 1 ]] || fail "should be mounted once"
}

test_undo_restores_what_was_before_the_first_run() {
    set_machine_pages 1 2048 7
    on_fake --count 100
    on_fake --count 200
    on_fake --undo
    succeeds
    pages_are 0 2048 0
    pages_are 1 2048 7
    [[ -z $(mounts) && ! -d $MACHINE/dev/hugepages ]] || fail "should not be mounted"
    on_fake --undo
    succeeds
    says "nothing to undo"
}

test_undo_keeps_the_mount_that_was_there() {
    mkdir -p "$MACHINE/mnt"
    echo "none $MACHINE/mnt hugetlbfs rw,pagesize=2M 0 0" >"$MACHINE/proc/mounts"
    on_fake --count 3
    says "as before"
    on_fake --undo
    [[ $(mounts | wc -l) -eq 1 ]] || fail "should still be mounted"
}

test_fewer_pages_than_asked_for_is_an_error_with_the_number() {
    # A count that does not take what is written to it.
    ln -sf /dev/null "$(pages_file 1 2048)"
    on_fake --count 100
    fails
    says "asked for 100 2M pages on node 1, got 0"
    pages_are 0 2048 100
}

test_unknown_page_size_names_those_there_are() {
    on_fake --size 16M
    fails
    says "this kernel has 1G 2M"
}

test_unknown_node_is_refused() {
    on_fake --node 7:10
    fails
    says "on node 7"
}

test_machine_without_numa_nodes_works() {
    rm -r "$MACHINE/sys/devices/system/node"
    on_fake --count 5
    succeeds
    [[ $(<"$MACHINE/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages") == 5 ]] ||
        fail "should have 5 pages"
}

test_misuse_is_told_and_changes_nothing() {
    local arguments
    for arguments in "--count" "--count many" "--size 2" "--size M" "--node 3" "--mount here" \
        "--bind" "--frobnicate" "--check --undo" "--force" "--count 5 --bind eth1" "5"; do
        # shellcheck disable=SC2086 # words are meant to be split
        on_fake $arguments
        fails 2
    done
    [[ -z $(mounts) && ! -e $MACHINE/run/ucproxy ]] || fail "should have changed nothing"
}

test_help_names_every_option() {
    local option
    on_fake --help
    succeeds
    for option in --size --count --node --mount --bind --unbind --list --check --undo --force \
        --no-iommu; do
        says "$option"
    done
}

test_list_shows_nics_and_nothing_else() {
    on_fake --list
    succeeds
    says "0000:01:00.0"
    grep -q '0000:01:00.0 .* ixgbe .* eth0 .* carries the default route' <<<"$OUT" || fail "eth0"
    grep -q '0000:02:00.0 .* ixgbe .* eth1' <<<"$OUT" || fail "eth1"
    grep -q '0000:03:00.0 .* virtio-pci .* eth2 .* no IOMMU group' <<<"$OUT" || fail "eth2"
    grep -q '0000:04:00.0 .* eth3 .* carries the default route' <<<"$OUT" || fail "below the bond"
    says_not "0000:05:00.0"
}

test_binds_by_interface_and_gives_back() {
    on_fake --bind eth1
    succeeds
    driver_is 0000:02:00.0 vfio-pci
    on_fake --bind eth1
    succeeds
    says "as before"
    on_fake --unbind 0000:02:00.0
    succeeds
    driver_is 0000:02:00.0 ixgbe
    on_fake --unbind eth1
    succeeds
    says "as before"
}

test_binds_by_short_address_and_undoes() {
    on_fake --bind 02:00.0
    succeeds
    [[ -d $MACHINE/sys/bus/pci/drivers/vfio-pci ]] || fail "should have loaded vfio-pci"
    on_fake --undo
    succeeds
    driver_is 0000:02:00.0 ixgbe
    [[ ! -d $MACHINE/sys/bus/pci/drivers/vfio-pci ]] || fail "should have unloaded vfio-pci"
    [[ ! -e $MACHINE/run/ucproxy/hugepages-setup.state ]] || fail "should remember nothing"
}

test_nic_without_a_driver_binds_and_goes_back() {
    rm "$MACHINE/sys/bus/pci/devices/0000:02:00.0/driver"
    on_fake --bind 0000:02:00.0
    driver_is 0000:02:00.0 vfio-pci
    on_fake --undo
    succeeds
    driver_is 0000:02:00.0 -
}

test_refuses_the_nic_of_the_default_route() {
    local nic
    for nic in eth0 0000:01:00.0 01:00.0; do
        on_fake --bind "$nic"
        fails
        says "default route"
    done
    nothing_bound
    driver_is 0000:01:00.0 ixgbe
}

test_refuses_the_nic_of_an_ipv6_default_route() {
    echo "Iface Destination Gateway Flags RefCnt Use Metric Mask" >"$MACHINE/proc/net/route"
    ipv6_default eth1 >"$MACHINE/proc/net/ipv6_route"
    on_fake --bind eth1
    fails
    says "default route"
    nothing_bound
}

test_refuses_the_nic_below_a_bond_of_the_default_route() {
    on_fake --bind eth3
    fails
    says "default route"
    nothing_bound
}

test_unreachable_default_of_the_kernel_holds_no_nic() {
    ipv6_default lo >"$MACHINE/proc/net/ipv6_route"
    on_fake --bind eth1
    succeeds
}

test_force_binds_the_nic_of_the_default_route() {
    on_fake --bind eth0 --force
    succeeds
    driver_is 0000:01:00.0 vfio-pci
    grep -q -- --force "$MACHINE/devbind.log" || fail "devbind should be forced too"
}

test_nic_without_iommu_needs_a_word() {
    on_fake --bind eth2
    fails
    says "no IOMMU group"
    nothing_bound
    on_fake --bind eth2 --no-iommu
    succeeds
    driver_is 0000:03:00.0 vfio-pci
    [[ $(<"$(noiommu_file)") == Y ]] || fail "should have switched VFIO's mode"
    on_fake --undo
    succeeds
    driver_is 0000:03:00.0 virtio-pci
    [[ $(<"$(noiommu_file)") == N ]] || fail "should have switched the mode back"
}

test_refuses_what_is_no_nic() {
    local nic
    for nic in 0000:05:00.0 0000:09:00.0 eth9 bond0 lo ../../etc ""; do
        on_fake --bind "$nic"
        [[ $STATUS -ne 0 ]] || fail "should refuse '$nic'"
    done
    nothing_bound
}

test_kernel_without_vfio_is_told() {
    touch "$MACHINE/no-vfio"
    on_fake --bind eth1
    fails
    says "no vfio-pci"
    nothing_bound
}

test_failed_bind_leaves_the_driver_and_nothing_to_undo() {
    touch "$MACHINE/devbind-fails"
    on_fake --bind eth1
    fails
    says "did not bind"
    driver_is 0000:02:00.0 ixgbe
    rm "$MACHINE/devbind-fails"
    on_fake --undo
    succeeds
    says_not "0000:02:00.0"
}

test_missing_devbind_is_told() {
    rm "$MACHINE/bin/dpdk-devbind.py"
    on_fake --bind eth1
    fails
    says "apt-get install dpdk"
}

test_neighbour_in_the_iommu_group_is_named() {
    join_group 0000:05:00.0 5
    on_fake --bind eth1
    succeeds
    says "until 0000:05:00.0"
}

test_check_names_what_is_missing_and_the_mend() {
    rm -r "$MACHINE/sys/kernel/iommu_groups"
    on_fake --check
    fails
    says "missing  hugepages"
    says "--size 2M --count"
    says "amd_iommu=on"
    says "modprobe vfio-pci"
    nothing_bound
}

test_check_is_content_once_all_is_there() {
    on_fake --count 10
    on_fake --bind eth1
    on_fake --check
    succeeds
    says_not "missing"
    says "10 of 2M on node 1"
}

test_check_misses_the_mount() {
    set_machine_pages 0 1048576 2
    on_fake --check
    fails
    says "mount -t hugetlbfs -o pagesize=1G none /dev/hugepages-1G"
}

test_real_check_runs_and_changes_nothing() {
    local before
    before=$(real_state)
    on_real --check
    [[ $STATUS -le 1 ]] || fail "should succeed or fail"
    says hugepages
    says IOMMU
    on_real --list
    succeeds
    [[ $(real_state) == "$before" ]] || fail "should have changed nothing"
}

test_real_pages_are_set_and_undone() {
    local before file have
    [[ $EUID -eq 0 ]] || fail "this test needs root"
    set_aside_real_state
    before=$(real_state)
    file=$(real_pages_file)
    have=$(<"$file")
    on_real --size 2M --count $((have + 2))
    succeeds
    [[ $(<"$file") -eq $((have + 2)) ]] || fail "should have two pages more"
    grep -q hugetlbfs /proc/mounts || fail "should be mounted"
    on_real --check
    succeeds
    on_real --undo
    succeeds
    [[ $(real_state) == "$before" ]] || fail "should be as before: $before"
}

# set_aside_real_state: keeps for later what was set up here before the test.
set_aside_real_state() {
    local state=/run/ucproxy/hugepages-setup.state
    [[ -e $state ]] || return 0
    mv "$state" "$WORK/real.state"
    # shellcheck disable=SC2064 # the paths of now
    trap "mv '$WORK/real.state' '$state'" EXIT
}

real_pages_file() {
    local file
    for file in /sys/devices/system/node/node0/hugepages /sys/kernel/mm/hugepages; do
        [[ ! -d $file ]] || break
    done
    echo "$file/hugepages-2048kB/nr_hugepages"
}

real_state() {
    cat "$(real_pages_file)"
    grep hugetlbfs /proc/mounts || true
}

main() {
    local test passed=0 failed=0
    for test in $(compgen -A function test_ | grep -e "${1:-}"); do
        MACHINE=$WORK/$test
        make_machine
        if (STATUS=0 OUT='' && "$test"); then
            echo "ok   ${test#test_}"
            passed=$((passed + 1))
        else
            echo "FAIL ${test#test_}"
            failed=$((failed + 1))
        fi
    done
    echo "$passed passed, $failed failed"
    [[ $failed -eq 0 && $passed -gt 0 ]]
}

main "$@"
