#!/usr/bin/env bash
# Makes a machine ready for the data plane: reserves hugepages, mounts hugetlbfs, hands NICs to
# vfio-pci and back. Remembers what it changed until the next boot, so that --undo can revert it.
set -euo pipefail

readonly PROGRAM=${0##*/}
# Where the tests keep their own /sys, /proc, /dev and /run, and in /bin the tools that change them.
readonly ROOT=${UCPROXY_SYSROOT:-}
readonly SYS=$ROOT/sys
readonly PROC=$ROOT/proc
readonly STATE_DIR=$ROOT/run/ucproxy
# One change a line, oldest first: kind, what, and how it was before.
readonly STATE=$STATE_DIR/hugepages-setup.state

readonly PAGES_DEFAULT=512
readonly SIZE_DEFAULT=2M

usage() {
    cat <<EOF
usage: $PROGRAM [--size SIZE] [--count COUNT] [--node NODE:COUNT]... [--mount DIR]
       $PROGRAM --bind NIC [--force] [--no-iommu]
       $PROGRAM --unbind NIC
       $PROGRAM --list | --check | --undo | --help

Hugepages, the default action:
  --size SIZE        size of a page, 2M or 1G ($SIZE_DEFAULT)
  --count COUNT      pages on each NUMA node ($PAGES_DEFAULT)
  --node NODE:COUNT  pages on one NUMA node; nodes not named are left alone
  --mount DIR        where to mount hugetlbfs (/dev/hugepages, or /dev/hugepages-SIZE)

NICs, named by interface or PCI address:
  --list             show NICs, their drivers and what keeps them from being taken
  --bind NIC         hand the NIC to vfio-pci; refused if it carries the default route
  --unbind NIC       hand it back to the kernel's driver
  --force            bind it even so
  --no-iommu         bind it without an IOMMU: the NIC can then reach all memory

  --check            say what is missing, with the command that mends it; fails if pages or
                     their mount are missing (what only NICs need is not a failure)
  --undo             revert every change made here since boot
EOF
}

die() {
    echo "$PROGRAM: $*" >&2
    exit 1
}

misuse() {
    echo "$PROGRAM: $*; see --help" >&2
    exit 2
}

need_root() {
    [[ -n $ROOT || $EUID -eq 0 ]] || die "this needs root: sudo $PROGRAM ..."
}

# act TOOL ARGUMENT...: runs a tool that changes the machine.
act() {
    if [[ -n $ROOT ]]; then
        "$ROOT/bin/$1" "${@:2}"
    else
        "$@"
    fi
}

# has TOOL
has() {
    if [[ -n $ROOT ]]; then
        [[ -x $ROOT/bin/$1 ]]
    else
        command -v "$1" >/dev/null
    fi
}

# --- What was changed ---

# remember KIND WHAT BEFORE: the first value counts, so that running twice loses nothing.
remember() {
    (umask 077 && mkdir -p "$STATE_DIR")
    recalled "$1" "$2" >/dev/null || echo "$1 $2 $3" >>"$STATE"
}

# recalled KIND WHAT: prints how it was before; fails if it was not changed here.
recalled() {
    [[ -e $STATE ]] || return 1
    awk -v kind="$1" -v what="$2" \
        '$1 == kind && $2 == what { print $3; found = 1 } END { exit !found }' "$STATE"
}

# forget KIND WHAT
forget() {
    [[ -e $STATE ]] || return 0
    local rest
    rest=$(awk -v kind="$1" -v what="$2" '!($1 == kind && $2 == what)' "$STATE")
    if [[ -n $rest ]]; then
        echo "$rest" >"$STATE"
    else
        rm -f "$STATE"
    fi
}

# --- Hugepages ---

# size_kb SIZE: prints it in kB.
size_kb() {
    case $1 in
        *[!0-9]*[!0-9kKmMgG]* | [!0-9]* | '') misuse "'$1' is no page size" ;;
        *[gG]) echo $((10#${1%?} * 1024 * 1024)) ;;
        *[mM]) echo $((10#${1%?} * 1024)) ;;
        *[kK]) echo "$((10#${1%?}))" ;;
        *) misuse "'$1' is no page size: give a unit, as in 2M" ;;
    esac
}

