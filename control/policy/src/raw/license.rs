//! `license` and `limits`.

use crate::section::{List, section};
use crate::value::{Bound, FilePath, Flag, Int, ModelName, choice};

choice! {
    /// Whose licences hold.
    Profile {
        Unlimited "unlimited",
        Appliance "appliance",
    }
}

choice! {
    /// Export class.
    Export {
        K8 "k8",
        K9 "k9",
    }
}

section! {
    /// Which appliance's licences hold.
    RawLicense {
        /// `unlimited` limits nothing; `appliance` follows the model and the licences below.
        profile: Profile, optional;
        /// The model, such as `ASA5520`.
        model: ModelName, optional;
        /// Files with the public keys (Ed25519, PEM) of those whose licence files are taken, see
        /// `ucproxy license`. With any, licences come from those files alone: `uc_sessions`,
        /// `export` and `ime` may not be given.
        issuers: List<FilePath>, nested;
        /// Size of the UC licence, one of the model's. Left out, the base sessions.
        uc_sessions: Int<1, 1_000_000>, optional;
        /// Export class of the licences, the end of their part number. `k8` caps TLS proxy
        /// sessions at 1000 and SRTP sessions at 250.
        export: Export, optional;
        /// Whether the IME licence is there.
        ime: Flag, optional;
        /// The TLS proxy limit, 1 to the model's maximum. It holds even below the UC licence.
        /// Left out, the model's default, raised to match a larger UC licence.
        tls_max_sessions: Int<0, 1_000_000>, optional;
    }
}

section! {
    /// Limits below those of the licence.
    RawLimits {
        /// TLS proxy sessions of every application.
        tls_sessions: Bound, optional;
        /// Sessions that the UC licence counts.
        uc_sessions: Bound, optional;
        /// Phone proxy sessions, a part of the UC sessions.
        phone_proxy_sessions: Bound, optional;
        /// Calls whose media is encrypted or decrypted here.
        srtp_sessions: Bound, optional;
        /// TLS handshakes in progress, of all workers together.
        handshakes: Bound, default = "2048";
    }
}
