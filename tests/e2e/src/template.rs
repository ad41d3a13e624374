//! Configuration files with places to fill in, written `@NAME@`.

use std::fs;
use std::path::Path;

use crate::error::{Failure, Result};

/// Fills in every place of `template`.
///
/// # Errors
/// [`Failure::Unexpected`] when a place has no value.
pub fn fill(template: &str, values: &[(&str, &str)]) -> Result<String> {
    let filled = values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| {
            text.replace(&format!("@{name}@"), value)
        });
    match unfilled(&filled) {
        None => Ok(filled),
        Some(place) => Err(Failure::Unexpected(format!(
            "no value for {place} in a template"
        ))),
    }
}

/// Writes a file and returns its path as text, for a command line.
///
/// # Errors
/// [`Failure::Io`].
pub fn write(path: &Path, text: &str) -> Result<String> {
    fs::write(path, text).map_err(|e| Failure::io("write", path, e))?;
    Ok(path.display().to_string())
}

fn unfilled(text: &str) -> Option<&str> {
    text.split_whitespace()
        .filter_map(|word| {
            word.split_once('@')
                .and_then(|(_, rest)| rest.split_once('@'))
        })
        .map(|(place, _)| place)
        .find(|place| {
            !place.is_empty()
                && place
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled() {
        assert_eq!(
            fill("a @B@ <sip:@C@@d>", &[("B", "1"), ("C", "2")]).unwrap(),
            "a 1 <sip:2@d>"
        );
    }

    #[test]
    fn forgotten_place_is_an_error() {
        assert!(fill("a @B@", &[]).is_err());
    }
}
