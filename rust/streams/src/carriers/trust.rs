//! Which certificate of a forwarder is believed: issued by an authority we trust, for its name, valid now, and, where keys are
//! pinned, with one of these keys. All of that, or nothing is asked.

use crate::carriers::settings::CarrierSettings;
use data_encoding::BASE64;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerMisbehaved, RootCertStore, SignatureScheme,
};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Octets of SHA-256.
const PIN_OCTETS: usize = 32;

/// SHA-256 of a public key (SPKI).
type Pin = [u8; PIN_OCTETS];

/// Why a forwarder cannot be set up.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// A pin is none.
    #[error("the pin {0:?} is not the SHA-256 of a key in base64")]
    Pin(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// The authorities in a PEM file; those that cannot be read are passed over.
fn read_roots(pem: &str) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(CertificateDer::pem_slice_iter(pem.as_bytes()).flatten());
    Arc::new(roots)
}

/// How TLS is spoken with one forwarder. Sessions to resume are kept in it, so it is never shared with another forwarder.
///
/// # Errors
/// [`TrustError`].
pub fn client_config(settings: &CarrierSettings, alpn: &[u8]) -> Result<Arc<ClientConfig>, TrustError> {
    let (roots, pins) = (read_roots(&settings.roots), settings.pins.iter());
    let pins = pins.map(|pin| parse_pin(pin)).collect::<Result<Vec<_>, _>>()?;
    let provider = Arc::new(default_provider());
    let authorities: Arc<dyn ServerCertVerifier> = match roots.is_empty() {
        true => Arc::new(NoAuthority),
        false => WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
            .build()
            .map_err(|error| TrustError::Tls(error.to_string()))?,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TrustError::Tls(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AuthoritiesAndPins { authorities, pins }));
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    Ok(Arc::new(config))
}

fn parse_pin(text: &str) -> Result<Pin, TrustError> {
    let decoded = BASE64.decode(text.as_bytes()).ok();
    decoded.and_then(|pin| Pin::try_from(pin).ok()).ok_or_else(|| TrustError::Pin(text.to_owned()))
}

/// Checks issuer, name and dates first, then, where keys are pinned, the key.
#[derive(Debug)]
struct AuthoritiesAndPins {
    authorities: Arc<dyn ServerCertVerifier>,
    pins: Vec<Pin>,
}

impl ServerCertVerifier for AuthoritiesAndPins {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        if self.pins.is_empty() {
            return Ok(verified);
        }
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let pin: Pin = Sha256::digest(key.as_ref()).into();
        match self.pins.contains(&pin) {
            true => Ok(verified),
            false => Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// Without authorities no certificate is believed.
#[derive(Debug)]
struct NoAuthority;

impl ServerCertVerifier for NoAuthority {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Err(Error::InvalidCertificate(CertificateError::UnknownIssuer))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// Whether a handshake failed because of the certificate: a second try will hardly do better.
pub fn is_distrust(error: &std::io::Error) -> bool {
    matches!(tls_error(error), Some(Error::InvalidCertificate(_)))
}

fn tls_error(error: &std::io::Error) -> Option<&Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Error>())
}

/// Why a handshake failed, in words for the operator.
pub fn in_words(error: &std::io::Error, name: &str) -> String {
    match tls_error(error) {
        Some(Error::InvalidCertificate(bad)) => match bad {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("its certificate is not for the name {name}")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "its certificate has expired, or this machine's clock is wrong".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "its certificate is not valid yet, or this machine's clock is wrong".to_owned()
            }
            CertificateError::UnknownIssuer => "no authority that we trust has issued its certificate".to_owned(),
            CertificateError::ApplicationVerificationFailure => {
                "the key of its certificate is none of the pins".to_owned()
            }
            other => format!("its certificate cannot be used: {other}"),
        },
        Some(other) => format!("TLS failed: {other}"),
        None => format!("TLS failed: {error}"),
    }
}
