//! The appliance models and what each may be licensed for.

/// Where the TLS proxy limits of a model come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Published by the maker of the original.
    Published,
    /// Never published; ours, taken from the published model with the same top tier.
    Ours,
}

/// An appliance model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Model {
    /// Its name as people write it.
    pub name: &'static str,
    /// UC sessions without any licence (L24).
    pub base: u32,
    /// Sizes of UC licence that it takes, rising.
    pub tiers: &'static [u32],
    /// TLS proxy limit of a unit that nobody configured.
    pub tls_default: u32,
    /// Highest TLS proxy limit that may be set.
    pub tls_max: u32,
    /// Where the two TLS proxy limits come from.
    pub tls_origin: Origin,
}

/// UC licence with which phone proxy sessions are capped (L07).
pub(crate) const CAPPED_TIER: u32 = 10_000;
/// Most phone proxy sessions under that licence.
pub(crate) const PHONE_PROXY_CAP: u32 = 5_000;

const UP_TO_24: &[u32] = &[24];
const UP_TO_100: &[u32] = &[24, 50, 100];
const UP_TO_500: &[u32] = &[24, 50, 100, 250, 500];
const UP_TO_1000: &[u32] = &[24, 50, 100, 250, 500, 750, 1_000];
const UP_TO_2000: &[u32] = &[24, 50, 100, 250, 500, 750, 1_000, 2_000];
const UP_TO_3000: &[u32] = &[24, 50, 100, 250, 500, 750, 1_000, 2_000, 3_000];
const UP_TO_10000: &[u32] = &[
    24, 50, 100, 250, 500, 750, 1_000, 2_000, 3_000, 5_000, 10_000,
];

const fn published(
    name: &'static str,
    tiers: &'static [u32],
    tls_default: u32,
    tls_max: u32,
) -> Model {
    Model {
        name,
        base: 2,
        tiers,
        tls_default,
        tls_max,
        tls_origin: Origin::Published,
    }
}

const fn ours(name: &'static str, tiers: &'static [u32], tls_default: u32, tls_max: u32) -> Model {
    Model {
        tls_origin: Origin::Ours,
        ..published(name, tiers, tls_default, tls_max)
    }
}

/// Every model, oldest first.
pub static MODELS: [Model; 16] = [
    published("ASA5505", UP_TO_24, 10, 80),
    published("ASA5510", UP_TO_100, 100, 200),
    published("ASA5520", UP_TO_1000, 300, 1_200),
    published("ASA5540", UP_TO_2000, 1_000, 4_500),
    published("ASA5550", UP_TO_3000, 2_000, 4_500),
    published("ASA5580", UP_TO_10000, 4_000, 13_000),
    ours("ASA5512-X", UP_TO_500, 300, 1_200),
    ours("ASA5515-X", UP_TO_500, 300, 1_200),
    ours("ASA5525-X", UP_TO_1000, 300, 1_200),
    ours("ASA5545-X", UP_TO_2000, 1_000, 4_500),
    ours("ASA5555-X", UP_TO_3000, 2_000, 4_500),
    ours("ASA5585-X-SSP10", UP_TO_3000, 2_000, 4_500),
    ours("ASA5585-X-SSP20", UP_TO_10000, 4_000, 13_000),
    ours("ASA5585-X-SSP40", UP_TO_10000, 4_000, 13_000),
    ours("ASA5585-X-SSP60", UP_TO_10000, 4_000, 13_000),
    ours("ASASM", UP_TO_10000, 4_000, 13_000),
];

