//! Whole packets whose bytes are published or agreed with libsrtp.

#![cfg(test)]

use abi::{Now, Reason, Suite};
use oracle::Ciphers;
use srtp::{Params, Traffic};

const PACKETS: [(&str, Suite); 6] = [
    ("packet-cm128-80", Suite::AesCm128HmacSha1_80),
    ("packet-cm128-32", Suite::AesCm128HmacSha1_32),
    ("packet-cm192-80", Suite::AesCm192HmacSha1_80),
    ("packet-cm256-80", Suite::AesCm256HmacSha1_80),
    ("packet-gcm128", Suite::AeadAes128Gcm),
    ("packet-gcm256", Suite::AeadAes256Gcm),
];

fn params(case: &vectors::Case, suite: Suite) -> Params<'_> {
    Params {
        suite,
        key: case.get("key"),
        salt: case.get("salt"),
        mki: None,
    }
}

#[test]
fn packets_are_protected_and_unprotected_as_published() {
    let mut ciphers = Ciphers::new().unwrap();
    for (name, suite) in PACKETS {
        let case = vectors::srtp(name);
        let params = params(&case, suite);
        let mut sender = ciphers.sender(&params).unwrap();
        let mut receiver = ciphers.receiver(&params).unwrap();
        for (traffic, clear, protected) in [
            (Traffic::Rtp, case.get("rtp"), case.get("srtp")),
            (Traffic::Rtcp, case.get("rtcp"), case.get("srtcp")),
        ] {
            let mut packet = clear.to_vec();
            ciphers
                .protect(&mut sender, traffic, &mut packet, Now::ZERO)
                .unwrap();
            assert_eq!(packet, protected, "{name}");
            ciphers
                .unprotect(&mut receiver, traffic, &mut packet, Now::ZERO)
                .unwrap();
            assert_eq!(packet, clear, "{name}");
            let mut again = protected.to_vec();
            let replayed = ciphers.unprotect(&mut receiver, traffic, &mut again, Now::ZERO);
            assert_eq!((replayed, &*again), (Err(Reason::SrtpReplayed), protected));
        }
    }
}

#[test]
fn rollover_counter_is_authenticated_past_the_wrap() {
    let mut ciphers = Ciphers::new().unwrap();
    let case = vectors::srtp("roc-wrap");
    let params = params(&case, Suite::AesCm128HmacSha1_80);
    let mut sender = ciphers.sender(&params).unwrap();
    let mut receiver = ciphers.receiver(&params).unwrap();
    for name in ["seq_ffff_roc0", "seq_0000_roc1"] {
        let (clear, protected) = (
            case.get(&format!("{name}_rtp")),
            case.get(&format!("{name}_srtp")),
        );
        let mut packet = clear.to_vec();
        ciphers
            .protect(&mut sender, Traffic::Rtp, &mut packet, Now::ZERO)
            .unwrap();
        assert_eq!(packet, protected);
        ciphers
            .unprotect(&mut receiver, Traffic::Rtp, &mut packet, Now::ZERO)
            .unwrap();
        assert_eq!(packet, clear);
    }
    // A receiver that comes after the wrap finds the counter by its second attempt.
    let mut late = ciphers.receiver(&params).unwrap();
    let mut packet = case.get("seq_0000_roc1_srtp").to_vec();
    ciphers
        .unprotect(&mut late, Traffic::Rtp, &mut packet, Now::ZERO)
        .unwrap();
    assert_eq!(packet, case.get("seq_0000_roc1_rtp"));
}

#[test]
fn contributing_sources_and_extension_stay_clear() {
    let mut ciphers = Ciphers::new().unwrap();
    let case = vectors::srtp("csrc-extension");
    let params = params(&case, Suite::AesCm128HmacSha1_80);
    let mut sender = ciphers.sender(&params).unwrap();
    let mut receiver = ciphers.receiver(&params).unwrap();
    let mut packet = case.get("rtp").to_vec();
    ciphers
        .protect(&mut sender, Traffic::Rtp, &mut packet, Now::ZERO)
        .unwrap();
    assert_eq!(packet, case.get("srtp"));
    ciphers
        .unprotect(&mut receiver, Traffic::Rtp, &mut packet, Now::ZERO)
        .unwrap();
    assert_eq!(packet, case.get("rtp"));
}
