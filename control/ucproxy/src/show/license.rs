//! `show license`: limits, units in use, and what may still be admitted.

use core::fmt;
use std::collections::BTreeMap;

use abi::Pool;
use abi::limits::{Limit, Limits, UNLIMITED};
use abi::usage::PoolUsage;
use license::{InUse, headroom};
use serde::Serialize;

use crate::region::View;
use crate::table::Table;

/// Limits and pools.
#[derive(Debug, Serialize)]
pub(crate) struct License {
    /// Limits by name; `null` is without limit.
    limits: BTreeMap<&'static str, Option<u64>>,
    ime_licensed: bool,
    pools: Vec<PoolView>,
    headroom: Headroom,
}

#[derive(Debug, Serialize)]
struct PoolView {
    name: &'static str,
    limit: Option<u64>,
    in_use: u64,
    most_used: u64,
    taken: u64,
    returned: u64,
}

/// Sessions of each kind that would still be admitted if no other kind took any; `null` is
/// without limit.
#[derive(Debug, Serialize)]
struct Headroom {
    phone_proxy: Option<u64>,
    uc: Option<u64>,
    mobility: Option<u64>,
    ime: Option<u64>,
}

impl License {
    /// Reads limits and pools.
    pub(crate) fn read(view: &View) -> Self {
        let limits = view.layout.limits();
        let usage = view.layout.usage();
        let read = |pool| usage.map_or_else(PoolUsage::default, |usage| usage.read(pool));
        let all = limits.map_or(Limits::UNLIMITED, |words| words.load());
        let by_name: BTreeMap<_, _> = Limit::ALL
            .iter()
            .filter(|(limit, _)| *limit != Limit::ImeLicensed)
            .map(|&(limit, name)| (name, bounded(limits.map_or(0, |words| words.get(limit)))))
            .collect();
        let pools = Pool::ALL
            .iter()
            .map(|&(pool, name)| pool_view(name, by_name.get(name).copied(), read(pool)))
            .collect();
        let in_use = InUse {
            total: read(Pool::TlsSessions).in_use,
            uc: read(Pool::UcSessions).in_use,
            phone_proxy: read(Pool::PhoneProxySessions).in_use,
        };
        Self {
            limits: by_name,
            ime_licensed: all.ime_licensed,
            pools,
            headroom: left(&all, &in_use),
        }
    }
}

fn pool_view(name: &'static str, limit: Option<Option<u64>>, usage: PoolUsage) -> PoolView {
    PoolView {
        name,
        limit: limit.flatten(),
        in_use: usage.in_use,
        most_used: usage.most_used,
        taken: usage.taken,
        returned: usage.returned,
    }
}

fn left(limits: &Limits, in_use: &InUse) -> Headroom {
    let left = headroom(limits, in_use);
    let unbounded = |value: u64, limit: u64| (limit != UNLIMITED).then_some(value);
    let total = limits.tls_sessions;
    let uc = limits.uc_sessions.min(total);
    Headroom {
        phone_proxy: unbounded(left.phone_proxy, limits.phone_proxy_sessions.min(uc)),
        uc: unbounded(left.uc, uc),
        mobility: unbounded(left.mobility, total),
        ime: if limits.ime_licensed {
            unbounded(left.ime, total)
        } else {
            Some(0)
        },
    }
}

const fn bounded(limit: u64) -> Option<u64> {
    if limit == UNLIMITED {
        None
    } else {
        Some(limit)
    }
}

/// The line of the original's `show version` that a pool stands for.
fn label(pool: &str) -> &'static str {
    match pool {
        "uc-sessions" => "Total UC Proxy Sessions",
        "phone-proxy-sessions" => "UC Phone Proxy Sessions",
        "tls-sessions" => "Total TLS Proxy Sessions",
        "srtp-sessions" => "SRTP Sessions",
        _ => "",
    }
}

fn shown(limit: Option<u64>) -> String {
    limit.map_or_else(|| "unlimited".into(), |limit| limit.to_string())
}

impl fmt::Display for License {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new([
            "pool",
            "limit",
            "in use",
            "most used",
            "taken",
            "returned",
            "as the original has it",
        ]);
        for pool in &self.pools {
            table.row([
                pool.name.into(),
                shown(pool.limit),
                pool.in_use.to_string(),
                pool.most_used.to_string(),
                pool.taken.to_string(),
                pool.returned.to_string(),
                label(pool.name).into(),
            ]);
        }
        let ime = if self.ime_licensed {
            "Enabled"
        } else {
            "Disabled"
        };
        let Headroom {
            phone_proxy,
            uc,
            mobility,
            ime: ime_left,
        } = self.headroom;
        writeln!(f, "{table}Intercompany Media Engine: {ime}")?;
        writeln!(
            f,
            "still admitted: phone proxy {}, other UC {}, mobility {}, IME {}",
            shown(phone_proxy),
            shown(uc),
            shown(mobility),
            shown(ime_left)
        )
    }
}
