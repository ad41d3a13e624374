//! Whose a session or a stream is: the application and the client's name.

use std::collections::HashMap;

use abi::policy::PolicyImage;
use abi::records::SessionRecord;

use crate::region::View;

/// Applications by position, and live sessions by identifier.
pub(crate) struct Owners {
    policy: Option<PolicyImage>,
    sessions: HashMap<u64, SessionRecord>,
}

/// Whose something is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Name of the application, or its position when the policy has changed since.
    pub(crate) app: String,
    /// Common name of the client's certificate; empty when there is none.
    pub(crate) user: String,
}

impl Owners {
    /// Reads the policy in force and every worker's sessions.
    pub(crate) fn read(view: &View) -> Self {
        Self {
            policy: view.policy(),
            sessions: view
                .sessions()
                .map(|(_, record)| (record.id, record))
                .collect(),
        }
    }

    /// The policy in force.
    pub(crate) const fn policy(&self) -> Option<&PolicyImage> {
        self.policy.as_ref()
    }

    /// Of the session with this identifier; nobody's when it is gone.
    pub(crate) fn of_session(&self, id: u64) -> Owner {
        self.sessions
            .get(&id)
            .map(|record| owner(record, self.policy.as_ref()))
            .unwrap_or_default()
    }
}

/// Whose a session is.
pub(crate) fn owner(record: &SessionRecord, policy: Option<&PolicyImage>) -> Owner {
    Owner {
        app: app(record.app, policy),
        user: record.name.to_string(),
    }
}

fn app(index: u16, policy: Option<&PolicyImage>) -> String {
    policy
        .and_then(|policy| policy.apps.get(usize::from(index)))
        .map_or_else(|| index.to_string(), |app| app.name.clone())
}
