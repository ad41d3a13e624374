use super::*;
use crate::{ConfigError, Locality};

#[test]
fn addresses_have_their_owners() {
    let stack = stack();
    let link_local = IpAddr::V6(wire::ndp::link_local(our_mac(1)));
    for (address, wanted) in [
        ("192.0.2.1", Locality::Own(OUTSIDE)),
        ("10.0.0.1", Locality::Own(INSIDE)),
        ("2001:db8:1::1", Locality::Own(INSIDE)),
        ("192.0.2.50", Locality::Owned(OUTSIDE)),
        ("192.0.2.255", Locality::Group),
        ("192.0.2.0", Locality::Group),
        ("255.255.255.255", Locality::Group),
        ("224.0.0.1", Locality::Group),
        ("ff02::1", Locality::Group),
        ("192.0.2.7", Locality::Remote),
        ("10.0.1.255", Locality::Remote),
    ] {
        assert_eq!(stack.locality(ip(address)), wanted, "{address}");
    }
    assert_eq!(stack.locality(link_local), Locality::Own(INSIDE));
    assert!(Locality::Owned(OUTSIDE).is_ours() && !Locality::Remote.is_ours());
}

#[test]
fn destinations_that_nobody_routes_are_refused() {
    let mut stack = stack();
    for dst in [
        "192.0.2.1",
        "192.0.2.50",
        "192.0.2.255",
        "224.0.0.5",
        "ff02::2",
    ] {
        assert_eq!(
            stack.next_hop(ip(dst), ms(0)),
            Err(Reason::NoRoute),
            "{dst}"
        );
    }
    stack.configure(&interfaces(), &[], &ports()).unwrap();
    assert_eq!(
        stack.next_hop(ip("203.0.113.1"), ms(0)),
        Err(Reason::NoRoute)
    );
    assert_eq!(stack.interface_towards(ip("10.0.0.7")), Ok(INSIDE));
    assert_eq!((stack.mtu(INSIDE), stack.mtu(InterfaceId(9))), (1500, 0));
}

#[test]
fn source_address_is_that_of_the_way_out() {
    let stack = stack();
    for (dst, wanted) in [
        ("192.0.2.7", "192.0.2.1"),
        ("203.0.113.1", "192.0.2.1"),
        ("10.9.1.1", "10.0.0.1"),
        ("2001:db8:1::7", "2001:db8:1::1"),
    ] {
        assert_eq!(stack.source_address(ip(dst)), Some(ip(wanted)), "{dst}");
    }
    // The router is known by its link-local address; what goes through it is global all the same.
    assert_eq!(
        stack.source_address(ip("2001:db8:ffff::1")),
        Some(ip("2001:db8::1"))
    );
    assert_eq!(stack.source_address(ip("192.0.2.1")), None);
}

#[test]
fn frames_are_accepted_by_vlan_and_station() {
    let stack = stack();
    let packet = datagram("10.0.0.7:1", "10.0.0.1:9", 64, 5);
    let accept = |port, dst, vlan, packet: &[u8]| {
        stack.accept(port, &parsed(&framed(dst, peer_mac(7), vlan, packet)))
    };
    assert_eq!(accept(1, our_mac(1), Some(30), &packet), Ok(INSIDE));
    assert_eq!(
        accept(1, our_mac(1), None, &packet),
        Err(Reason::VlanUnknown)
    );
    assert_eq!(
        accept(1, our_mac(1), Some(31), &packet),
        Err(Reason::VlanUnknown)
    );
    assert_eq!(
        accept(0, our_mac(0), Some(30), &packet),
        Err(Reason::VlanUnknown)
    );
    assert_eq!(
        accept(1, peer_mac(9), Some(30), &packet),
        Err(Reason::EthNotForUs)
    );
    assert_eq!(
        accept(1, MacAddr::BROADCAST, Some(30), &packet),
        Err(Reason::EthNotForUs)
    );
    let broadcast = datagram("10.0.0.7:1", "10.0.0.255:9", 64, 5);
    assert_eq!(
        accept(1, MacAddr::BROADCAST, Some(30), &broadcast),
        Ok(INSIDE)
    );
    let from_group = framed(our_mac(1), MacAddr::BROADCAST, Some(30), &packet);
    assert_eq!(
        stack.accept(1, &parsed(&from_group)),
        Err(Reason::EthNotForUs)
    );
}

#[test]
fn impossible_configurations_change_nothing() {
    let mut stack = stack();
    let mut lost_port = interfaces();
    lost_port[1].device = 2;
    assert_eq!(
        stack.configure(&lost_port, &[], &ports()),
        Err(ConfigError::NoSuchPort(2))
    );
    let mut lost_interface = routes();
    lost_interface[0].interface = 2;
    assert_eq!(
        stack.configure(&interfaces(), &lost_interface, &ports()),
        Err(ConfigError::NoSuchInterface(2))
    );
    let mut doubled = interfaces();
    doubled[1].device = 0;
    doubled[1].vlan = None;
    assert_eq!(
        stack.configure(&doubled, &[], &ports()),
        Err(ConfigError::SameLink {
            port: 0,
            vlan: None
        })
    );
    assert_eq!(stack.locality(ip("10.0.0.1")), Locality::Own(INSIDE));
    assert!(stack.next_hop(ip("203.0.113.1"), ms(0)).is_ok());
}

#[test]
fn handles_survive_the_same_policy_and_no_other() {
    let mut stack = stack();
    let hop = stack.next_hop(ip("192.0.2.7"), ms(0)).unwrap();
    stack.configure(&interfaces(), &routes(), &ports()).unwrap();
    assert_eq!(stack.next_hop(ip("192.0.2.7"), ms(1)), Ok(hop));
    stack.configure(&interfaces(), &[], &ports()).unwrap();
    let rerouted = stack.next_hop(ip("192.0.2.7"), ms(1)).unwrap();
    assert_ne!(rerouted, hop);
    stack.configure(&interfaces()[..1], &[], &ports()).unwrap();
    assert_ne!(stack.next_hop(ip("192.0.2.7"), ms(2)), Ok(rerouted));
    assert_eq!(stack.link_header(rerouted), None);
}

#[test]
fn announcements_name_every_address_on_its_link() {
    let (stack, mut out) = (stack(), Out::default());
    stack.announce(&mut out);
    let on = |port| out.sent.iter().filter(|&&(p, _)| p == port).count();
    assert_eq!((on(0), on(1)), (5, 3), "own, owned and link-local");
    assert!(out.refused.is_empty());
}
