//! What an application is.

/// Which licence pools a session of an application takes from (`asa-uc-proxy.md` §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LicenceClass {
    /// The UC licence's phone proxy part (L01, L07).
    PhoneProxy,
    /// The UC licence (L01).
    UcSession,
    /// The TLS proxy limit alone, if IME is licensed (L03).
    ImePool,
    /// The TLS proxy limit alone (L02).
    Unlicensed,
}

/// An application, as the registry lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppDef {
    /// Its name in configuration, counters and `show`.
    pub name: &'static str,
    /// What its sessions take.
    pub licence: LicenceClass,
    /// TCP port that clients use by default.
    pub tcp_port: u16,
}
