//! `tcp`, `tls` and `rtp`.

use abi::policy::{RtpSettings, TcpSettings, TlsProvider, TlsSettings};

use super::runtime::workers_known;
use crate::document::Findings;
use crate::finding::Problem;
use crate::raw::{Provider, RawPolicy, RawRtp, RawTcp, RawTls};

/// Local ports that one worker needs at least.
const PORTS_A_WORKER: u64 = 64;

/// Checks `tcp`.
pub(crate) fn tcp(findings: &mut Findings<'_>, raw: &RawPolicy) -> TcpSettings {
    let tcp: &RawTcp = &raw.tcp;
    let ports = tcp.ports.value;
    let (count, workers) = (
        u64::from(ports.last - ports.first) + 1,
        raw.runtime.workers.0,
    );
    if count < workers * PORTS_A_WORKER && workers_known(findings, &raw.runtime) {
        let message =
            format!("{count} ports for {workers} workers, expected at least {PORTS_A_WORKER} each");
        findings.error(tcp.ports.node, Problem::OutOfRange, message);
    }
    if tcp.keepalive.units() >= tcp.dead_timeout.units() {
        let message = "keepalive is not below dead_timeout, so no keepalive is ever sent";
        findings.warning(tcp.keepalive.node, Problem::Conflict, message);
    }
    TcpSettings {
        rx_buffer: u32::try_from(tcp.rx_buffer.0).unwrap_or(u32::MAX),
        tx_buffer: u32::try_from(tcp.tx_buffer.0).unwrap_or(u32::MAX),
        connect_ms: tcp.connect_timeout.units(),
        keepalive_ms: tcp.keepalive.units(),
        dead_ms: tcp.dead_timeout.units(),
        idle_ms: tcp.idle_timeout.units(),
        stall_ms: tcp.stall_timeout.units(),
        ports: (ports.first, ports.last),
    }
}

/// Checks `tls`.
pub(crate) fn tls(tls: &RawTls) -> TlsSettings {
    TlsSettings {
        provider: match tls.provider.value {
            Provider::AwsLcRs => TlsProvider::AwsLcRs,
            Provider::Ring => TlsProvider::Ring,
        },
        handshake_ms: tls.handshake_timeout.units(),
        handshakes_per_source: tls.handshakes_per_source.to(),
    }
}

/// Checks `rtp`.
pub(crate) fn rtp(rtp: &RawRtp) -> RtpSettings {
    RtpSettings {
        replay_window: rtp.replay_window.to(),
        sources_max: rtp.sources_max.to(),
    }
}
