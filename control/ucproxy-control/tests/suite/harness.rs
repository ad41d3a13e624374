//! A folder with a configuration, and the control process in it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use admin::{Request, Response, Status};

use super::process::Control;

/// Nothing that is waited for takes longer.
pub(super) const SOON: Duration = Duration::from_secs(300);

/// A runtime directory, removed at the end.
pub(super) struct Lab {
    pub(super) dir: PathBuf,
}

impl Lab {
    pub(super) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ucproxy-control-{}-{n}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
        Self { dir }
    }

    /// Writes `text` to the file that control starts with.
    pub(super) fn write(&self, text: &str) -> PathBuf {
        let path = self.dir.join("ucproxy.yaml");
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts control with that file.
    pub(super) fn start(&self) -> Control {
        let config = self.dir.join("ucproxy.yaml");
        let mut control = Control::spawn(&self.dir, Some(&config));
        self.wait_answers(&mut control);
        control
    }

    /// Starts control without a file.
    pub(super) fn start_bare(&self) -> Control {
        let mut control = Control::spawn(&self.dir, None);
        self.wait_answers(&mut control);
        control
    }

    /// Starts control without a file, with these variables in its environment.
    pub(super) fn start_in(&self, variables: &[(&str, &str)]) -> Control {
        let args = ["--metrics", "off"];
        let mut control = Control::spawn_in(&self.dir, None, &args, variables);
        self.wait_answers(&mut control);
        control
    }

    pub(super) fn call(&self, request: &Request) -> Response {
        admin::call(&self.dir, request, SOON).unwrap()
    }

    pub(super) fn apply(&self, text: &str) -> Response {
        self.call(&self.request(text, false))
    }

    /// The request to apply `text`.
    pub(super) fn request(&self, text: &str, enforce: bool) -> Request {
        Request::Apply {
            text: text.into(),
            path: self.dir.join("applied-by-hand.yaml").display().to_string(),
            enforce,
        }
    }

    /// How control is, if it answers.
    pub(super) fn try_status(&self) -> Option<Response> {
        admin::call(&self.dir, &Request::Status, SOON).ok()
    }

    pub(super) fn status(&self) -> Status {
        match self.call(&Request::Status) {
            Response::Status(status) => status,
            other => panic!("{other:?}"),
        }
    }

    fn wait_answers(&self, control: &mut Control) {
        let pid = control.pid();
        let ours = |response: Response| match response {
            Response::Status(status) => status.pid == pid,
            _ => false,
        };
        until("control answers", || {
            assert!(control.is_running(), "{}", control.log());
            admin::call(&self.dir, &Request::Status, SOON).is_ok_and(ours)
        });
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Looks again and again until `what` holds.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a bound on how long a test hangs"
    )]
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < SOON, "{what}: not within {SOON:?}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// A configuration that an image tells from another by its number of sessions.
pub(super) fn config(sessions: u32) -> String {
    format!("runtime: {{sessions_max: {sessions}}}\nlimits: {{uc_sessions: {sessions}}}\n")
}
