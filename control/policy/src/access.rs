//! Who may ask control for what, and which changes need more.

use crate::diff::{Change, diff};
use crate::raw::RawAccess;
use crate::section::List;
use crate::value::Name;

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Look.
    View,
    /// Change what runs.
    Operate,
    /// Change what is read with control's own rights.
    Secrets,
}

impl Role {
    /// The role's name, as the configuration has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Operate => "operate",
            Self::Secrets => "secrets",
        }
    }
}

/// Groups of this machine by what their members may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    view: Vec<String>,
    operate: Vec<String>,
    secrets: Vec<String>,
}

impl Access {
    pub(crate) fn of(raw: &RawAccess) -> Self {
        let names = |list: &List<Name>| list.iter().map(|name| name.0.to_string()).collect();
        Self {
            view: names(&raw.view),
            operate: names(&raw.operate),
            secrets: names(&raw.secrets),
        }
    }

    /// Whether nobody is given anything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.view.is_empty() && self.operate.is_empty() && self.secrets.is_empty()
    }

    /// Whether a member of `groups` has `role`. Who may change what runs may look at it.
    #[must_use]
    pub fn allows(&self, groups: &[String], role: Role) -> bool {
        let member = |list: &[String]| groups.iter().any(|group| list.contains(group));
        match role {
            Role::View => member(&self.view) || member(&self.operate),
            Role::Operate => member(&self.operate),
            Role::Secrets => member(&self.secrets),
        }
    }
}

/// Whether going from one configuration to another takes [`Role::Secrets`]. One that cannot be
/// read is refused for that, whoever asks.
#[must_use]
pub fn touches_secrets(before: &[u8], after: &[u8]) -> bool {
    const PATHS: [&str; 3] = ["trustpoints", "license.issuers", "access"];
    let touches = |change: &Change| {
        let path = change.path.trim_start_matches("order of ");
        PATHS.iter().any(|secret| path.starts_with(secret))
    };
    diff(before, after).is_ok_and(|changes| changes.iter().any(touches))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn roles_follow_from_groups_and_operators_may_look() {
        let access = Access {
            view: groups(&["staff", "noc"]),
            operate: groups(&["ops"]),
            secrets: groups(&["pki"]),
        };
        let roles = |names: &[&str]| {
            [Role::View, Role::Operate, Role::Secrets]
                .map(|role| access.allows(&groups(names), role))
        };
        assert_eq!(roles(&[]), [false, false, false]);
        assert_eq!(roles(&["users", "noc"]), [true, false, false]);
        assert_eq!(roles(&["ops"]), [true, true, false]);
        assert_eq!(roles(&["pki"]), [false, false, true]);
        assert!(Access::default().is_empty() && !access.is_empty());
    }

    #[test]
    fn keys_issuers_and_access_are_told_from_all_else() {
        let before = "tcp: {keepalive: 1m}\n";
        let touches = |after: &str| touches_secrets(before.as_bytes(), after.as_bytes());
        for after in [
            "trustpoints: [{name: a, ca: [/etc/shadow]}]\n",
            "license: {model: ASA5505, issuers: [x]}\n",
            "access: {operate: [everybody]}\n",
        ] {
            assert!(touches(after), "{after}");
        }
        assert!(!touches(
            "tcp: {keepalive: 2m}\nlicense: {model: ASA5505}\n"
        ));
    }
}
