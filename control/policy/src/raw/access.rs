//! `access`.

use crate::section::{List, section};
use crate::value::Name;

section! {
    /// Who may ask the control process for what, by groups of this machine. The user that it
    /// runs as and root may do everything; without groups, nobody else may do anything.
    RawAccess {
        /// Groups that may look: status, versions, licences and the running configuration.
        view: List<Name>, nested;
        /// Groups that may change what runs, and look.
        operate: List<Name>, nested;
        /// Groups whose changes may, besides, touch what control reads with its own rights and
        /// who may do what: `trustpoints`, `license.issuers`, `access`, and the folder that
        /// relative paths start from.
        secrets: List<Name>, nested;
    }
}
