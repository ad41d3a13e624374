//! What serde does not like, though the application's table has nothing against it.

use core::fmt;

use serde::de;

use crate::document::{Findings, NodeId};
use crate::finding::Problem;

/// A mistake, and where it is as far as that is known.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Mistake {
    at: Option<NodeId>,
    what: String,
}

impl Mistake {
    /// Says where it is, unless that is known more closely.
    pub(super) fn at(mut self, node: NodeId) -> Self {
        self.at.get_or_insert(node);
        self
    }

    /// Tells it; `options` is where it is when nothing closer is known.
    pub(super) fn tell(self, findings: &mut Findings<'_>, options: NodeId) {
        let node = self.at.unwrap_or(options);
        findings.error(node, Problem::BadValue, self.what);
    }
}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let what = message.to_string();
        Self { at: None, what }
    }
}
