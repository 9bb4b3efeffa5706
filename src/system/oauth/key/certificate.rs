//! Certificates (RFC 5280), as far as a signed JWT needs them.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use crate::endpoint::moment::rfc_3339;
use crate::system::oauth::key::der::{self, GENERALIZED_TIME, Reader, SEQUENCE, UTC_TIME};
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::pem;
use crate::system::oauth::key::public::fingerprint_of;

/// The tag of the version, which is optional.
const VERSION: u8 = 0xa0;

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
        let mut body = Reader::new(der).enter(SEQUENCE)?.enter(SEQUENCE)?;
        let (first, _) = body.next()?;
        if first == VERSION {
            body.next()?; // the serial number
        }
        body.expect(SEQUENCE)?; // the algorithm of the signature
        body.expect(SEQUENCE)?; // the issuer
        let mut validity = body.enter(SEQUENCE)?;
        validity.next()?; // the begin
        let ends_at = time(validity.next()?)?;
        body.expect(SEQUENCE)?; // the subject
        let public_key = body.expect(SEQUENCE)?;
        Some(Certificate {
            thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, der)),
            fingerprint: fingerprint_of(&der::value(SEQUENCE, &[public_key])),
            ends: rfc_3339(&ends_at)?,
            ends_at,
        })
    }
}

/// A time by RFC 3339. A year of two digits is from 1950 to 2049 (RFC 5280 section 4.1.2.5.1).
fn time((tag, content): (u8, &[u8])) -> Option<String> {
    let text = std::str::from_utf8(content).ok().filter(|text| text.is_ascii())?;
    let full = match tag {
        UTC_TIME => {
            let century = if text.get(..2)? < "50" { "20" } else { "19" };
            format!("{century}{text}")
        }
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize| full.get(from..from + 2);
    let (month, day) = (part(4)?, part(6)?);
    let (hour, minute, second) = (part(8)?, part(10)?, part(12)?);
    let is_utc = full.get(14..)? == "Z";
    is_utc.then(|| format!("{}-{month}-{day}T{hour}:{minute}:{second}Z", &full[..4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_rfc_5280_writes_it() {
        for (tag, written, read) in [
            (UTC_TIME, "220502123709Z", Some("2022-05-02T12:37:09Z")),
            (UTC_TIME, "491231235959Z", Some("2049-12-31T23:59:59Z")),
            (UTC_TIME, "500101000000Z", Some("1950-01-01T00:00:00Z")),
            (GENERALIZED_TIME, "99991231235959Z", Some("9999-12-31T23:59:59Z")),
            (UTC_TIME, "2205021237Z", None),
            (UTC_TIME, "220502123709+0100", None),
            (UTC_TIME, "€", None),
            (GENERALIZED_TIME, "", None),
            (SEQUENCE, "220502123709Z", None),
        ] {
            assert_eq!(time((tag, written.as_bytes())).as_deref(), read, "{written}");
        }
    }
}
