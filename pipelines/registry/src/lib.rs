//! The applications that there are: this list, and nothing else, is what policy parsing, the
//! worker, counters and `show` go by.
//!
//! The macro makes an enum of configurations and one of sessions, so that a worker's call on a
//! session is a match and no virtual call. A new application is a crate and a line here.

use std::sync::Arc;

use abi::Now;
use pipeline::{AppDef, Input, Output, Session, SessionSetup};
use serde::Deserializer;

/// Why an application's configuration cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No application is called so.
    #[error("no such application")]
    UnknownApp,
    /// The octets are not a configuration of that application.
    #[error("configuration does not decode")]
    BadConfig,
}

macro_rules! applications {
    ($($variant:ident => $app:ident;)*) => {
        /// Every application.
        pub const APPS: &[&AppDef] = &[$(&$app::APP,)*];

        /// The configuration of an application, checked.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum AppConfig {
            $(#[doc = stringify!($app)] $variant(Arc<$app::Config>),)*
        }

        /// A session of an application.
        #[derive(Debug)]
        pub enum AppSession {
            $(#[doc = stringify!($app)] $variant(Box<$app::Session>),)*
        }

        /// Options of an application as the operator wrote them.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum AppOptions {
            $(#[doc = stringify!($app)] $variant(Box<$app::RawConfig>),)*
        }

        impl AppOptions {
            /// What holds for the application called `name` when the operator writes nothing.
            #[must_use]
            pub fn default_of(name: &str) -> Option<Self> {
                match name {
                    $(_ if name == $app::APP.name => {
                        Some(Self::$variant(Box::default()))
                    })*
                    _ => None,
                }
            }

            /// Reads the options of the application called `name`; `None` when there is none of
            /// that name.
            ///
            /// # Errors
            /// What the format, or an unknown or mistyped option, gives.
            pub fn deserialize<'de, D: Deserializer<'de>>(
                name: &str,
                input: D,
            ) -> Option<Result<Self, D::Error>> {
                match name {
                    $(_ if name == $app::APP.name => {
                        let raw = serde::Deserialize::deserialize(input);
                        Some(raw.map(|raw| Self::$variant(Box::new(raw))))
                    })*
                    _ => None,
                }
            }

            /// Checks the options.
            ///
            /// # Errors
            /// Everything that is wrong.
            pub fn check(self) -> Result<AppConfig, Vec<Finding>> {
                match self {
                    $(Self::$variant(raw) => $app::Config::check(*raw)
                        .map(|config| AppConfig::$variant(Arc::new(config))),)*
                }
            }
        }

        impl AppConfig {
            /// The application.
            #[must_use]
            pub const fn def(&self) -> &'static AppDef {
                match self {
                    $(Self::$variant(_) => &$app::APP,)*
                }
            }

            /// The octets that cross shared memory.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                match self {
                    $(Self::$variant(config) => config.encode(),)*
                }
            }

            /// Reads what [`encode`](Self::encode) wrote for the application called `name`.
            ///
            /// # Errors
            /// See [`RegistryError`].
            pub fn decode(name: &str, octets: &[u8]) -> Result<Self, RegistryError> {
                match name {
                    $(_ if name == $app::APP.name => $app::Config::decode(octets)
                        .map(|config| Self::$variant(Arc::new(config)))
                        .ok_or(RegistryError::BadConfig),)*
                    _ => Err(RegistryError::UnknownApp),
                }
            }

            /// A session under this configuration.
            #[must_use]
            pub fn session(&self, setup: SessionSetup) -> AppSession {
                match self {
                    $(Self::$variant(config) => {
                        let session = $app::Session::new(Arc::clone(config), setup);
                        AppSession::$variant(Box::new(session))
                    })*
                }
            }
        }

        impl Session for AppSession {
            fn handle_input(&mut self, input: Input<'_>, now: Now) {
                match self {
                    $(Self::$variant(session) => session.handle_input(input, now),)*
                }
            }

            fn poll_output(&mut self) -> Option<Output> {
                match self {
                    $(Self::$variant(session) => session.poll_output(),)*
                }
            }

            fn next_deadline(&self) -> Option<Now> {
                match self {
                    $(Self::$variant(session) => session.next_deadline(),)*
                }
            }
        }
    };
}

applications! {
    PhoneProxy => phone_proxy;
}

pub use phone_proxy::Finding;

/// The application called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static AppDef> {
    APPS.iter().copied().find(|app| app.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_found() {
        let names: BTreeSet<_> = APPS.iter().map(|app| app.name).collect();
        assert_eq!(names.len(), APPS.len());
        for app in APPS {
            assert_eq!(find(app.name), Some(*app));
        }
        assert_eq!(find("no-such-proxy"), None);
    }

    #[test]
    fn default_options_of_every_application_cross_shared_memory() {
        for app in APPS {
            let config = AppOptions::default_of(app.name).unwrap().check().unwrap();
            assert_eq!(config.def(), *app);
            assert_eq!(AppConfig::decode(app.name, &config.encode()), Ok(config));
        }
    }

    #[test]
    fn foreign_configuration_is_refused() {
        let unknown = AppConfig::decode("no-such-proxy", &[]);
        assert_eq!(unknown, Err(RegistryError::UnknownApp));
        let garbage = AppConfig::decode("phone-proxy", &[0xff; 40]);
        assert_eq!(garbage, Err(RegistryError::BadConfig));
    }
}