size_name() {
    local kb=$1
    if ((kb % (1024 * 1024) == 0)); then
        echo "$((kb / 1024 / 1024))G"
    elif ((kb % 1024 == 0)); then
        echo "$((kb / 1024))M"
    else
        echo "${kb}K"
    fi
}

# nodes: prints the NUMA nodes that have memory, or "-" where the kernel does not show any.
nodes() {
    local dir found=
    for dir in "$SYS"/devices/system/node/node[0-9]*/hugepages; do
        [[ -d $dir ]] || continue
        dir=${dir%/hugepages}
        echo "${dir##*/node}"
        found=yes
    done
    [[ -n $found ]] || echo -
}

# pages_dir NODE: prints the directory of the node's page sizes.
pages_dir() {
    if [[ $1 == - ]]; then
        echo "$SYS/kernel/mm/hugepages"
    else
        echo "$SYS/devices/system/node/node$1/hugepages"
    fi
}

# page_sizes: prints the sizes that this kernel has.
page_sizes() {
    local dir node
    node=$(nodes | head -n 1)
    for dir in "$(pages_dir "$node")"/hugepages-*kB; do
        [[ -d $dir ]] || continue
        dir=${dir##*/hugepages-}
        size_name "${dir%kB}"
    done
}

# count FILE: prints the number in it, and 0 for none.
count() {
    local value
    read -r value <"$1" || true
    echo "${value:-0}"
}

# set_pages NODE KB WANTED: fails, having said so, if the kernel gives fewer.
set_pages() {
    local node=$1 kb=$2 wanted=$3 file before got where
    file=$(pages_dir "$node")/hugepages-${kb}kB/nr_hugepages
    where="$(size_name "$kb") pages"
    [[ $node == - ]] || where+=" on node $node"
    [[ -e $file ]] ||
        die "no $where: this kernel has $(page_sizes | paste -sd ' ')"
    before=$(count "$file")
    if ((before == wanted)); then
        echo "$where: $before, as before"
        return
    fi
    remember pages "${file#"$ROOT"}" "$before"
    echo "$wanted" >"$file"
    got=$(count "$file")
    if ((got < wanted)) && [[ -w $PROC/sys/vm/compact_memory ]]; then
        # Free memory may be there, only not in pieces this large.
        echo 1 >"$PROC/sys/vm/compact_memory" || true
        echo "$wanted" >"$file"
        got=$(count "$file")
    fi
    if ((got < wanted)); then
        echo "$PROGRAM: asked for $wanted $where, got $got: memory is short or fragmented." \
            "Ask for fewer, free some, or boot with hugepages=$wanted" >&2
        return 1
    fi
    echo "$where: $got, was $before"
}

# mount_of KB: prints where hugetlbfs of that page size is mounted.
mount_of() {
    awk -v kb="$1" '
        $3 != "hugetlbfs" { next }
        match($4, /pagesize=[0-9]+[KMG]/) {
            size = substr($4, RSTART + 9, RLENGTH - 9)
            unit = substr(size, length(size))
            scale = unit == "G" ? 1048576 : unit == "M" ? 1024 : 1
            if (size * scale == kb) { print $2; found = 1; exit }
        }
        END { exit !found }' "$PROC/mounts"
}

# mount_point KB: prints where we mount it.
mount_point() {
    if (($1 == 2048)); then
        echo /dev/hugepages
    else
        echo "/dev/hugepages-$(size_name "$1")"
    fi
}

# mount_pages KB DIR
mount_pages() {
    local kb=$1 dir=$2 at size
    size=$(size_name "$kb")
    if at=$(mount_of "$kb"); then
        echo "hugetlbfs of $size pages: at $at, as before"
        return
    fi
    [[ $dir != *[[:space:]]* ]] || die "a mount point with a space in its name is too confusing"
    if [[ ! -d $ROOT$dir ]]; then
        mkdir -p "$ROOT$dir"
        remember directory "$dir" -
    fi
    act mount -t hugetlbfs -o "pagesize=$size,mode=0700" ucproxy-hugepages "$ROOT$dir" ||
        die "cannot mount hugetlbfs at $dir; in a container, mount it on the host"
    remember mount "$dir" -
    echo "hugetlbfs of $size pages: mounted at $dir"
}

# set_up SIZE COUNT MOUNT [NODE:COUNT]...
set_up() {
    local size=$1 pages=$2 dir=$3 kb node short=
    shift 3
    need_root
    kb=$(size_kb "$size")
    if (($# == 0)); then
        for node in $(nodes); do
            set_pages "$node" "$kb" "$pages" || short=yes
        done
    fi
    for node in "$@"; do
        set_pages "${node%%:*}" "$kb" "${node##*:}" || short=yes
    done
    mount_pages "$kb" "${dir:-$(mount_point "$kb")}"
    [[ -z $short ]] || exit 1
}

# --- NICs ---

readonly PCI_PATTERN='^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$'

# pci_of_interface NAME: prints the PCI address behind it; fails for one without.
pci_of_interface() {
    local path
    path=$(readlink -e "$SYS/class/net/$1/device") || return 1
    # A virtio device hangs below the PCI device that carries it.
    while [[ $path == */* ]]; do
        if [[ ${path##*/} =~ $PCI_PATTERN ]]; then
            echo "${path##*/}"
            return
        fi
        path=${path%/*}
    done
    return 1
}

# pci_of NIC: prints the PCI address of an interface, or a full one.
pci_of() {
    local nic=${1,,}
    [[ $nic =~ ^[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$ ]] && nic=0000:$nic
    if [[ $nic =~ $PCI_PATTERN ]]; then
        [[ -d $SYS/bus/pci/devices/$nic ]] || die "no PCI device $nic; see --list"
        [[ $(<"$SYS/bus/pci/devices/$nic/class") == 0x02* ]] || die "PCI device $nic is no NIC"
        echo "$nic"
    elif [[ $1 != */* && -e $SYS/class/net/$1 ]]; then
        pci_of_interface "$1" || die "interface $1 is no PCI device"
    else
        die "no NIC '$1'; see --list"
    fi
}

# interfaces_of PCI: prints the kernel's interfaces on it.
interfaces_of() {
    local dir
    for dir in "$SYS"/class/net/*; do
        if [[ $(pci_of_interface "${dir##*/}") == "$1" ]]; then
            echo "${dir##*/}"
        fi
    done
}

