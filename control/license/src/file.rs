//! Licence files: what one grants, and its issuer's Ed25519 signature (RFC 8032) over all of it.
//!
//! ```text
//! ucproxy licence 1
//! serial: 17
//! model: ASA5520
//! features: uc, ime
//! tier: 750
//! class: K9
//! expires: 2027-01-01
//! signature: (base 64)
//! ```
//! There is one way to write each licence, so that no two files differ and mean the same. What
//! is signed is every octet before the line of the signature.

use core::fmt;

use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::date;
use crate::key::{ExportClass, Feature, Licence};
use crate::model::Model;
use crate::pem;

const HEAD: &str = "ucproxy licence 1";
const SIGNATURE: &str = "signature: ";
/// Longest licence file, in octets.
pub const LICENCE_OCTETS_MAX: usize = 4_096;

/// Ed25519 keys as RFC 8410 encodes them begin with this.
const PUBLIC_KEY_HEAD: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// What a licence file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its number; an issuer uses each once.
    pub serial: u64,
    /// The model that it is for.
    pub model: &'static Model,
    /// Sizes of the UC licence, if it is one: a tier of the model.
    pub tier: Option<u32>,
    /// Whether it grants IME sessions.
    pub ime: bool,
    /// Export class.
    pub class: ExportClass,
    /// First second since 1970 at which it no longer holds, the start of a day; `None` for ever.
    pub expires: Option<u64>,
}

/// Why a licence file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// It is not written as licences are.
    #[error("no licence file: it does not read as one")]
    Malformed,
    /// No appliance is called so.
    #[error("licence is for a model that does not exist")]
    UnknownModel,
    /// The model has no such tier.
    #[error("licence of a size that its model does not take")]
    Tier,
    /// No trusted issuer signed just these octets.
    #[error("licence is forged or was changed: no issuer in 'license.issuers' signed it")]
    Forged,
    /// It is for another model.
    #[error("licence is for {theirs}, this unit is {ours}")]
    OtherModel {
        /// The licence's.
        theirs: &'static str,
        /// The unit's.
        ours: &'static str,
    },
    /// Its time is over.
    #[error("licence expired")]
    Expired,
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an Ed25519 key in PEM, such as 'ucproxy license keygen' writes")]
pub struct KeyError;

/// Whose licences are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issuer([u8; 32]);

impl Issuer {
    /// Reads a public key (PEM, RFC 8410).
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = pem::read(text, "PUBLIC KEY").ok_or(KeyError)?;
        let key = der.strip_prefix(&PUBLIC_KEY_HEAD).ok_or(KeyError)?;
        Ok(Self(key.try_into().map_err(|_| KeyError)?))
    }
}

/// The private key that licences are signed with.
pub struct IssuerKey(Ed25519KeyPair);

impl fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuerKey")
    }
}

impl IssuerKey {
    /// Makes a key; returns it as PEM (PKCS #8).
    ///
    /// # Errors
    /// [`KeyError`] when the system has no randomness to give.
    pub fn generate() -> Result<String, KeyError> {
        let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| KeyError)?;
        Ok(pem::write(der.as_ref(), "PRIVATE KEY"))
    }

    /// Reads a private key (PEM, PKCS #8).
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = pem::read(text, "PRIVATE KEY").ok_or(KeyError)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der);
        pair.map(Self).map_err(|_| KeyError)
    }

    /// The public key as PEM: what goes into `license.issuers`.
    #[must_use]
    pub fn public_pem(&self) -> String {
        let key = self.0.public_key();
        pem::write(&[&PUBLIC_KEY_HEAD, key.as_ref()].concat(), "PUBLIC KEY")
    }

    /// The licence file of `grant`.
    ///
    /// # Errors
    /// [`GrantError::Tier`], and [`GrantError::Malformed`] for one that grants nothing or ends in
    /// the middle of a day.
    pub fn issue(&self, grant: &Grant) -> Result<String, GrantError> {
        let text = grant.to_string();
        if Grant::parse(&text)? != *grant {
            return Err(GrantError::Malformed);
        }
        let signature = pem::to_base64(self.0.sign(text.as_bytes()).as_ref());
        Ok(format!("{text}{SIGNATURE}{signature}\n"))
    }
}

