//! Records that control keeps in files, one on a line.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A record as one line of JSON, without its end; `None` for one that JSON cannot say.
#[must_use]
pub fn to_line<T: Serialize>(record: &T) -> Option<String> {
    serde_json::to_string(record).ok()
}

/// The record on a line, if it reads.
#[must_use]
pub fn from_line<T: DeserializeOwned>(line: &str) -> Option<T> {
    serde_json::from_str(line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    #[test]
    fn a_record_is_one_line_whatever_is_in_it() {
        let version = Version {
            version: 3,
            path: "/a\nb/\u{2028}\"c".into(),
            ..Version::default()
        };
        let line = to_line(&version).unwrap();
        assert!(!line.contains('\n'), "{line}");
        assert_eq!(from_line(&line), Some(version));
        assert_eq!(from_line::<Version>("{"), None);
    }
}
