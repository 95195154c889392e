//! The TLS phase: a full handshake, never a resumed one, with the certificate's verdict beside it.

use super::certificate::Recorder;
use super::fault::{self, Ended};
use super::request::ProbeRequest;
use super::trust::Trust;
use crate::api::Phase;
use crate::api::spec::{ServerNameUse, TlsVersion};
use crate::api::validated::Host;
use crate::evidence::probe::{Certificate, Fault};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What became of a handshake. A certificate may have been shown before it failed.
pub(super) struct Shaken {
    pub(super) certificate: Option<Certificate>,
    pub(super) result: Result<TlsStream<TcpStream>, Ended>,
}

/// Shakes hands within the deadline.
pub(super) async fn handshake(stream: TcpStream, trust: &Trust, request: &ProbeRequest, deadline: Instant) -> Shaken {
    let manner = request.manner;
    let Some(name) = server_name(&request.server_name) else {
        return Shaken { certificate: None, result: Err(Ended::new(Phase::Tls, Fault::LocalSocket)) };
    };
    // The configuration is shared but for its verifier, which writes down one probe's certificate. The
    // copy is a handful of reference counts.
    let recorder = Arc::new(Recorder::new(Arc::clone(&trust.anchors)));
    let mut config = ClientConfig::clone(match manner.max_version {
        TlsVersion::TLS13 => &trust.config,
        TlsVersion::TLS12 => &trust.config12,
    });
    config.enable_sni = manner.server_name == ServerNameUse::Sent;
    if manner.http2 {
        // Beside the older one, so that a server without it is not put to a refusal.
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    }
    config.dangerous().set_certificate_verifier(Arc::<Recorder>::clone(&recorder));
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let result = match timeout_at(deadline, connecting).await {
        Err(_) => Err(Ended::deadline(Phase::Tls)),
        Ok(Err(error)) => Err(fault::established(&error, Phase::Tls)),
        Ok(Ok(stream)) => Ok(stream),
    };
    Shaken { certificate: recorder.take(), result }
}

/// SNI carries names only, without a trailing dot; an address is checked against the certificate but
/// not sent.
fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Ip(ip) => Some(ServerName::from(*ip)),
        Host::Name(name) => ServerName::try_from(name.trim_end_matches('.').to_owned()).ok(),
    }
}