# with_lower NAME: prints an interface and those that it rests on, as a bond or VLAN does.
with_lower() {
    local lower
    echo "$1"
    for lower in "$SYS/class/net/$1"/lower_*; do
        [[ -e $lower || -L $lower ]] || continue
        with_lower "${lower##*/lower_}"
    done
}

# default_interfaces: prints the interfaces of default routes, and those below them.
default_interfaces() {
    local interface
    {
        [[ ! -e $PROC/net/route ]] ||
            awk 'NR > 1 && $2 == "00000000" && $8 == "00000000" { print $1 }' "$PROC/net/route"
        # Destination ::/0; the one on lo is the kernel's own "unreachable".
        [[ ! -e $PROC/net/ipv6_route ]] ||
            awk '$1 ~ /^0+$/ && $2 == "00" && $10 != "lo" { print $10 }' "$PROC/net/ipv6_route"
    } | sort -u | while read -r interface; do
        with_lower "$interface"
    done
}

# carries_default_route PCI
carries_default_route() {
    local interface
    for interface in $(default_interfaces); do
        if [[ $(pci_of_interface "$interface") == "$1" ]]; then
            return 0
        fi
    done
    return 1
}

# driver_of PCI: prints its driver, or "-".
driver_of() {
    local path
    path=$(readlink "$SYS/bus/pci/devices/$1/driver") || path=-
    echo "${path##*/}"
}

