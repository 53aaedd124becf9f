//! The certificate of the encrypted doors: one pair for all, swapped whole while connections stand.

use arc_swap::ArcSwapOption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, crypto::CryptoProvider};
use std::sync::Arc;

/// Why a pair was not taken. What was in force stays.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No certificate could be read.
    #[error("the certificate file holds no certificate in PEM: name the file with the chain, the server's own first")]
    NoCertificate,
    /// No key could be read.
    #[error("the key file holds no private key in PEM: name the file with the key, without a passphrase")]
    NoKey,
    /// They belong to two pairs.
    #[error("the key is not that of the certificate: name the two files of one pair")]
    KeyMismatch,
    /// TLS cannot be done with them.
    #[error("certificate and key cannot be used for TLS ({0}): take an ECDSA (P-256, P-384), Ed25519 or RSA pair")]
    Unusable(String),
}

/// The pair in force.
#[derive(Debug, Default)]
pub struct Certificates(ArcSwapOption<CertifiedKey>);

impl Certificates {
    /// Puts a pair in force, for connections to come.
    ///
    /// # Errors
    /// [`CertificateError`]; then what was in force stays.
    pub fn install(&self, chain: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<(), CertificateError> {
        self.0.store(Some(Arc::new(read(chain, key, provider)?)));
        Ok(())
    }

    /// Whether there is one.
    pub fn is_there(&self) -> bool {
        self.0.load().is_some()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load_full()
    }
}

fn read(chain: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<CertifiedKey, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or(CertificateError::NoCertificate)?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| CertificateError::NoKey)?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::KeyMismatch,
        other => CertificateError::Unusable(other.to_string()),
    })
}
