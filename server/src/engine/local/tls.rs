//! The portal's own certificate authority and the certificates of its instances.

use super::{layout, process::Account};
use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use std::{fs, path::Path};
use time::{Duration, OffsetDateTime};

/// Signs the certificates of instances.
#[derive(Debug)]
pub struct Authority {
    pem: String,
    key: String,
}

impl Authority {
    /// The authority kept in `folder`, made at the first time.
    pub fn open(folder: &Path) -> Result<Self> {
        let (cert, key) = (folder.join("ca.crt"), folder.join("ca.key"));
        if !cert.exists() || !key.exists() {
            layout::folder(folder, 0o700, None)?;
            let pair = KeyPair::generate().context("making the key of the certificate authority")?;
            let params = params("Howdah certificate authority", Vec::new(), 20 * 365, |params| {
                params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
                params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            })?;
            let signed = params.self_signed(&pair).context("signing the certificate authority")?;
            layout::write_durably(&key, &pair.serialize_pem(), 0o600)?;
            layout::write_durably(&cert, &signed.pem(), 0o644)?;
        }
        let read = |path: &Path| fs::read_to_string(path).with_context(|| format!("reading {}", path.display()));
        Ok(Self { pem: read(&cert)?, key: read(&key)? })
    }

    /// The certificate that clients verify servers with.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Puts key and certificate of a server into `folder`, unless they are there.
    pub fn issue(&self, folder: &Path, name: &str, account: &Account) -> Result<()> {
        let (cert, key, ca) = (folder.join("server.crt"), folder.join("server.key"), folder.join("ca.crt"));
        let same_authority = fs::read_to_string(&ca).is_ok_and(|text| text == self.pem);
        if cert.exists() && key.exists() && same_authority {
            return Ok(());
        }
        let signer = KeyPair::from_pem(&self.key).context("the key of the certificate authority cannot be read")?;
        let issuer = Issuer::from_ca_cert_pem(&self.pem, signer).context("the certificate authority cannot be read")?;
        let pair = KeyPair::generate().context("making the key of an instance")?;
        let params = params(name, vec!["localhost".into(), "127.0.0.1".into()], 10 * 365, |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            params.use_authority_key_identifier_extension = true;
        })?;
        let signed = params.signed_by(&pair, &issuer).context("signing the certificate of an instance")?;
        layout::write(&key, &pair.serialize_pem(), 0o600, Some(account))?;
        layout::write(&cert, &signed.pem(), 0o644, Some(account))?;
        layout::write(&ca, &self.pem, 0o644, Some(account))
    }
}

fn params(name: &str, alternatives: Vec<String>, days: i64, more: impl FnOnce(&mut CertificateParams)) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(alternatives).context("naming a certificate")?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - Duration::days(1), now + Duration::days(days));
    more(&mut params);
    Ok(params)
}
