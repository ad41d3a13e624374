//! The applications that exist.

use pipeline::AppDef;
use registry::APPS;

/// The application called `name`.
pub(crate) fn find(name: &str) -> Option<&'static AppDef> {
    APPS.iter().copied().find(|app| app.name == name)
}