# obstacles PCI: prints what keeps the NIC from being taken.
obstacles() {
    if carries_default_route "$1"; then
        echo "carries the default route"
    elif [[ ! -e $SYS/bus/pci/devices/$1/iommu_group ]]; then
        echo "no IOMMU group"
    fi
}

row() {
    printf '%-12s  %-9s  %-12s  %-4s  %-16s  %s\n' "$@"
}

list() {
    local dir pci interfaces
    row PCI DEVICE DRIVER NODE INTERFACE NOTE
    for dir in "$SYS"/bus/pci/devices/*; do
        [[ -e $dir/class && $(<"$dir/class") == 0x02* ]] || continue
        pci=${dir##*/}
        interfaces=$(interfaces_of "$pci" | paste -sd ,)
        row "$pci" "$(device_id "$dir")" "$(driver_of "$pci")" \
            "$(cat "$dir/numa_node" 2>/dev/null || echo -)" "${interfaces:--}" "$(obstacles "$pci")"
    done
}

# device_id DIR: prints vendor and device, as lspci -n does.
device_id() {
    local vendor device
    vendor=$(cat "$1/vendor" 2>/dev/null) && device=$(cat "$1/device" 2>/dev/null) || return 0
    echo "${vendor#0x}:${device#0x}"
}

readonly NOIOMMU=/sys/module/vfio/parameters/enable_unsafe_noiommu_mode

# warn_of_group PCI: VFIO opens an IOMMU group only when the kernel uses none of it.
warn_of_group() {
    local other driver
    for other in "$SYS/bus/pci/devices/$1"/iommu_group/devices/*; do
        other=${other##*/}
        [[ $other != "$1" && $other != '*' ]] || continue
        driver=$(driver_of "$other")
        [[ $driver =~ ^(-|vfio-pci|pci-stub|pcieport)$ ]] ||
            echo "$PROGRAM: $1 cannot be used until $other, in its IOMMU group, leaves $driver" >&2
    done
}

# prepare_vfio PCI NO_IOMMU
prepare_vfio() {
    local pci=$1 no_iommu=$2
    if [[ ! -d $SYS/bus/pci/drivers/vfio-pci ]]; then
        act modprobe vfio-pci || true
        [[ -d $SYS/bus/pci/drivers/vfio-pci ]] || die "this kernel has no vfio-pci driver"
        remember module vfio-pci -
    fi
    [[ ! -e $SYS/bus/pci/devices/$pci/iommu_group ]] || return 0
    [[ -n $no_iommu ]] || die "$pci has no IOMMU group. Switch the IOMMU on in the firmware, then:" \
        "$(iommu_mend). On a machine without one, --no-iommu lets the NIC reach all memory"
    [[ -e $ROOT$NOIOMMU ]] || die "this kernel has no VFIO mode without IOMMU"
    if [[ $(<"$ROOT$NOIOMMU") != Y ]]; then
        remember noiommu "$NOIOMMU" "$(<"$ROOT$NOIOMMU")"
        echo Y >"$ROOT$NOIOMMU"
    fi
}

# bind_nic NIC FORCE NO_IOMMU
bind_nic() {
    local nic=$1 force=$2 no_iommu=$3 pci before
    need_root
    pci=$(pci_of "$nic")
    before=$(driver_of "$pci")
    if [[ $before == vfio-pci ]]; then
        echo "$pci: bound to vfio-pci, as before"
        return
    fi
    if [[ -z $force ]] && carries_default_route "$pci"; then
        die "$nic carries the default route: taking it may cut this machine off. Use --force if" \
            "you have another way in"
    fi
    has dpdk-devbind.py || die "dpdk-devbind.py is missing: apt-get install dpdk"
    prepare_vfio "$pci" "$no_iommu"
    remember bind "$pci" "$before"
    act dpdk-devbind.py ${force:+--force} --bind=vfio-pci "$pci" || true
    if [[ $(driver_of "$pci") != vfio-pci ]]; then
        [[ $(driver_of "$pci") == "$before" ]] || give_back "$pci" "$before" || true
        forget bind "$pci"
        die "$pci did not bind to vfio-pci; its driver is $(driver_of "$pci")." \
            "If an interface of it is up, set it down first: ip link set dev NAME down"
    fi
    echo "$pci: bound to vfio-pci, was $before"
    warn_of_group "$pci"
}

