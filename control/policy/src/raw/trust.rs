//! `trustpoints`.

use crate::section::{List, section};
use crate::value::{FilePath, KeySource, Name, PassphraseSource};

section! {
    /// Whom to trust, who we are, or both. Files are PEM, or DER with one item.
    RawTrustpoint {
        /// What applications call it.
        name: Name, required;
        /// Files with certificates of authorities to trust.
        ca: List<FilePath>, nested;
        /// Files with peer certificates that are trusted by exact match, for phones and labs
        /// with self-signed ones.
        pinned: List<FilePath>, nested;
        /// Files with revocation lists.
        crl: List<FilePath>, nested;
        /// File with our own certificate, then those that lead to its authority.
        certificate: FilePath, optional;
        /// Where the private key of that certificate is.
        key: KeySource, optional;
        /// Where the passphrase of that key is, if the key is encrypted (PKCS #8 with PBES2).
        passphrase: PassphraseSource, optional;
    }
}
