//! `show certificates`: what is in the policy in force, until when it holds, and what uses it.

use core::fmt;

use policy::HeldCertificate;
use serde::Serialize;

use crate::clock;
use crate::region::View;
use crate::table::Table;

const DAY: i64 = 86_400;

/// Every certificate of every trustpoint. Keys never come here: they are not in shared memory.
#[derive(Debug, Serialize)]
pub(crate) struct Certificates {
    certificates: Vec<Certificate>,
}

#[derive(Debug, Serialize)]
struct Certificate {
    trustpoint: String,
    /// `identity`, `chain`, `anchor` or `pinned`.
    role: &'static str,
    subject: String,
    issuer: String,
    serial: String,
    /// Seconds since 1970.
    not_before: i64,
    not_after: i64,
    /// Whole days until it ends; below zero once it has.
    days_left: i64,
    used_by: Vec<String>,
}

impl Certificates {
    /// Reads the policy in force.
    pub(crate) fn read(view: &View) -> Self {
        let now = i64::try_from(clock::wall_seconds()).unwrap_or(i64::MAX);
        let held = view.policy().map(|image| policy::certificates(&image));
        let held = held.unwrap_or_default().into_iter();
        Self {
            certificates: held.map(|held| certificate(held, now)).collect(),
        }
    }
}

fn certificate(held: HeldCertificate, now: i64) -> Certificate {
    Certificate {
        trustpoint: held.trustpoint,
        role: held.role.name(),
        subject: held.subject,
        issuer: held.issuer,
        serial: held.serial,
        not_before: held.not_before,
        not_after: held.not_after,
        days_left: held.not_after.saturating_sub(now).div_euclid(DAY),
        used_by: held.used_by,
    }
}

/// The day, UTC; a time before 1970 is shown as its first day.
fn day(seconds: i64) -> String {
    let shown = license::date::shown(u64::try_from(seconds).unwrap_or(0));
    shown.split(' ').next().unwrap_or_default().to_owned()
}

impl fmt::Display for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            "trustpoint",
            "role",
            "subject",
            "issuer",
            "serial",
            "from",
            "until",
            "days left",
            "used by",
        ]);
        for c in &self.certificates {
            table.row([
                c.trustpoint.clone(),
                c.role.into(),
                // Anybody may have written these.
                c.subject.escape_debug().to_string(),
                c.issuer.escape_debug().to_string(),
                c.serial.clone(),
                day(c.not_before),
                day(c.not_after),
                c.days_left.to_string(),
                c.used_by.join(" "),
            ]);
        }
        writeln!(f, "{table}{} certificates", self.certificates.len())
    }
}
