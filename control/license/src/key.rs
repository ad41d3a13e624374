//! Licences: what one grants, under which export class, until when.

/// Export class, printed as the end of the licence's part number. A property of the licence,
/// never derived from its size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExportClass {
    /// Free to export, and capped for it.
    #[default]
    K8,
    /// Export-restricted, capped by configuration and model alone.
    K9,
}

impl ExportClass {
    /// The class as the part number spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::K8 => "K8",
            Self::K9 => "K9",
        }
    }
}

/// What a licence grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// UC sessions, one of the model's tiers. Counts sessions, not phones, users or calls (L06).
    Uc {
        /// How many.
        sessions: u32,
    },
    /// Intercompany Media Engine sessions, up to the TLS proxy limit.
    Ime,
}

/// One licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Licence {
    /// What it grants.
    pub feature: Feature,
    /// Its export class.
    pub class: ExportClass,
    /// First second since 1970 at which it no longer holds; `None` for ever.
    pub expires: Option<u64>,
}

impl Licence {
    /// A licence without end.
    #[must_use]
    pub const fn perpetual(feature: Feature, class: ExportClass) -> Self {
        Self {
            feature,
            class,
            expires: None,
        }
    }
}

/// The licences that hold at `now`, seconds since 1970 (L30).
#[must_use]
pub fn in_force(licences: &[Licence], now: u64) -> Vec<Licence> {
    licences
        .iter()
        .filter(|licence| licence.expires.is_none_or(|end| now < end))
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l30_a_licence_holds_until_its_last_second() {
        let timed = Licence {
            expires: Some(100),
            ..Licence::perpetual(Feature::Uc { sessions: 24 }, ExportClass::K8)
        };
        let ever = Licence::perpetual(Feature::Ime, ExportClass::K9);
        assert_eq!(in_force(&[timed, ever], 99), [timed, ever]);
        assert_eq!(in_force(&[timed, ever], 100), [ever]);
    }
}
