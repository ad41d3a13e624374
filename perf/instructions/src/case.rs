//! What is counted.

use abi::Suite;
use perf_loadgen::Direction;
use wire::BURST;

/// One kind of packet on one kind of way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) client: Option<Suite>,
    pub(crate) server: Option<Suite>,
    pub(crate) direction: Direction,
    pub(crate) v6: bool,
    /// Packets that come at once.
    pub(crate) burst: usize,
}

/// Every case.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "srtp-to-rtp",
        client: Some(Suite::AesCm128HmacSha1_80),
        server: None,
        direction: Direction::Inward,
        v6: false,
        burst: BURST,
    },
    Case {
        name: "srtp-to-rtp-lone",
        client: Some(Suite::AesCm128HmacSha1_80),
        server: None,
        direction: Direction::Inward,
        v6: false,
        burst: 1,
    },
    Case {
        name: "rtp-to-srtp",
        client: Some(Suite::AesCm128HmacSha1_80),
        server: None,
        direction: Direction::Outward,
        v6: false,
        burst: BURST,
    },
    Case {
        name: "gcm-to-gcm-v6",
        client: Some(Suite::AeadAes128Gcm),
        server: Some(Suite::AeadAes128Gcm),
        direction: Direction::Inward,
        v6: true,
        burst: BURST,
    },
    Case {
        name: "relay",
        client: None,
        server: None,
        direction: Direction::Inward,
        v6: false,
        burst: BURST,
    },
];
