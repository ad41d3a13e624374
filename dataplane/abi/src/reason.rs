//! The closed list of why something was refused or dropped.

/// Declares [`Reason`] with a stable counter name and a phrase for each variant.
macro_rules! reasons {
    ($($variant:ident $name:literal $phrase:literal;)*) => {
        /// Why a frame, message, handshake or session was refused.
        ///
        /// Each variant is counted under its own name, and a refusal without a reason is a bug.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason {
            $(#[doc = $phrase] $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of its counter.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The counter's name, stable across releases.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// One phrase for people.
            #[must_use]
            pub const fn phrase(self) -> &'static str {
                match self { $(Self::$variant => $phrase,)* }
            }
        }
    };
}

reasons! {
    // Link and network.
    EthTruncated "eth-truncated" "frame shorter than its Ethernet or VLAN header";
    EthUnknownType "eth-unknown-type" "EtherType that nobody here speaks";
    EthNotForUs "eth-not-for-us" "unicast frame for another station";
    VlanUnknown "vlan-unknown" "VLAN tag of no configured interface";
    ArpMalformed "arp-malformed" "ARP packet that is not Ethernet over IPv4";
    IpTruncated "ip-truncated" "packet shorter than its IP header or total length says";
    IpMalformed "ip-malformed" "IP header with an impossible field";
    IpBadChecksum "ip-bad-checksum" "IPv4 header checksum is wrong";
    IpFragment "ip-fragment" "fragment, and reassembly is not configured";
    IpReassemblyTimeout "ip-reassembly-timeout" "fragments of one packet did not all arrive in time";
    IpReassemblyFull "ip-reassembly-full" "no room to reassemble another packet";
    IpReassemblyOverlap "ip-reassembly-overlap" "fragments overlap";
    IpTtlExpired "ip-ttl-expired" "hop limit ran out at this router";
    IpUnknownProtocol "ip-unknown-protocol" "transport that nobody here speaks";
    IpBadSource "ip-bad-source" "source address that may not appear on the wire";
    NoRoute "no-route" "no route to the destination";
    NeighborQueueFull "neighbor-queue-full" "too many packets wait for one address resolution";
    NeighborUnresolved "neighbor-unresolved" "address resolution got no answer";
    IcmpMalformed "icmp-malformed" "ICMP message truncated or with a wrong checksum";
    IcmpRateLimited "icmp-rate-limited" "ICMP message held back by the rate limit";
    UdpMalformed "udp-malformed" "UDP header does not fit its packet";
    UdpNoListener "udp-no-listener" "datagram to a port of ours where nobody listens";
    UdpBadChecksum "udp-bad-checksum" "UDP checksum is wrong";
    TcpMalformed "tcp-malformed" "TCP header does not fit its packet";
    TcpBadChecksum "tcp-bad-checksum" "TCP checksum is wrong";
    ForwardDenied "forward-denied" "policy does not route this packet";
    MultiSegment "multi-segment" "frame in several buffers, larger than the interface's MTU";
    NoBuffer "no-buffer" "the packet pool is empty";
    TxFull "tx-full" "the port's transmit ring is full";
    TxClosed "tx-closed" "the port's transmit queue has taken no frame yet";
    HandoffFull "handoff-full" "the ring to the owning worker is full";
    IpTooBig "ip-too-big" "packet larger than the MTU of its way out";

    // TCP.
    TcpNoFlow "tcp-no-flow" "segment of no known connection";
    TcpBadCookie "tcp-bad-cookie" "third packet of a handshake that this proxy did not begin";
    TcpReset "tcp-reset" "peer reset the connection";
    TcpTimeout "tcp-timeout" "peer stopped answering";
    TcpConnectFailed "tcp-connect-failed" "server refused or did not answer the connection";
    FlowTableFull "flow-table-full" "no room for another flow";
    PortsExhausted "ports-exhausted" "no local port is free";
    PeerStalled "peer-stalled" "peer did not read for too long";
    IdleTimeout "idle-timeout" "nothing was said for too long";
    LegClosed "leg-closed" "session ended while data was on its way";
    TcpOutOfWindow "tcp-out-of-window" "segment beyond the window that was announced";
    TcpEarly "tcp-early" "data that overtook the third packet of its handshake";

    // TLS.
    TlsMalformed "tls-malformed" "bytes that are no TLS record or handshake message";
    TlsVersion "tls-version" "protocol version older than is allowed";
    TlsNoCommonCipher "tls-no-common-cipher" "no cipher suite in common";
    TlsNoCertificate "tls-no-certificate" "peer showed no certificate";
    TlsCertificateExpired "tls-certificate-expired" "peer's certificate is expired or not yet valid";
    TlsCertificateUnknown "tls-certificate-unknown" "peer's certificate chains to no trust anchor";
    TlsCertificatePurpose "tls-certificate-purpose" "peer's certificate is for another use";
    TlsCertificateRevoked "tls-certificate-revoked" "peer's certificate is revoked";
    TlsCertificateName "tls-certificate-name" "peer's certificate is for another name";
    TlsCertificateBad "tls-certificate-bad" "peer's certificate or its signature does not verify";
    TlsPeerAlert "tls-peer-alert" "peer ended the connection with an alert";
    TlsHandshakeTimeout "tls-handshake-timeout" "handshake did not finish in time";
    TlsHandshakeOther "tls-handshake-other" "handshake failed for another cause";
    TlsRecord "tls-record" "record did not decrypt";
    TlsTruncated "tls-truncated" "connection ended without close_notify";
    TlsHandshakeQueueFull "tls-handshake-queue-full" "too many handshakes wait";
    TlsKeysExhausted "tls-keys-exhausted" "keys have protected all the records that they may";

    // Admission.
    LimitTlsSessions "limit-tls-sessions" "TLS proxy session limit reached";
    LimitUcSessions "limit-uc-sessions" "UC licence limit reached";
    LimitPhoneProxySessions "limit-phone-proxy-sessions" "phone proxy session limit reached";
    LimitSrtpSessions "limit-srtp-sessions" "SRTP session limit reached";
    LimitHandshakes "limit-handshakes" "too many half-open handshakes";
    LimitHandshakesPerSource "limit-handshakes-per-source" "too many half-open handshakes of one source";
    ImeUnlicensed "ime-unlicensed" "IME licence is missing";
    SessionTableFull "session-table-full" "no room for another session";
    PolicyEnforced "policy-enforced" "session that a new policy does not allow any more";
    LimitEnforced "limit-enforced" "session above a limit that was lowered";

    // SIP and SDP.
    SipMalformed "sip-malformed" "message that is not SIP";
    SipTooLarge "sip-too-large" "message, header block, line or body over its limit";
    SipBadLength "sip-bad-length" "Content-Length missing, doubled or impossible";
    SipBadState "sip-bad-state" "message that its dialog does not allow";
    SipDialogLimit "sip-dialog-limit" "too many dialogs or transactions in one session";
    SdpMalformed "sdp-malformed" "session description that does not parse";
    SdpNoCrypto "sdp-no-crypto" "media without keys where encryption is required";
    SdpBadCrypto "sdp-bad-crypto" "crypto attribute with no usable suite or key";
    SdpUnsupported "sdp-unsupported" "media description that this proxy does not carry";
    SdpTooManyStreams "sdp-too-many-streams" "more media streams than allowed";

    // Media.
    MediaNoSession "media-no-session" "packet to a media port that no call has open";
    MediaUnknownSource "media-unknown-source" "media from an address that nobody signalled";
    MediaPortsExhausted "media-ports-exhausted" "no media port is free";
    MediaNoTermination "media-no-termination" "no media address of the policy";
    MediaKeyReused "media-key-reused" "key that protects, or has protected, another way of media";
    MediaNoRemote "media-no-remote" "other side's media address is not known yet";
    MediaNoKey "media-no-key" "keys are known for one direction only";
    MediaOnHold "media-on-hold" "signalling does not allow media this way now";
    RtpInvalidLength "rtp-invalid-length" "RTP packet shorter than its header says";
    RtpInvalidVersion "rtp-invalid-version" "not RTP version 2";
    RtcpInvalidLength "rtcp-invalid-length" "RTCP packet shorter than its header says";
    RtcpInvalidVersion "rtcp-invalid-version" "not RTCP version 2";
    RtpUnknownDemux "rtp-unknown-demux" "neither RTP nor RTCP on a media port";
    SrtpAuthFailed "srtp-auth-failed" "authentication tag does not verify";
    SrtpReplayed "srtp-replayed" "packet index seen before";
    SrtpTooOld "srtp-too-old" "packet index older than the replay window";
    SrtpBadMki "srtp-bad-mki" "MKI does not match the key";
    SrtpTooManySources "srtp-too-many-sources" "more SSRCs than one stream may have";
    SrtpKeyExhausted "srtp-key-exhausted" "key has protected all the packets that it may";
    SrtpIndexReused "srtp-index-reused" "source rewound its sequence numbers under one key";
    SrtpEncryptFailed "srtp-encrypt-failed" "cipher job did not complete";
    MediaTableFull "media-table-full" "no room for another media stream";
}

impl Reason {
    /// Number of reasons, and so of counters.
    pub const COUNT: usize = Self::ALL.len();

    /// Position of this reason's counter.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The reason at `index`, if there is one.
    #[must_use]
    pub fn from_index(index: usize) -> Option<Self> {
        Self::ALL.get(index).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_kebab_case() {
        let names: BTreeSet<_> = Reason::ALL.iter().map(|r| r.name()).collect();
        assert_eq!(names.len(), Reason::COUNT);
        for name in names {
            assert!(
                name.chars().all(|c| c.is_ascii_lowercase() || c == '-'),
                "{name}"
            );
        }
    }

    #[test]
    fn index_round_trips() {
        for (i, &r) in Reason::ALL.iter().enumerate() {
            assert_eq!(r.index(), i);
            assert_eq!(Reason::from_index(i), Some(r));
        }
        assert_eq!(Reason::from_index(Reason::COUNT), None);
    }
}
