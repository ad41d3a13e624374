//! Words out of tables that other crates keep.

use abi::Suite;
use license::{MODELS, Model};
use pipeline::AppDef;
use registry::APPS;

use super::{Scalar, Wrong, unknown_word};
use crate::catalog;
use crate::form::{Form, any_case};
use crate::section::Kind;

/// Declares the names of the entries of a table, as a constant.
macro_rules! names {
    ($names:ident, $table:expr, $entry:ident => $name:expr) => {
        #[expect(
            clippy::indexing_slicing,
            reason = "a constant does not compile if it is wrong"
        )]
        const $names: [&str; $table.len()] = {
            let mut names = [""; $table.len()];
            let mut i = 0;
            while i < names.len() {
                let $entry = &$table[i];
                names[i] = $name;
                i += 1;
            }
            names
        };
    };
}

/// An application.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AppKind(pub(crate) &'static AppDef);

names!(APP_NAMES, APPS, entry => entry.name);

impl Scalar for AppKind {
    const KIND: Kind = Kind::Choice(&APP_NAMES);

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        let found = catalog::find(text).map(Self);
        found.ok_or_else(|| unknown_word(text, &APP_NAMES))
    }
}

/// An appliance model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelName(pub(crate) &'static Model);

names!(MODEL_NAMES, MODELS, entry => entry.name);

impl Scalar for ModelName {
    const KIND: Kind = Kind::Spelt(&MODEL_NAMES, || {
        Form::of(&any_case(&MODEL_NAMES, "[^0-9A-Za-z]*"))
    });

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        let found = Model::by_name(text).map(Self);
        found.ok_or_else(|| unknown_word(text, &MODEL_NAMES))
    }
}

/// An SRTP suite by its registered name, in any case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SuiteName;

names!(SUITE_NAMES, Suite::ALL, entry => entry.name());

impl Scalar for SuiteName {
    const KIND: Kind = Kind::Spelt(&SUITE_NAMES, || Form::of(&any_case(&SUITE_NAMES, "")));

    fn parse(text: &str, _: bool) -> Result<Self, Wrong> {
        match Suite::from_name(text.as_bytes()) {
            Some(suite) if suite.name().eq_ignore_ascii_case(text) => Ok(Self),
            // A spelling that is met in messages.
            Some(suite) => Err(Wrong::with_fix(format!("write {}", suite.name()))),
            None => Err(unknown_word(text, &SUITE_NAMES)),
        }
    }
}