# give_back PCI DRIVER: to the driver that it had, or to whichever the kernel picks.
give_back() {
    local pci=$1 driver=$2
    if [[ $driver != - ]]; then
        act dpdk-devbind.py --bind="$driver" "$pci" || true
    else
        act dpdk-devbind.py --unbind "$pci" || true
        echo "$pci" >"$SYS/bus/pci/drivers_probe" || true
        driver=$(driver_of "$pci")
    fi
    [[ $(driver_of "$pci") == "$driver" && $driver != vfio-pci ]]
}

# unbind_nic NIC
unbind_nic() {
    local pci before
    need_root
    pci=$(pci_of "$1")
    if [[ $(driver_of "$pci") != vfio-pci ]]; then
        echo "$pci: not bound to vfio-pci, as before"
    else
        before=$(recalled bind "$pci") || before=-
        give_back "$pci" "$before" || die "$pci did not go back to its driver"
        echo "$pci: back with $(driver_of "$pci")"
    fi
    forget bind "$pci"
}

# --- Check ---

# iommu_mend: prints the command that puts the IOMMU on Debian's kernel command line.
iommu_mend() {
    local option=intel_iommu=on
    if grep -q AuthenticAMD "$PROC/cpuinfo" 2>/dev/null; then
        option=amd_iommu=on
    fi
    echo "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&$option iommu=pt /' /etc/default/grub &&" \
        "update-grub && reboot"
}

# vfio_mend: prints the command that brings vfio-pci.
vfio_mend() {
    if act modprobe --dry-run --quiet vfio-pci; then
        echo "modprobe vfio-pci"
    else
        echo "apt-get install linux-image-amd64 && reboot (this kernel has no vfio-pci)"
    fi
}

# finding STATE WHAT [MEND]
finding() {
    printf '%-8s %s\n' "$1" "$2"
    [[ -z ${3-} ]] || printf '%-8s   mend: %s\n' '' "$3"
}

# check_pages: fails if no node has pages.
check_pages() {
    local node dir kb total found=
    for node in $(nodes); do
        for dir in "$(pages_dir "$node")"/hugepages-*kB; do
            [[ -d $dir ]] || continue
            kb=${dir##*/hugepages-} kb=${kb%kB}
            total=$(count "$dir/nr_hugepages")
            ((total > 0)) || continue
            found+=" $kb"
            finding ok "hugepages: $total of $(size_name "$kb")$([[ $node == - ]] ||
                echo " on node $node"), $(count "$dir/free_hugepages") free"
        done
    done
    if [[ -z $found ]]; then
        finding missing hugepages "$0 --size $SIZE_DEFAULT --count $PAGES_DEFAULT"
        return 1
    fi
    check_mounts "$found"
}

# check_mounts "KB ...": fails if a size has pages and no mount.
check_mounts() {
    local kb at missing=0
    for kb in $(tr ' ' '\n' <<<"$1" | sort -nu); do
        if at=$(mount_of "$kb"); then
            finding ok "hugetlbfs of $(size_name "$kb") pages: at $at"
        else
            at=$(mount_point "$kb")
            finding missing "hugetlbfs of $(size_name "$kb") pages" \
                "mkdir -p $at && mount -t hugetlbfs -o pagesize=$(size_name "$kb") none $at"
            missing=1
        fi
    done
    return "$missing"
}