impl Grant {
    /// Reads a licence file that one of `issuers` signed.
    ///
    /// # Errors
    /// All of [`GrantError`] but those of [`Grant::check`].
    pub fn read(text: &str, issuers: &[Issuer]) -> Result<Self, GrantError> {
        if text.len() > LICENCE_OCTETS_MAX {
            return Err(GrantError::Malformed);
        }
        let at = text.rfind(SIGNATURE).ok_or(GrantError::Malformed)?;
        let (signed, line) = text.split_at_checked(at).ok_or(GrantError::Malformed)?;
        let signature = line
            .strip_prefix(SIGNATURE)
            .and_then(|line| line.strip_suffix('\n'))
            .and_then(|letters| pem::from_base64(letters.as_bytes()))
            .ok_or(GrantError::Malformed)?;
        let is_signer = |issuer: &Issuer| {
            let key = UnparsedPublicKey::new(&ED25519, issuer.0);
            key.verify(signed.as_bytes(), &signature).is_ok()
        };
        if !issuers.iter().any(is_signer) {
            return Err(GrantError::Forged);
        }
        Self::parse(signed)
    }

    /// The serial number that a licence file bears, signed or not.
    #[must_use]
    pub fn claimed_serial(text: &str) -> Option<u64> {
        let mut lines = text.lines();
        let serial = lines.nth(1)?.strip_prefix("serial: ")?;
        serial.parse().ok()
    }

    /// Checks that it holds for a unit of `model` at `now`, seconds since 1970.
    ///
    /// # Errors
    /// [`GrantError::OtherModel`] and [`GrantError::Expired`].
    pub fn check(&self, model: &'static Model, now: u64) -> Result<(), GrantError> {
        if self.model.name != model.name {
            return Err(GrantError::OtherModel {
                theirs: self.model.name,
                ours: model.name,
            });
        }
        if self.expires.is_some_and(|end| end <= now) {
            return Err(GrantError::Expired);
        }
        Ok(())
    }

    /// The licences that it is made of.
    pub fn licences(&self) -> impl Iterator<Item = Licence> {
        let (class, expires) = (self.class, self.expires);
        let uc = self.tier.map(|sessions| Feature::Uc { sessions });
        let ime = self.ime.then_some(Feature::Ime);
        uc.into_iter().chain(ime).map(move |feature| Licence {
            feature,
            class,
            expires,
        })
    }

    fn parse(text: &str) -> Result<Self, GrantError> {
        let mut lines = text.lines();
        if lines.next() != Some(HEAD) {
            return Err(GrantError::Malformed);
        }
        let mut field = |name: &str| {
            let value = lines.next()?.strip_prefix(name)?.strip_prefix(": ");
            value.map(str::to_owned)
        };
        let malformed = GrantError::Malformed;
        let serial = field("serial").and_then(|v| v.parse().ok());
        let model = field("model").ok_or(malformed)?;
        let features = field("features").ok_or(malformed)?;
        let tier = field("tier").ok_or(malformed)?;
        let class = field("class").ok_or(malformed)?;
        let expires = field("expires").ok_or(malformed)?;
        let grant = Self {
            serial: serial.ok_or(malformed)?,
            model: Model::by_name(&model).ok_or(GrantError::UnknownModel)?,
            tier: match tier.as_str() {
                "none" => None,
                tier => Some(tier.parse().map_err(|_| malformed)?),
            },
            ime: features.ends_with("ime"),
            class: match class.as_str() {
                "K8" => ExportClass::K8,
                "K9" => ExportClass::K9,
                _ => return Err(malformed),
            },
            expires: match expires.as_str() {
                "never" => None,
                date => Some(date::parse(date).ok_or(malformed)?),
            },
        };
        if grant.to_string() != text || (grant.tier.is_none() && !grant.ime) {
            return Err(malformed);
        }
        if grant.tier.is_some_and(|tier| !grant.model.takes(tier)) {
            return Err(GrantError::Tier);
        }
        Ok(grant)
    }
}

