//! `devices`, `interfaces`, `routes`, `forward`, `servers` and `media`.

use crate::section::{List, section};
use crate::value::{
    Address, Destination, Flag, Int, Name, Network, PciAddress, PortRange, Protocol, TcpPort, Vdev,
};

section! {
    /// A network port. Exactly one of `vdev` and `pci` says which.
    RawDevice {
        /// What interfaces call it.
        name: Name, required;
        /// A virtual device in DPDK's words, such as `net_af_packet0,iface=eth1`. The queue
        /// pairs of `net_af_packet` follow the number of workers unless given. The peer of a
        /// `net_memif` must have as many queue pairs as there are workers: frames of a worker
        /// without one are lost or garbled, and the log warns of it.
        vdev: Vdev, optional;
        /// PCI address of a NIC that is bound to vfio-pci, such as `0000:3b:00.0`.
        pci: PciAddress, optional;
        /// Largest IP packet, in octets.
        mtu: Int<576, 9_216>, default = "1500";
        /// Receive and transmit descriptors of each queue.
        descriptors: Int<64, 32_768>, default = "1024";
    }
}

section! {
    /// A layer 3 interface: a device, or a VLAN of one.
    RawInterface {
        /// What routes, listeners and media call it.
        name: Name, required;
        /// Name of its device.
        device: Name, required;
        /// 802.1Q VLAN. Without one, untagged frames.
        vlan: Int<1, 4_094>, optional;
        /// Its own addresses with the prefix length of their network. Addresses of listeners,
        /// media and sources are added by themselves.
        addresses: List<Network>, nested;
        /// Put fragments together instead of dropping them.
        reassemble: Flag, default = "false";
    }
}

section! {
    /// A static route.
    RawRoute {
        /// Where to.
        to: Destination, required;
        /// Next router. Without one, the destinations are on the link.
        via: Address, optional;
        /// Name of the interface. Left out, the one whose network holds `via`.
        interface: Name, optional;
    }
}

section! {
    /// Lets packets that are not proxied through, one way.
    RawForward {
        /// Name of the interface that they come in by.
        from: Name, required;
        /// Name of the interface that they leave by.
        to: Name, required;
        /// Source network. Left out, any.
        source: Network, optional;
        /// Destination network. Left out, any.
        destination: Network, optional;
        /// IP protocol. Left out, any.
        protocol: Protocol, optional;
        /// Destination ports. Left out, any.
        ports: PortRange, optional;
    }
}

section! {
    /// A call manager or another server that clients are proxied to.
    RawUcServer {
        /// What listeners call it.
        name: Name, required;
        /// Its real address.
        address: Address, required;
        /// TCP port for clear signalling.
        tcp_port: TcpPort, default = "5060";
        /// TCP port for TLS.
        tls_port: TcpPort, default = "5061";
    }
}

section! {
    /// A media termination address: ours, and where both sides of every call send media.
    RawMedia {
        /// What applications call it.
        name: Name, required;
        /// Name of the interface that it is on.
        interface: Name, required;
        /// The address, best one that nothing else uses.
        address: Address, required;
        /// UDP ports, from an even one (RTP) to an odd one (RTCP).
        udp_ports: PortRange, default = "16384-32767";
    }
}
