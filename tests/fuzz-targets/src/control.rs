//! What operators send: configurations, and messages of the admin socket.

use admin::{Request, Response};
use policy::{FileContent, FileError, Files, Report};

/// Files that a configuration may name.
struct Shelf;

impl Files for Shelf {
    fn read(&self, path: &str) -> Result<FileContent, FileError> {
        match path {
            "empty" => Ok(FileContent::default()),
            "text" => Ok(FileContent {
                octets: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
                    .to_vec()
                    .into(),
                world_readable: true,
            }),
            _ => Err(FileError::NotFound),
        }
    }
}

/// A configuration of any content.
pub(crate) fn policy_yaml(data: &[u8]) {
    let report = Report::of(data, &Shelf, 1_700_000_000);
    assert!(report.policy.is_some() || report.has_errors());
    for finding in &report.findings {
        assert!(!finding.to_string().is_empty());
    }
    if let Some(policy) = report.policy {
        let octets = policy.image.encode().expect("a sound image");
        let image = abi::policy::PolicyImage::decode(&octets);
        assert_eq!(image.as_ref(), Ok(&policy.image));
    }
}

/// A frame of the admin socket, from either side.
pub(crate) fn admin_frame(data: &[u8]) {
    let _ = admin::read::<Request>(&mut &*data);
    let _ = admin::read::<Response>(&mut &*data);
}
