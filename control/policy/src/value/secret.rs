//! Where a secret is. The secret itself has no place in the configuration.

use super::{Scalar, Wrong};
use crate::files::{FileContent, FileError, Files};
use crate::form::{BARE_WORDS, Form};
use crate::section::Kind;

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// In a file.
    File(Box<str>),
    /// In an environment variable of the control process.
    Variable(Box<str>),
    /// In a credential that systemd passes to the control process.
    Credential(Box<str>),
}

impl SecretSource {
    /// Reads what is there.
    pub(crate) fn read(&self, files: &dyn Files) -> Result<FileContent, FileError> {
        match self {
            Self::File(path) => files.read(path),
            Self::Variable(name) => files.variable(name),
            Self::Credential(name) => files.credential(name),
        }
    }

    /// How the configuration names it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::File(path) => path.to_string(),
            Self::Variable(name) => format!("env:{name}"),
            Self::Credential(name) => format!("credential:{name}"),
        }
    }

    /// What stands behind one of the prefixes; `None` without a prefix.
    fn prefixed(text: &str) -> Option<Result<Self, Wrong>> {
        let good = |good: bool, source: Self| good.then_some(source).ok_or_else(Wrong::default);
        let (prefix, rest) = text.split_once(':')?;
        match prefix {
            "file" => Some(good(is_path(rest), Self::File(rest.into()))),
            "env" => Some(good(is_variable(rest), Self::Variable(rest.into()))),
            "credential" => Some(good(is_credential(rest), Self::Credential(rest.into()))),
            _ => None,
        }
    }
}

/// Where a private key is: a path alone will do, as for certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeySource(pub(crate) SecretSource);

impl Scalar for KeySource {
    const KIND: Kind = Kind::Text(
        "the path of a file (as it is, or behind file:), env:VARIABLE or credential:NAME",
        || Form {
            except: Some("-----"),
            or: Some(Box::new(Form {
                except: Some("-----|^(file|env|credential):"),
                bare: BARE_WORDS,
                ..Form::of(PATH)
            })),
            ..prefixed()
        },
    );
    const SECRET: bool = true;

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        if text.contains("-----") || text.contains(char::is_control) {
            return Err(Wrong::with_fix("put the key in a file of its own"));
        }
        let path = || {
            let path = SecretSource::File(text.into());
            is_path(text).then_some(path).ok_or_else(Wrong::default)
        };
        SecretSource::prefixed(text).unwrap_or_else(path).map(Self)
    }
}

/// Where a passphrase is: never a text alone, which might be the passphrase itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PassphraseSource(pub(crate) SecretSource);

impl Scalar for PassphraseSource {
    const KIND: Kind = Kind::Text("file:PATH, env:VARIABLE or credential:NAME", prefixed);
    const SECRET: bool = true;

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        let wrong = || Err(Wrong::with_fix("write where the passphrase is, not what"));
        SecretSource::prefixed(text).unwrap_or_else(wrong).map(Self)
    }
}

/// What paths of secrets look like: without control characters.
const PATH: &str = "[^\\u0000-\\u001f\\u007f-\\u009f]{1,4096}";

/// What stands behind one of the prefixes looks like.
fn prefixed() -> Form {
    let inside = "[A-Za-z0-9_.-]";
    // Any name but '.' and '..'.
    let name = format!("[A-Za-z0-9_-]{inside}{{0,254}}|\\.[A-Za-z0-9_-]{inside}{{0,253}}")
        + &format!("|\\.\\.{inside}{{1,253}}");
    let variable = "[A-Za-z_][A-Za-z0-9_]{0,254}";
    Form::of(&format!("file:{PATH}|env:{variable}|credential:({name})"))
}

fn is_path(text: &str) -> bool {
    !text.is_empty() && text.len() <= 4_096 && !text.contains(char::is_control)
}

/// A name as shells have it (POSIX.1 section 8.1).
fn is_variable(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.len() <= 255
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A file name without a folder, so that it stays inside the credentials.
fn is_credential(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !matches!(text, "" | "." | "..") && text.len() <= 255 && text.chars().all(inside)
}