impl fmt::Display for Grant {
    /// The lines that are signed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let features = match (self.tier.is_some(), self.ime) {
            (true, true) => "uc, ime",
            (true, false) => "uc",
            (false, true) => "ime",
            (false, false) => "none",
        };
        let none = || "none".to_owned();
        let tier = self.tier.map_or_else(none, |tier| tier.to_string());
        let expires = self.expires.map(date::shown);
        let expires = expires.as_deref().and_then(|text| text.get(..10));
        writeln!(f, "{HEAD}")?;
        writeln!(f, "serial: {}", self.serial)?;
        writeln!(f, "model: {}", self.model.name)?;
        writeln!(f, "features: {features}")?;
        writeln!(f, "tier: {tier}")?;
        writeln!(f, "class: {}", self.class.name())?;
        writeln!(f, "expires: {}", expires.unwrap_or("never"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::MODELS;

    fn model(name: &str) -> &'static Model {
        Model::by_name(name).unwrap()
    }

    fn grant() -> Grant {
        Grant {
            serial: 17,
            model: model("ASA5520"),
            tier: Some(750),
            ime: true,
            class: ExportClass::K9,
            expires: date::parse("2027-01-01"),
        }
    }

    fn issuer() -> (IssuerKey, Issuer) {
        let key = IssuerKey::from_pem(&IssuerKey::generate().unwrap()).unwrap();
        let public = Issuer::from_pem(&key.public_pem()).unwrap();
        (key, public)
    }

    #[test]
    fn a_licence_reads_as_documented() {
        let (key, issuer) = issuer();
        let text = key.issue(&grant()).unwrap();
        assert!(
            text.starts_with(
                "ucproxy licence 1\nserial: 17\nmodel: ASA5520\nfeatures: uc, ime\ntier: 750\n\
                 class: K9\nexpires: 2027-01-01\nsignature: "
            ),
            "{text}"
        );
        assert_eq!(Grant::read(&text, &[issuer]), Ok(grant()));
        assert_eq!(Grant::claimed_serial(&text), Some(17));
        assert_eq!(Grant::claimed_serial("serial: 17\n"), None);
    }

    #[test]
    fn every_tier_of_every_model_round_trips() {
        let (key, issuer) = issuer();
        for model in &MODELS {
            let tiers = model.tiers.iter().map(|&tier| Some(tier));
            for (tier, class) in tiers
                .chain([None])
                .flat_map(|t| [(t, ExportClass::K8), (t, ExportClass::K9)])
            {
                let grant = Grant {
                    model,
                    tier,
                    class,
                    ime: tier.is_none(),
                    expires: None,
                    ..grant()
                };
                let text = key.issue(&grant).unwrap();
                assert_eq!(Grant::read(&text, &[issuer]), Ok(grant));
            }
        }
    }

    #[test]
    fn any_other_octet_makes_it_forged_or_malformed() {
        let (key, issuer) = issuer();
        let text = key.issue(&grant()).unwrap();
        for at in 0..text.len() {
            let mut octets = text.clone().into_bytes();
            octets[at] ^= 1;
            let changed = String::from_utf8(octets).unwrap();
            assert!(Grant::read(&changed, &[issuer]).is_err(), "{changed}");
        }
        for len in 0..text.len() {
            assert!(Grant::read(&text[..len], &[issuer]).is_err());
        }
    }

    #[test]
    fn only_a_trusted_issuer_counts() {
        let ((key, ours), (_, other)) = (issuer(), issuer());
        let text = key.issue(&grant()).unwrap();
        assert_eq!(Grant::read(&text, &[other]), Err(GrantError::Forged));
        assert_eq!(Grant::read(&text, &[]), Err(GrantError::Forged));
        assert_eq!(Grant::read(&text, &[other, ours]), Ok(grant()));
    }

    #[test]
    fn another_model_and_a_past_day_are_refused() {
        let end = date::parse("2027-01-01").unwrap();
        assert_eq!(grant().check(model("ASA5520"), end - 1), Ok(()));
        assert_eq!(
            grant().check(model("ASA5520"), end),
            Err(GrantError::Expired)
        );
        let error = grant().check(model("ASA5510"), 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "licence is for ASA5520, this unit is ASA5510"
        );
    }

    #[test]
    fn what_makes_no_sense_is_not_issued() {
        let (key, _) = issuer();
        let tier = |tier| Grant { tier, ..grant() };
        assert_eq!(key.issue(&tier(Some(751))), Err(GrantError::Tier));
        let nothing = Grant {
            ime: false,
            ..tier(None)
        };
        assert_eq!(key.issue(&nothing), Err(GrantError::Malformed));
        let noon = Grant {
            expires: Some(43_200),
            ..grant()
        };
        assert_eq!(key.issue(&noon), Err(GrantError::Malformed));
    }

    #[test]
    fn keys_of_other_kinds_are_no_keys() {
        for text in [
            "",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        ] {
            assert_eq!(Issuer::from_pem(text), Err(KeyError));
            assert!(IssuerKey::from_pem(text).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,300}") {
            let _ = Grant::read(&text, &[]);
            let _ = Grant::parse(&text);
        }
    }
}