impl Model {
    /// The model that people mean by `name`, whatever its case, spaces and hyphens.
    #[must_use]
    pub fn by_name(name: &str) -> Option<&'static Self> {
        MODELS
            .iter()
            .find(|model| letters(model.name).eq(letters(name)))
    }

    /// The largest UC licence that it takes.
    #[must_use]
    pub fn top_tier(&self) -> u32 {
        self.tiers.last().copied().unwrap_or(self.base)
    }

    /// Sessions that an IME licence adds to the automatic TLS proxy limit (L29).
    ///
    /// The maker says only 'depending on your model'; ours is what the highest limit leaves
    /// above the top tier.
    #[must_use]
    pub fn ime_extra(&self) -> u32 {
        self.tls_max.saturating_sub(self.top_tier())
    }

    /// Whether a UC licence of `sessions` exists for it.
    #[must_use]
    pub fn takes(&self, sessions: u32) -> bool {
        self.tiers.contains(&sessions)
    }
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table 7.1 as published, one row a model: name, base, tiers, default, maximum.
    const TABLE: &str = "\
ASA5505,2,24,10,80
ASA5510,2,24|50|100,100,200
ASA5520,2,24|50|100|250|500|750|1000,300,1200
ASA5540,2,24|50|100|250|500|750|1000|2000,1000,4500
ASA5550,2,24|50|100|250|500|750|1000|2000|3000,2000,4500
ASA5580,2,24|50|100|250|500|750|1000|2000|3000|5000|10000,4000,13000
ASA5512-X,2,24|50|100|250|500,,
ASA5515-X,2,24|50|100|250|500,,
ASA5525-X,2,24|50|100|250|500|750|1000,,
ASA5545-X,2,24|50|100|250|500|750|1000|2000,,
ASA5555-X,2,24|50|100|250|500|750|1000|2000|3000,,
ASA5585-X-SSP10,2,24|50|100|250|500|750|1000|2000|3000,,
ASA5585-X-SSP20,2,24|50|100|250|500|750|1000|2000|3000|5000|10000,,
ASA5585-X-SSP40,2,24|50|100|250|500|750|1000|2000|3000|5000|10000,,
ASA5585-X-SSP60,2,24|50|100|250|500|750|1000|2000|3000|5000|10000,,
ASASM,2,24|50|100|250|500|750|1000|2000|3000|5000|10000,,";

    #[test]
    fn every_row_of_the_published_table_is_here() {
        assert_eq!(TABLE.lines().count(), MODELS.len());
        for row in TABLE.lines() {
            let fields: Vec<_> = row.split(',').collect();
            let model = Model::by_name(fields[0]).unwrap();
            assert_eq!(model.name, fields[0]);
            assert_eq!(model.base, fields[1].parse::<u32>().unwrap(), "{row}");
            let tiers: Vec<u32> = fields[2].split('|').map(|t| t.parse().unwrap()).collect();
            assert_eq!(model.tiers, tiers, "{row}");
            if fields[3].is_empty() {
                assert_eq!(model.tls_origin, Origin::Ours, "{row}");
            } else {
                let limits = (model.tls_default.to_string(), model.tls_max.to_string());
                assert_eq!(limits, (fields[3].into(), fields[4].into()), "{row}");
                assert_eq!(model.tls_origin, Origin::Published, "{row}");
            }
        }
    }

    #[test]
    fn limits_of_our_own_leave_room_for_the_top_tier() {
        for model in &MODELS {
            assert!(model.tls_default < model.tls_max, "{}", model.name);
            assert!(model.top_tier() <= model.tls_max, "{}", model.name);
            assert!(model.tiers.is_sorted(), "{}", model.name);
        }
    }

    #[test]
    fn l08_only_four_families_take_the_capped_tier() {
        let holders: Vec<_> = MODELS
            .iter()
            .filter(|m| m.takes(CAPPED_TIER))
            .map(|m| m.name)
            .collect();
        let expected = [
            "ASA5580",
            "ASA5585-X-SSP20",
            "ASA5585-X-SSP40",
            "ASA5585-X-SSP60",
            "ASASM",
        ];
        assert_eq!(holders, expected);
    }

    #[test]
    fn derived_columns_of_table_7_2_hold() {
        let rows: [(&str, &[u32], u32, u32); 6] = [
            ("ASA5505", &[24], 24, 56),
            ("ASA5510", &[], 100, 100),
            ("ASA5520", &[500, 750, 1000], 1000, 200),
            ("ASA5540", &[2000], 2000, 2500),
            ("ASA5550", &[3000], 3000, 1500),
            ("ASA5580", &[5000, 10000], 10000, 3000),
        ];
        for (name, raising, top, left) in rows {
            let model = Model::by_name(name).unwrap();
            let above: Vec<_> = model
                .tiers
                .iter()
                .copied()
                .filter(|&t| t > model.tls_default)
                .collect();
            assert_eq!(above, raising, "{name}");
            assert_eq!((model.top_tier(), model.ime_extra()), (top, left), "{name}");
        }
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        for name in ["asa5512-x", "ASA 5512-X", "asa5512x"] {
            assert_eq!(Model::by_name(name).unwrap().name, "ASA5512-X");
        }
        assert!(Model::by_name("ASA5555").is_none());
        assert!(Model::by_name("").is_none());
    }
}
