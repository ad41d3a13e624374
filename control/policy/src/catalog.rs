//! The applications that exist, and how their own options become octets.

use crate::document::{Content, Findings, NodeId};
use crate::finding::Problem;

/// What the file needs to know of an application.
#[derive(Debug)]
pub(crate) struct AppDef {
    /// Its name in the file.
    pub(crate) name: &'static str,
    /// TCP port that its clients use unless told.
    pub(crate) tcp_port: u16,
}

static APPS: [AppDef; 1] = [AppDef {
    name: "phone-proxy",
    tcp_port: 5061,
}];

/// The application called `name`.
pub(crate) fn find(name: &str) -> Option<&'static AppDef> {
    APPS.iter().find(|app| app.name == name)
}

/// The names of all applications.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    APPS.iter().map(|app| app.name)
}

/// The octets in which an application reads its own options; none has any.
pub(crate) fn config(findings: &mut Findings<'_>, options: Option<NodeId>) -> Vec<u8> {
    if let Some(node) = options
        && let Content::Map(entries) = findings.doc.content(node)
    {
        for entry in entries {
            let message = "unknown key, the application has no options";
            findings.error_at_key(node, &entry.key, entry.place, Problem::UnknownKey, message);
        }
    }
    Vec::new()
}
