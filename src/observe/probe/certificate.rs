//! The verdict on a presented certificate, recorded while the handshake goes on.
//!
//! A verifying client would hang up; a probe wants to know both what is wrong with the certificate
//! and whether the server behind it answers. Nothing secret is ever sent, and the signatures of the
//! handshake are still checked: the peer must hold the key of the certificate that it shows.

use super::trust::Anchors;
use crate::evidence::probe::{CertVerdict, Certificate};
use jiff::Timestamp;
use parking_lot::Mutex;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::Arc;
use x509_cert::der::{Decode, Encode};

/// A verifier that writes down its verdict and says yes.
#[derive(Debug)]
pub(super) struct Recorder {
    anchors: Arc<Anchors>,
    seen: Mutex<Option<Certificate>>,
}

impl Recorder {
    pub(super) fn new(anchors: Arc<Anchors>) -> Self {
        Self { anchors, seen: Mutex::new(None) }
    }

    /// The certificate that was presented, once one was.
    pub(super) fn take(&self) -> Option<Certificate> {
        self.seen.lock().take()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let presented = Presented { end_entity, intermediates, server_name, ocsp_response, now };
        *self.seen.lock() = Some(presented.judge(&self.anchors));
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.anchors.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.anchors.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.anchors.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Everything that a verdict needs.
struct Presented<'a> {
    end_entity: &'a CertificateDer<'a>,
    intermediates: &'a [CertificateDer<'a>],
    server_name: &'a ServerName<'a>,
    ocsp_response: &'a [u8],
    now: UnixTime,
}

impl Presented<'_> {
    /// Dates, then name, then trust: the first that is wrong is the verdict.
    fn judge(&self, anchors: &Anchors) -> Certificate {
        let Some(leaf) = Leaf::parse(self.end_entity) else {
            return Certificate {
                verdict: CertVerdict::Invalid,
                not_before: Timestamp::UNIX_EPOCH,
                not_after: Timestamp::UNIX_EPOCH,
                self_signed: false,
            };
        };
        let now = i64::try_from(self.now.as_secs())
            .ok()
            .and_then(|s| Timestamp::from_second(s).ok())
            .unwrap_or(Timestamp::MAX);
        let verdict = if now > leaf.not_after {
            CertVerdict::Expired
        } else if now < leaf.not_before {
            CertVerdict::NotYetValid
        } else {
            self.name().or_else(|| self.trust(anchors)).unwrap_or(CertVerdict::Valid)
        };
        Certificate { verdict, not_before: leaf.not_before, not_after: leaf.not_after, self_signed: leaf.self_signed }
    }

    fn name(&self) -> Option<CertVerdict> {
        match rustls::server::ParsedCertificate::try_from(self.end_entity) {
            Err(_) => Some(CertVerdict::Invalid),
            Ok(parsed) => {
                rustls::client::verify_server_name(&parsed, self.server_name).err().map(|_| CertVerdict::Mismatch)
            }
        }
    }

    fn trust(&self, anchors: &Anchors) -> Option<CertVerdict> {
        if anchors.pinned.iter().any(|pinned| pinned.as_ref() == self.end_entity.as_ref()) {
            return None;
        }
        anchors
            .roots
            .verify_server_cert(self.end_entity, self.intermediates, self.server_name, self.ocsp_response, self.now)
            .err()
            .map(|error| match error {
                Error::InvalidCertificate(
                    CertificateError::BadEncoding
                    | CertificateError::Revoked
                    | CertificateError::UnhandledCriticalExtension
                    | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
                    | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
                ) => CertVerdict::Invalid,
                // The leaf's dates are good here, so an expired certificate is one of the chain: no path to a root.
                _ => CertVerdict::Untrusted,
            })
    }
}

struct Leaf {
    not_before: Timestamp,
    not_after: Timestamp,
    self_signed: bool,
}

impl Leaf {
    fn parse(der: &CertificateDer<'_>) -> Option<Self> {
        let parsed = x509_cert::Certificate::from_der(der.as_ref()).ok()?;
        let tbs = parsed.tbs_certificate();
        let moment = |time: &x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).ok().and_then(|s| Timestamp::from_second(s).ok())
        };
        Some(Self {
            not_before: moment(&tbs.validity().not_before)?,
            not_after: moment(&tbs.validity().not_after)?,
            self_signed: tbs.subject().to_der().ok()? == tbs.issuer().to_der().ok()?,
        })
    }
}
