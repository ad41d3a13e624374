//! What is taken up to its limits, and where those are.

use license::{ExportClass, Feature, Licence, MODELS, Model, entitle};

/// A model under a licence of its largest tier, with its highest TLS proxy limit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) model: &'static Model,
    pub(crate) class: ExportClass,
    /// Where the licence ends.
    pub(crate) licensed: Stop,
    /// Where the model ends, whatever the licence.
    pub(crate) most: Stop,
}

/// Sessions that are admitted, and what the next one is refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) sessions: usize,
    pub(crate) reason: &'static str,
}

impl Plan {
    /// Of `model` under a licence of `class`.
    pub(crate) fn of(model: &'static Model, class: ExportClass) -> Result<Self, String> {
        let uc = Feature::Uc {
            sessions: model.top_tier(),
        };
        let licence = Licence::perpetual(uc, class);
        let granted = entitle(model, &[licence], Some(model.tls_max)).map_err(|e| e.to_string())?;
        // In the order in which admission asks.
        let limits = [
            (granted.tls_sessions, "limit-tls-sessions"),
            (granted.uc_sessions, "limit-uc-sessions"),
            (granted.phone_proxy_sessions, "limit-phone-proxy-sessions"),
        ];
        let lowest = limits.iter().min_by_key(|(sessions, _)| *sessions);
        let &(sessions, reason) = lowest.ok_or("no limits")?;
        let most = match class {
            ExportClass::K8 => granted.tls_sessions,
            ExportClass::K9 => model.tls_max,
        };
        Ok(Self {
            model,
            class,
            licensed: Stop::at(sessions, reason)?,
            most: Stop::at(most, "limit-tls-sessions")?,
        })
    }

    /// Every model, and one that export class K8 limits; only two of them in the `short` set.
    pub(crate) fn all(short: bool) -> Result<Vec<Self>, String> {
        let weak = Self::of(model("ASA5520")?, ExportClass::K8)?;
        if short {
            return Ok(vec![Self::of(model("ASA5505")?, ExportClass::K9)?, weak]);
        }
        let models = MODELS.iter().map(|m| Self::of(m, ExportClass::K9));
        models.chain([Ok(weak)]).collect()
    }

    /// The names of all plans that there may be, and what sets them apart.
    pub(crate) fn names() -> Vec<(String, &'static str)> {
        let weak = "under export class K8";
        let both = |model: &Model| {
            let name = model.name;
            [(name.to_owned(), ""), (format!("{name} K8"), weak)]
        };
        MODELS.iter().flat_map(both).collect()
    }

    /// The plan of that name, as [`Self::name`] has it.
    pub(crate) fn by_name(name: &str) -> Result<Self, String> {
        match name.strip_suffix(" K8") {
            Some(name) => Self::of(model(name)?, ExportClass::K8),
            None => Self::of(model(name)?, ExportClass::K9),
        }
    }

    /// The model, with its export class if that is what limits it.
    pub(crate) fn name(&self) -> String {
        match self.class {
            ExportClass::K8 => format!("{} K8", self.model.name),
            ExportClass::K9 => self.model.name.to_owned(),
        }
    }
}

impl Stop {
    fn at(sessions: u32, reason: &'static str) -> Result<Self, String> {
        Ok(Self {
            sessions: usize::try_from(sessions).map_err(|e| e.to_string())?,
            reason,
        })
    }
}

fn model(name: &str) -> Result<&'static Model, String> {
    Model::by_name(name).ok_or_else(|| format!("{name}: no such model"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_ends_at_what_its_licence_and_its_size_allow() {
        let rows = [
            ("ASA5505", 24, "limit-uc-sessions", 80),
            ("ASA5520", 1_000, "limit-uc-sessions", 1_200),
            ("ASA5520 K8", 1_000, "limit-tls-sessions", 1_000),
            ("ASA5580", 5_000, "limit-phone-proxy-sessions", 13_000),
            ("ASA5585-X-SSP10", 3_000, "limit-uc-sessions", 4_500),
        ];
        for (name, sessions, reason, most) in rows {
            let plan = Plan::by_name(name).unwrap();
            assert_eq!(plan.name(), name);
            assert_eq!(plan.licensed, Stop { sessions, reason }, "{name}");
            assert_eq!(plan.most.sessions, most, "{name}");
        }
        assert!(Plan::by_name("ASA1").is_err());
        for (name, _) in Plan::names() {
            assert_eq!(Plan::by_name(&name).unwrap().name(), name);
        }
    }

    #[test]
    fn the_full_set_has_every_model() {
        let all = Plan::all(false).unwrap();
        let named = |name: &str| all.iter().any(|plan| plan.model.name == name);
        assert!(MODELS.iter().all(|model| named(model.name)));
        assert_eq!(Plan::all(true).unwrap().len(), 2);
    }
}
