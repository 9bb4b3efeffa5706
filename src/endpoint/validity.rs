//! From when until when a certificate is valid (RFC 5280 section 4.1.2.5).

use std::time::Duration;

use crate::basics::der::{GENERALIZED_TIME, Reader, SEQUENCE, UTC_TIME};
use crate::endpoint::moment::rfc_3339;

/// The tag of the version, which is optional.
const VERSION: u8 = 0xa0;

/// The dates of a certificate, since the epoch and by RFC 3339. Both seconds belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) begins: Duration,
    pub(crate) begins_at: String,
    pub(crate) ends: Duration,
    pub(crate) ends_at: String,
}

impl Validity {
    /// The dates in a certificate's DER.
    #[cfg(feature = "client")]
    pub(crate) fn of(der: &[u8]) -> Option<Validity> {
        Validity::in_body(&mut body(der)?)
    }

    /// The dates, if the reader stands at the algorithm of the signature.
    pub(crate) fn in_body(body: &mut Reader<'_>) -> Option<Validity> {
        body.expect(SEQUENCE)?; // the algorithm of the signature
        body.expect(SEQUENCE)?; // the issuer
        let mut validity = body.enter(SEQUENCE)?;
        let begins_at = time(validity.next()?)?;
        let ends_at = time(validity.next()?)?;
        let (begins, ends) = (rfc_3339(&begins_at)?, rfc_3339(&ends_at)?);
        Some(Validity { begins, begins_at, ends, ends_at })
    }

    /// # Errors
    ///
    /// If `now`, since the epoch, is outside. The text has the date.
    #[cfg(feature = "client")]
    pub(crate) fn check(&self, now: Duration) -> Result<(), String> {
        if now < self.begins {
            return Err(format!(
                "the certificate is not valid before {}: check the clock of this machine, or wait",
                self.begins_at
            ));
        }
        if now.as_secs() > self.ends.as_secs() {
            return Err(format!(
                "the certificate was valid until {}: put a new one there, and register it at the provider",
                self.ends_at
            ));
        }
        Ok(())
    }
}

/// A reader of the certificate's body, behind its serial number.
pub(crate) fn body(der: &[u8]) -> Option<Reader<'_>> {
    let mut body = Reader::new(der).enter(SEQUENCE)?.enter(SEQUENCE)?;
    let (first, _) = body.next()?;
    if first == VERSION {
        body.next()?; // the serial number
    }
    Some(body)
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

    #[cfg(feature = "client")]
    #[test]
    fn both_dates_of_a_certificate_belong_to_its_life() {
        // RFC 8705 appendix A.
        let der = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwE\
             bXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsD\
             Sb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2\
             DmFfQj1L+SY=",
        );
        let validity = Validity::of(&der.unwrap()).unwrap();
        assert_eq!(
            (&*validity.begins_at, &*validity.ends_at),
            ("2018-10-18T12:37:09Z", "2022-05-02T12:37:09Z")
        );
        let second = Duration::from_secs(1);
        assert!(validity.check(validity.begins).is_ok());
        assert!(validity.check(validity.ends + Duration::from_millis(999)).is_ok());
        let early = validity.check(validity.begins - second).unwrap_err();
        assert!(early.contains("not valid before 2018-10-18T12:37:09Z"), "{early}");
        let late = validity.check(validity.ends + second).unwrap_err();
        assert!(late.contains("was valid until 2022-05-02T12:37:09Z"), "{late}");
    }

    #[test]
    fn what_is_no_certificate_has_no_dates() {
        for der in [&[][..], &[0x30, 0], &[0x30, 4, 0x30, 2, 2, 0], &[0xff; 40]] {
            assert!(body(der).is_none_or(|mut body| Validity::in_body(&mut body).is_none()));
        }
    }
}
