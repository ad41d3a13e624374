//! TLS versions and cipher suites by name.

/// The version of a leg; `None` when it is clear.
pub(crate) fn version(wire: u16) -> Option<String> {
    match wire {
        0 => None,
        0x0301 => Some("TLSv1.0".into()),
        0x0302 => Some("TLSv1.1".into()),
        0x0303 => Some("TLSv1.2".into()),
        0x0304 => Some("TLSv1.3".into()),
        other => Some(format!("{other:#06x}")),
    }
}

/// The cipher suite of a leg, as registered by IANA; `None` when it is clear.
pub(crate) fn cipher(wire: u16) -> Option<String> {
    let name = match wire {
        0 => return None,
        0x1301 => "TLS_AES_128_GCM_SHA256",
        0x1302 => "TLS_AES_256_GCM_SHA384",
        0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
        0xc02b => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        0xc02c => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        0xc02f => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        0xc030 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        0xcca8 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        0xcca9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        other => return Some(format!("{other:#06x}")),
    };
    Some(name.into())
}
