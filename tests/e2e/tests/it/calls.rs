//! Calls both ways through the proxy.

use e2e::error::Result;
use e2e::lab::Family;
use e2e::policy::Policy;
use e2e::scenario::{calls_both_ways, on_stage};
use e2e::stage::Setting;

fn with_policy(policy: Policy) -> Setting {
    Setting {
        policy,
        ..Setting::default()
    }
}

#[test]
fn nonsecure_cluster() -> Result<()> {
    on_stage(&Setting::default(), calls_both_ways)
}

#[test]
fn encrypted_cluster() -> Result<()> {
    let policy = Policy {
        secure: true,
        ..Policy::default()
    };
    on_stage(&with_policy(policy), calls_both_ways)
}

#[test]
fn handshakes_on_the_worker_itself() -> Result<()> {
    let policy = Policy {
        handshake_threads: 0,
        ..Policy::default()
    };
    on_stage(&with_policy(policy), calls_both_ways)
}

#[test]
fn the_other_library_of_tls() -> Result<()> {
    let policy = Policy {
        provider: "ring",
        secure: true,
        ..Policy::default()
    };
    on_stage(&with_policy(policy), calls_both_ways)
}

#[test]
fn ipv6() -> Result<()> {
    let setting = Setting {
        family: Family::V6,
        ..Setting::default()
    };
    on_stage(&setting, calls_both_ways)
}

#[test]
fn inside_network_on_a_vlan() -> Result<()> {
    let policy = Policy {
        inside_vlan: Some(100),
        ..Policy::default()
    };
    on_stage(&with_policy(policy), calls_both_ways)
}

#[test]
fn ten_calls_in_a_row_leave_nothing_behind() -> Result<()> {
    on_stage(&Setting::default(), |stage| {
        for _ in 0..10 {
            let (mut outside, mut inside) = stage.parties();
            e2e::call::dial(&mut outside, &mut inside)?;
            e2e::call::hang_up(&mut outside, &mut inside)?;
        }
        stage.wait_media_closed()
    })
}
