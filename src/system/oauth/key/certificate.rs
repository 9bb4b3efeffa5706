//! Certificates (RFC 5280), as far as a signed JWT needs them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use crate::basics::der::{self, SEQUENCE};
use crate::endpoint::validity::{self, Validity};
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::pem;
use crate::system::oauth::key::public::fingerprint_of;

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// `x5t#S256`: the SHA-256 of the DER (RFC 7515 section 4.1.8).
    pub(crate) thumbprint: String,
    /// The fingerprint of the public key, as that of a private key.
    pub(crate) fingerprint: String,
    /// The last second in which it is valid, since the epoch.
    pub(crate) ends: Duration,
    /// The same by RFC 3339.
    pub(crate) ends_at: String,
}

impl Certificate {
    /// The certificates in a PEM.
    ///
    /// # Errors
    ///
    /// If there is none, or if one cannot be read.
    pub(crate) fn all_in(text: &str) -> Result<Vec<Certificate>, Flaw> {
        let ders = pem::certificates(text).map_err(|_| Flaw::CertificateDamaged)?;
        if ders.is_empty() {
            return Err(Flaw::NoCertificate);
        }
        let certificate = |der: &[u8]| Certificate::of(der).ok_or(Flaw::CertificateDamaged);
        ders.iter().map(|der| certificate(der)).collect()
    }

    fn of(der: &[u8]) -> Option<Certificate> {
        let mut body = validity::body(der)?;
        let Validity { ends, ends_at, .. } = Validity::in_body(&mut body)?;
        body.expect(SEQUENCE)?; // the subject
        let public_key = body.expect(SEQUENCE)?;
        Some(Certificate {
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, der)),
            fingerprint: fingerprint_of(&der::value(SEQUENCE, &[public_key])),
            ends,
            ends_at,
        })
    }
}
