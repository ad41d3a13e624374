//! `license`: licence files on a unit, and the issuer's side.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use admin::{Granted, InstalledLicence, Request, Response};
use license::{ExportClass, Grant, IssuerKey, Model, date};

use crate::args::{Class, Issue, License};
use crate::change;
use crate::config;
use crate::out::{self, CliError, Outcome};
use crate::table::Table;

/// Carries a `license` command out.
pub(crate) fn run(runtime_dir: &Path, command: &License) -> Result<Outcome, CliError> {
    match command {
        License::Install { file, json } => {
            let text = String::from_utf8_lossy(&config::read(file)?).into_owned();
            let request = Request::InstallLicence { text };
            change::ask(runtime_dir, &request, &file.display().to_string(), *json)
        }
        License::Remove {
            serial,
            enforce,
            json,
        } => {
            let request = Request::RemoveLicence {
                serial: *serial,
                enforce: *enforce,
            };
            change::ask(runtime_dir, &request, &format!("licence {serial}"), *json)
        }
        License::Show { json } => show(runtime_dir, *json),
        License::Keygen { key, public } => keygen(key, public),
        License::Issue(issue) => sign(issue),
    }
}

fn show(runtime_dir: &Path, json: bool) -> Result<Outcome, CliError> {
    let response = change::call(runtime_dir, &Request::Licences)?;
    let Response::Licences { licences } = &response else {
        return change::answered(&response, "license", json);
    };
    if json {
        out::print_json(licences)?;
        return Ok(Outcome::Good);
    }
    let mut table = Table::new(["serial", "model", "uc", "ime", "class", "expires", "state"]);
    for licence in licences {
        table.row(row(licence));
    }
    out::print(&table.to_string())?;
    Ok(Outcome::Good)
}

/// What is not known of a licence that is not to be trusted is `-`.
fn row(licence: &InstalledLicence) -> [String; 7] {
    let [model, uc, ime, class, expires] = match &licence.grant {
        Some(grant) => granted(grant),
        None => ["-"; 5].map(str::to_owned),
    };
    let state = licence.problem.clone().unwrap_or_else(|| "holds".into());
    let serial = licence.serial.to_string();
    [serial, model, uc, ime, class, expires, state]
}

fn granted(grant: &Granted) -> [String; 5] {
    let uc = grant.uc_sessions.map(|sessions| sessions.to_string());
    [
        grant.model.clone(),
        uc.unwrap_or_default(),
        if grant.ime { "yes" } else { "no" }.into(),
        grant.class.clone(),
        grant.expires.map_or_else(|| "never".into(), date::shown),
    ]
}

fn keygen(key: &Path, public: &Path) -> Result<Outcome, CliError> {
    let failed = |error| CliError::Key {
        path: key.to_owned(),
        error,
    };
    let pem = IssuerKey::generate().map_err(failed)?;
    let pair = IssuerKey::from_pem(&pem).map_err(failed)?;
    write_new(key, 0o600, &pem)?;
    write_new(public, 0o644, &pair.public_pem())?;
    Ok(Outcome::Good)
}

/// Writes a file that must not be there yet: a key written over is gone for good.
fn write_new(path: &Path, mode: u32, text: &str) -> Result<(), CliError> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| CliError::Write {
            path: path.to_owned(),
            error,
        })
}

fn sign(issue: &Issue) -> Result<Outcome, CliError> {
    let text = String::from_utf8_lossy(&config::read(&issue.key)?).into_owned();
    let key = IssuerKey::from_pem(&text).map_err(|error| CliError::Key {
        path: issue.key.clone(),
        error,
    })?;
    let grant = Grant {
        serial: issue.serial,
        model: Model::by_name(&issue.model).ok_or(CliError::Model)?,
        tier: issue.tier,
        ime: issue.ime,
        class: match issue.class {
            Class::K8 => ExportClass::K8,
            Class::K9 => ExportClass::K9,
        },
        expires: issue.expires,
    };
    out::print(&key.issue(&grant)?)?;
    Ok(Outcome::Good)
}
