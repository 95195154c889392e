//! Trust anchors, and the one TLS configuration that every probe under them shares.
//!
//! Building roots costs more than ten handshakes, so it happens once. Resumption is off: an
//! abbreviated handshake carries no certificate, and an expired one would stay unseen for as long as
//! a ticket lives.

use rustls::client::Resumption;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::Arc;

/// Why trust anchors could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    #[error("cannot read the certificates: the text is not PEM ({0})")]
    NotPem(String),
    #[error("the text holds no certificate: put one or more BEGIN CERTIFICATE blocks into it")]
    Empty,
    #[error("certificate {number} cannot serve as a trust anchor ({reason})")]
    BadAnchor { number: usize, reason: String },
    #[error("cannot set up TLS ({0})")]
    Tls(String),
}

/// What certificates are judged against, with the configuration of its handshakes. Cheap to clone.
#[derive(Clone)]
pub struct Trust {
    pub(super) config: Arc<ClientConfig>,
    /// The same, but never above TLS 1.2.
    pub(super) config12: Arc<ClientConfig>,
    pub(super) anchors: Arc<Anchors>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("pinned", &self.anchors.pinned.len()).finish_non_exhaustive()
    }
}

/// The roots, and the certificates that were given by name.
#[derive(Debug)]
pub(super) struct Anchors {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) roots: Arc<dyn ServerCertVerifier>,
    /// Given certificates: a server that presents one of them itself is trusted, as OpenSSL does.
    pub(super) pinned: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// The system's roots, or Mozilla's where the system has none (an image without a CA bundle),
    /// and `extra` beside them.
    pub(super) fn system(provider: &Arc<CryptoProvider>, extra: &[u8]) -> Result<Self, TrustError> {
        let pinned = if extra.is_empty() { Vec::new() } else { certificates(extra)? };
        let extra = pinned.iter().cloned();
        let platform = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(provider));
        let roots: Arc<dyn ServerCertVerifier> = if let Ok(verifier) = platform {
            Arc::new(verifier)
        } else {
            let mut store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
            add(&mut store, &pinned)?;
            webpki(store, provider)?
        };
        Self::new(provider, roots, pinned)
    }

    /// Only the given anchors.
    pub(super) fn only(provider: &Arc<CryptoProvider>, pem: &[u8]) -> Result<Self, TrustError> {
        let pinned = certificates(pem)?;
        let mut store = RootCertStore::empty();
        add(&mut store, &pinned)?;
        Self::new(provider, webpki(store, provider)?, pinned)
    }

    /// The same anchors for a connection that ends at an invalid certificate. Protocols are left to its user.
    pub(super) fn verifying(&self) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.config);
        config.dangerous().set_certificate_verifier(Arc::clone(&self.anchors.roots));
        config.alpn_protocols.clear();
        config
    }

    fn new(
        provider: &Arc<CryptoProvider>,
        roots: Arc<dyn ServerCertVerifier>,
        pinned: Vec<CertificateDer<'static>>,
    ) -> Result<Self, TrustError> {
        let anchors = Arc::new(Anchors { provider: Arc::clone(provider), roots, pinned });
        let config = configure(&anchors, rustls::DEFAULT_VERSIONS)?;
        let config12 = configure(&anchors, &[&rustls::version::TLS12])?;
        Ok(Self { config: Arc::new(config), config12: Arc::new(config12), anchors })
    }
}

fn configure(
    anchors: &Arc<Anchors>,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Result<ClientConfig, TrustError> {
    let recorder = Arc::new(super::certificate::Recorder::new(Arc::clone(anchors)));
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&anchors.provider))
        .with_protocol_versions(versions)
        .map_err(|e| TrustError::Tls(e.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(recorder)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn webpki(store: RootCertStore, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TrustError> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider))
        .build()
        .map_err(|e| TrustError::Tls(e.to_string()))?;
    Ok(verifier)
}

fn add(store: &mut RootCertStore, certificates: &[CertificateDer<'static>]) -> Result<(), TrustError> {
    for (index, certificate) in certificates.iter().enumerate() {
        store
            .add(certificate.clone())
            .map_err(|e| TrustError::BadAnchor { number: index + 1, reason: e.to_string() })?;
    }
    Ok(())
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let found = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| TrustError::NotPem(e.to_string()))?;
    if found.is_empty() { Err(TrustError::Empty) } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_that_cannot_be_used_say_why() {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let only = |pem: &str| Trust::only(&provider, pem.as_bytes()).unwrap_err().to_string();
        assert_eq!(only("nothing"), "the text holds no certificate: put one or more BEGIN CERTIFICATE blocks into it");
        let block = |body: &str| format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        let broken = only(&block("!"));
        assert!(broken.starts_with("cannot read the certificates: the text is not PEM ("), "{broken}");
        let path = std::path::PathBuf::from("/etc/roots.pem");
        let named = crate::observe::probe::ProberError::Anchors { path, source: TrustError::Empty };
        assert!(named.to_string().starts_with("cannot use the CA file /etc/roots.pem: the text holds no"), "{named}");
        let tls = TrustError::Tls("no cipher".to_owned());
        assert_eq!(tls.to_string(), "cannot set up TLS (no cipher)");
        let nonsense = only(&block("AAAA"));
        assert!(nonsense.starts_with("certificate 1 cannot serve as a trust anchor ("), "{nonsense}");
    }
}
