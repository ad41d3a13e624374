# shellcheck shell=bash
# A machine made of files under $MACHINE: two NUMA nodes, four NICs, a disk, and the tools that
# change them.

# make_machine: eth0 has the default route, and so has bond0 on eth3; eth1 is free; eth2 is free
# but has no IOMMU group.
make_machine() {
    local node size
    mkdir -p "$MACHINE"/{bin,dev,run,proc/net,proc/sys/vm,sys/class/net,sys/kernel/iommu_groups} \
        "$MACHINE"/sys/bus/pci/{devices,drivers/{ixgbe,virtio-pci,nvme}}
    for size in 2048 1048576; do
        for node in devices/system/node/node{0,1} kernel/mm; do
            mkdir -p "$MACHINE/sys/$node/hugepages/hugepages-${size}kB"
            echo 0 >"$MACHINE/sys/$node/hugepages/hugepages-${size}kB/nr_hugepages"
            echo 0 >"$MACHINE/sys/$node/hugepages/hugepages-${size}kB/free_hugepages"
        done
    done
    add_pci 0000:01:00.0 0x020000 ixgbe 4
    add_pci 0000:02:00.0 0x020000 ixgbe 5
    add_pci 0000:03:00.0 0x020000 virtio-pci
    add_pci 0000:04:00.0 0x020000 ixgbe 6
    add_pci 0000:05:00.0 0x010802 nvme 7
    add_interface eth0 0000:01:00.0
    add_interface eth1 0000:02:00.0
    add_interface eth2 0000:03:00.0/virtio0
    add_interface eth3 0000:04:00.0
    mkdir "$MACHINE"/sys/class/net/{lo,bond0}
    ln -s ../eth3 "$MACHINE/sys/class/net/bond0/lower_eth3"
    cat >"$MACHINE/proc/net/route" <<'EOF'
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
bond0	00000000	010200C0	0003	0	0	9	00000000	0	0	0
eth1	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
EOF
    : >"$MACHINE/proc/mounts"
    : >"$MACHINE/proc/sys/vm/compact_memory"
    echo "vendor_id : AuthenticAMD" >"$MACHINE/proc/cpuinfo"
    add_tools
}

# add_pci ADDRESS CLASS DRIVER [GROUP]
add_pci() {
    local device=$MACHINE/sys/devices/pci0000:00/$1
    mkdir -p "$device"
    echo "$2" >"$device/class"
    echo 0x8086 >"$device/vendor"
    echo 0x10fb >"$device/device"
    echo 0 >"$device/numa_node"
    ln -s "../../../bus/pci/drivers/$3" "$device/driver"
    ln -s "../../../devices/pci0000:00/$1" "$MACHINE/sys/bus/pci/devices/$1"
    [[ -z ${4-} ]] || join_group "$1" "$4"
}

# join_group ADDRESS GROUP
join_group() {
    local group=$MACHINE/sys/kernel/iommu_groups/$2
    mkdir -p "$group/devices"
    ln -s "../../../../devices/pci0000:00/$1" "$group/devices/$1"
    ln -sfn "../../../kernel/iommu_groups/$2" "$MACHINE/sys/devices/pci0000:00/$1/iommu_group"
}

# add_interface NAME DEVICE
add_interface() {
    mkdir -p "$MACHINE/sys/devices/pci0000:00/$2" "$MACHINE/sys/class/net/$1"
    ln -s "../../../devices/pci0000:00/$2" "$MACHINE/sys/class/net/$1/device"
}

# add_tools: stand-ins that do to the files what the tools do to a machine.
add_tools() {
    cat >"$MACHINE/bin/dpdk-devbind.py" <<'EOF'
#!/usr/bin/env bash
set -euo pipefail
root=${0%/bin/*}
echo "$*" >>"$root/devbind.log"
device=$root/sys/bus/pci/devices/${*: -1}
rm -f "$device/driver"
[[ ! -e $root/devbind-fails || $* != *vfio* ]] || exit 1
for argument; do
    [[ $argument != --bind=* ]] || ln -s "../../../bus/pci/drivers/${argument#*=}" "$device/driver"
done
EOF
    cat >"$MACHINE/bin/modprobe" <<'EOF'
#!/usr/bin/env bash
set -euo pipefail
root=${0%/bin/*}
[[ ! -e $root/no-vfio ]] || exit 1
case $1 in
    --dry-run) ;;
    -r) rmdir "$root/sys/bus/pci/drivers/vfio-pci" ;;
    *)
        mkdir -p "$root"/sys/bus/pci/drivers/vfio-pci "$root"/sys/module/vfio/parameters
        echo N >"$root/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
        ;;
esac
EOF
    cat >"$MACHINE/bin/mount" <<'EOF'
#!/usr/bin/env bash
set -euo pipefail
echo "$5 $6 $2 rw,$4 0 0" >>"${0%/bin/*}/proc/mounts"
EOF
    cat >"$MACHINE/bin/umount" <<'EOF'
#!/usr/bin/env bash
set -euo pipefail
mounts=${0%/bin/*}/proc/mounts
rest=$(grep -v " $1 " "$mounts" || true)
printf '%s' "${rest:+$rest$'\n'}" >"$mounts"
EOF
    chmod +x "$MACHINE"/bin/*
}

# driver ADDRESS
driver() {
    local path
    path=$(readlink "$MACHINE/sys/bus/pci/devices/$1/driver") || path=-
    echo "${path##*/}"
}

# pages_file NODE KB
pages_file() {
    echo "$MACHINE/sys/devices/system/node/node$1/hugepages/hugepages-$2kB/nr_hugepages"
}

# pages NODE KB
pages() {
    cat "$(pages_file "$1" "$2")"
}

# set_machine_pages NODE KB COUNT
set_machine_pages() {
    echo "$3" >"$(pages_file "$1" "$2")"
}

# mounts: prints them, without the machine's own directory.
mounts() {
    sed "s#$MACHINE##" "$MACHINE/proc/mounts"
}

# ipv6_default INTERFACE: prints a default route as the kernel does.
ipv6_default() {
    local zero=00000000000000000000000000000000
    echo "$zero 00 $zero 00 $zero 00000400 00000002 00000000 00000003 $1"
}

noiommu_file() {
    echo "$MACHINE/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
}