check_nics() {
    local groups=("$SYS"/kernel/iommu_groups/*)
    if [[ -e ${groups[0]} ]]; then
        finding ok "IOMMU: ${#groups[@]} groups"
    else
        finding missing "IOMMU (NICs only): off, or off in the firmware" "$(iommu_mend)"
    fi
    if [[ -d $SYS/bus/pci/drivers/vfio-pci ]]; then
        finding ok "VFIO: vfio-pci is loaded"
    else
        finding missing "VFIO (NICs only)" "$(vfio_mend)"
    fi
    if has dpdk-devbind.py; then
        finding ok "dpdk-devbind.py"
    else
        finding missing "dpdk-devbind.py (NICs only)" "apt-get install dpdk"
    fi
}

check() {
    local status=0
    check_pages || status=1
    check_nics
    return "$status"
}

# --- Undo ---

# revert KIND WHAT BEFORE: fails if it could not.
revert() {
    local kind=$1 what=$2 before=$3
    case $kind in
        pages)
            echo "$before" >"$ROOT$what"
            [[ $(count "$ROOT$what") == "$before" ]]
            ;;
        mount)
            ! grep -q " $ROOT$what hugetlbfs " "$PROC/mounts" || act umount "$ROOT$what"
            ;;
        directory) rmdir "$ROOT$what" 2>/dev/null || [[ ! -d $ROOT$what ]] ;;
        bind)
            [[ $(driver_of "$what") == "$before" ]] || give_back "$what" "$before"
            ;;
        noiommu) echo "$before" >"$ROOT$what" ;;
        module) act modprobe -r "$what" ;;
        *) false ;;
    esac
}

undo() {
    local changes line kind what before failed=
    need_root
    if [[ ! -s $STATE ]]; then
        echo "nothing to undo"
        return
    fi
    # The last change first: a NIC is given back before its driver goes.
    mapfile -t changes < <(tac "$STATE")
    for line in "${changes[@]}"; do
        read -r kind what before <<<"$line"
        if revert "$kind" "$what" "$before"; then
            forget "$kind" "$what"
            echo "undone: $kind $what"
        else
            echo "$PROGRAM: could not undo $kind $what; it was: $before" >&2
            failed=yes
        fi
    done
    [[ -z $failed ]]
}

# --- Command line ---

# number TEXT WHAT
number() {
    [[ $1 =~ ^[0-9]{1,9}$ ]] || misuse "$2 takes a number, not '$1'"
}

# once ACTION: there is only one a run.
once() {
    [[ -z $ACTION || $ACTION == "$1" ]] || misuse "$ACTION and $1 do not go together"
    ACTION=$1
}

parse() {
    ACTION='' NIC='' FORCE='' NO_IOMMU='' MOUNT='' SIZE=$SIZE_DEFAULT PAGES=$PAGES_DEFAULT NODES=()
    while (($# > 0)); do
        case $1 in
            --size | --count | --node | --mount | --bind | --unbind)
                (($# > 1)) || misuse "$1 takes a value"
                ;;&
            --size) SIZE=$2 && once hugepages && shift ;;
            --count) number "$2" "$1" && PAGES=$2 && once hugepages && shift ;;
            --node)
                [[ $2 =~ ^[0-9]{1,4}:[0-9]{1,9}$ ]] || misuse "--node takes NODE:COUNT, not '$2'"
                NODES+=("$2") && once hugepages && shift
                ;;
            --mount)
                [[ $2 == /* ]] || misuse "--mount takes an absolute path"
                MOUNT=$2 && once hugepages && shift
                ;;
            --bind | --unbind) [[ -n $2 ]] && NIC=$2 && once "${1#--}" && shift ;;
            --force) FORCE=yes ;;
            --no-iommu) NO_IOMMU=yes ;;
            --list | --check | --undo | --help) once "${1#--}" ;;
            -h) once help ;;
            *) misuse "what is '$1'?" ;;
        esac
        shift
    done
    [[ -z $FORCE$NO_IOMMU || $ACTION == bind ]] || misuse "--force and --no-iommu go with --bind"
}

main() {
    parse "$@"
    case ${ACTION:-hugepages} in
        hugepages) set_up "$SIZE" "$PAGES" "$MOUNT" "${NODES[@]}" ;;
        bind) bind_nic "$NIC" "$FORCE" "$NO_IOMMU" ;;
        unbind) unbind_nic "$NIC" ;;
        list) list ;;
        check) check ;;
        undo) undo ;;
        help) usage ;;
    esac
}

main "$@"
