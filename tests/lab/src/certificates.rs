//! A certificate authority of the lab's own, and leaves in every state that a diagnosis must tell apart.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use serde::Deserialize;
use time::{Duration, OffsetDateTime};

/// What is right or wrong with a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    Valid,
    /// Ended yesterday.
    Expired,
    /// Begins tomorrow.
    NotYetValid,
    /// Valid for ten more days: under the fourteen that count as a risk.
    Expiring,
    /// Valid, for another name.
    Mismatch,
    /// Signed by itself, for the right name.
    SelfSigned,
}

/// A certificate and its key as PEM files.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Certificate and key in one file, as HAProxy wants them.
    pub bundle: PathBuf,
}

/// A certificate authority whose files live in a folder that the caller keeps.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(folder: &Path) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Leeward lab CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?).context("signing the lab's CA")?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("ca.crt"), issuer.pem())?;
        Ok(Self { folder: folder.to_owned(), issuer })
    }

    /// The CA's certificate as a PEM file.
    pub fn file(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A leaf for `names` (host names or IP addresses) in the given state; files are named after `label`.
    pub fn leaf(&self, label: &str, names: &[&str], state: State) -> Result<Leaf> {
        let now = OffsetDateTime::now_utc();
        let names: Vec<String> = match state {
            State::Mismatch => vec!["other.example.net".to_owned()],
            _ => names.iter().map(|&name| name.to_owned()).collect(),
        };
        let mut params = CertificateParams::new(names.clone())?;
        let common_name = names.iter().find(|name| name.parse::<IpAddr>().is_err()).map_or("leaf", String::as_str);
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        (params.not_before, params.not_after) = match state {
            State::Expired => (now - Duration::days(90), now - Duration::days(1)),
            State::NotYetValid => (now + Duration::days(1), now + Duration::days(90)),
            State::Expiring => (now - Duration::days(80), now + Duration::days(10)),
            State::Valid | State::Mismatch | State::SelfSigned => (now - Duration::days(1), now + Duration::days(90)),
        };
        let key = KeyPair::generate()?;
        let certificate = match state {
            State::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.issuer),
        }
        .with_context(|| format!("signing a certificate for {names:?}"))?;

        let leaf = Leaf {
            certificate: self.folder.join(format!("{label}.crt")),
            key: self.folder.join(format!("{label}.key")),
            bundle: self.folder.join(format!("{label}.pem")),
        };
        std::fs::write(&leaf.certificate, certificate.pem())?;
        std::fs::write(&leaf.key, key.serialize_pem())?;
        std::fs::write(&leaf.bundle, format!("{}{}", certificate.pem(), key.serialize_pem()))?;
        Ok(leaf)
    }
}
