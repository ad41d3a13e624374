//! The command line.

mod view;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use view::{Filter, Sessions as SessionsView, TlsProxy as TlsProxyView, View};

/// Checks, applies and watches ucproxy
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Args {
    /// Directory of shared memory, sockets and locks
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "/run/ucproxy"
    )]
    pub(crate) runtime_dir: PathBuf,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Report all that is wrong with a configuration
    Check {
        /// The configuration
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Put a configuration in force, all or nothing
    Apply {
        /// The configuration
        file: PathBuf,
        /// Check it only
        #[arg(long)]
        dry_run: bool,
        /// Close established sessions that it does not allow
        #[arg(long)]
        enforce: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Tell in words what a file would change in what runs
    Diff {
        /// The configuration; without it, the file that what runs came from
        file: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the configurations that ran, the newest first
    History {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Put a configuration that ran in force again
    Rollback {
        /// Its number in 'history'; without it, the newest that differs from what runs
        version: Option<u64>,
        /// Close established sessions that it does not allow
        #[arg(long)]
        enforce: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Limits of the TLS proxy
    TlsProxy {
        #[command(subcommand)]
        setting: TlsProxy,
    },
    /// Licence files: install, show and remove them, and issue them
    License {
        #[command(subcommand)]
        command: License,
    },
    /// Clear the running configuration; threads, devices and licences stay
    ClearConfiguration {
        /// This unit is a standby, and its primary is about to restore the configuration
        #[arg(long)]
        standby: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Media streams that no signalling sets up
    Media {
        #[command(subcommand)]
        command: Media,
    },
    /// Show what runs
    Show {
        #[command(subcommand)]
        view: View,
        /// Print JSON
        #[arg(long, global = true)]
        json: bool,
    },
    /// Watch what runs, live: sessions, licences, rates, workers, refusals
    Top,
    /// Print the reference of every configuration key, as Markdown
    Reference {
        /// Print the JSON Schema instead, by which editors complete and check the file
        #[arg(long)]
        schema: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum License {
    /// Install a licence file; it holds at once
    Install {
        /// The licence
        file: PathBuf,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the licences that are installed
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a licence; established sessions stay unless it is enforced
    Remove {
        /// Its serial number
        serial: u64,
        /// Close established sessions that what is left does not allow
        #[arg(long)]
        enforce: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make the pair of keys that licences are signed and checked with
    Keygen {
        /// File for the private key; it must not be there yet
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// File for the public key, which units name in license.issuers
        #[arg(long, value_name = "FILE")]
        public: PathBuf,
    },
    /// Sign a licence and print its file
    Issue(Issue),
}

/// What a licence is to say.
#[derive(Debug, clap::Args)]
pub(crate) struct Issue {
    /// File with the private key
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Serial number; use each once
    #[arg(long)]
    pub(crate) serial: u64,
    /// Model that it is for, such as ASA5520
    #[arg(long)]
    pub(crate) model: String,
    /// UC sessions, one of the model's tiers
    #[arg(long, value_name = "SESSIONS", required_unless_present = "ime")]
    pub(crate) tier: Option<u32>,
    /// Grant IME sessions
    #[arg(long)]
    pub(crate) ime: bool,
    /// Export class
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) class: Class,
    /// First day on which it no longer holds (UTC); without it, it has no end
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub(crate) expires: Option<u64>,
}

/// Export class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Class {
    /// Free to export: at most 1000 TLS proxy and 250 SRTP sessions
    K8,
    /// Export-restricted
    K9,
}

fn day(text: &str) -> Result<u64, &'static str> {
    license::date::parse(text).ok_or("expected a date such as 2027-01-31")
}

#[derive(Debug, Subcommand)]
pub(crate) enum Media {
    /// Open the streams of a file and no others; prints them with our ports
    Provision {
        /// One stream a line, as JSON; empty to close all
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum TlsProxy {
    /// Set the TLS proxy limit of the running configuration; it holds at once
    MaximumSessions {
        /// Sessions, or '?' for what the model takes
        #[arg(value_name = "N|?", value_parser = sessions)]
        sessions: Sessions,
        /// Close the newest established sessions above it
        #[arg(long)]
        enforce: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// A limit to set, or the wish to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sessions {
    /// What may be set?
    Which,
    /// Set this many.
    Most(u32),
}

fn sessions(text: &str) -> Result<Sessions, core::num::ParseIntError> {
    match text {
        "?" => Ok(Sessions::Which),
        number => number.parse().map(Sessions::Most),
    }
}
