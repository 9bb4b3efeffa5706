//! What a token that happens to be a JWT says of its own life.
//!
//! Read, never believed: nothing here verifies a signature, and a token that is no JWT is fine (RFC
//! 9068 section 6: to a client, an access token is opaque). The claims only shorten a life that the
//! token endpoint stated, or stand in where it stated none.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

/// What a JWT says of itself; all absent of a token that is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Claims {
    pub(crate) is_jwt: bool,
    /// The header's.
    pub(crate) alg: Option<String>,
    pub(crate) iss: Option<Value>,
    pub(crate) sub: Option<Value>,
    /// In order, so that lists of the same audiences are equal; one audience is a list of one.
    pub(crate) aud: Vec<String>,
    pub(crate) times: Times,
}

/// The claims about time, in seconds since the epoch (RFC 7519 sections 4.1.4 and 4.1.6).
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
pub(crate) struct Times {
    #[serde(default, deserialize_with = "lenient_seconds")]
    pub(crate) exp: Option<f64>,
    #[serde(default, deserialize_with = "lenient_seconds")]
    pub(crate) iat: Option<f64>,
}

#[derive(Deserialize)]
struct Body {
    iss: Option<Value>,
    sub: Option<Value>,
    aud: Option<Value>,
    #[serde(flatten)]
    times: Times,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

impl Claims {
    pub(crate) fn of(token: &str) -> Claims {
        let Ok(body) = jsonwebtoken::dangerous::insecure_decode_claims(token) else {
            return Claims::default();
        };
        let Body { iss, sub, aud, times } = body;
        let aud = match aud {
            None => Vec::new(),
            Some(Value::Array(list)) => list,
            Some(one) => vec![one],
        };
        let mut aud: Vec<_> = aud.iter().map(ToString::to_string).collect();
        aud.sort_unstable();
        Claims { is_jwt: true, alg: algorithm(token), iss, sub, aud, times }
    }
}

/// The `alg` of a JWT's header (RFC 7515 section 4.1.1).
pub(crate) fn algorithm(token: &str) -> Option<String> {
    let (header, _) = token.split_once('.')?;
    let header = URL_SAFE_NO_PAD.decode(header).ok()?;
    serde_json::from_slice(&header).ok().map(|Header { alg }| alg)
}

impl Times {
    /// `exp − iat`: the life that the issuer meant, whatever our clock says. A token that ends before
    /// it begins has a claim in the wrong unit, and says nothing.
    pub(crate) fn life(self) -> Option<Duration> {
        let life = self.exp?.floor() - self.iat?.floor();
        (life > 0.0).then(|| seconds(life))
    }

    /// `iat` and `exp`, as times since the epoch.
    pub(crate) fn claimed(self) -> (Option<Duration>, Option<Duration>) {
        (self.iat.map(|iat| seconds(iat.floor())), self.end())
    }

    /// `exp`, as a time since the epoch.
    pub(crate) fn end(self) -> Option<Duration> {
        Some(seconds(self.exp?.floor()))
    }
}

/// Seconds as servers write them, made a duration: negative is zero, the absurd is cut at a hundred
/// years (`NaN` is zero), so that no later sum can overflow.
pub(crate) fn seconds(seconds: f64) -> Duration {
    const HUNDRED_YEARS: f64 = 100.0 * 365.25 * 86_400.0;
    Duration::from_secs_f64(seconds.clamp(0.0, HUNDRED_YEARS).max(0.0))
}

/// A number, or a text that holds one; anything else counts as absent.
pub(crate) fn lenient_seconds<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    let number = match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    Ok(number.filter(|number| !number.is_nan()))
}

/// A text that is not empty; anything else counts as absent.
pub(crate) fn lenient_text<'de, D: serde::Deserializer<'de>, T: From<String>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(T::from(text)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(r#"{"alg":"HS256"}"#), part(claims), part("signature"))
    }

    #[test]
    fn the_life_of_a_jwt_is_exp_minus_iat() {
        let times = Claims::of(&jwt(r#"{"iat":1000,"exp":4600,"sub":"x"}"#)).times;
        assert_eq!(times.life(), Some(Duration::from_secs(3_600)));
        assert_eq!(times.end(), Some(Duration::from_secs(4_600)));
        let fractional = Claims::of(&jwt(r#"{"iat":1000.9,"exp":4600.9}"#)).times;
        assert_eq!(fractional.end(), Some(Duration::from_secs(4_600)));
        let secs = |secs| Some(Duration::from_secs(secs));
        assert_eq!(fractional.claimed(), (secs(1_000), secs(4_600)));
        for senseless in [r#"{"iat":1000,"exp":1000}"#, r#"{"iat":1000,"exp":999}"#] {
            assert_eq!(Claims::of(&jwt(senseless)).times.life(), None, "{senseless}");
        }
    }

    #[test]
    fn odd_claims_never_panic_and_never_overflow() {
        for (exp, end) in [
            ("-1", Some(Duration::ZERO)),
            ("\"123\"", Some(Duration::from_secs(123))),
            ("null", None),
            ("true", None),
            ("[]", None),
            ("1e308", Some(seconds(f64::MAX))),
            ("18446744073709551616", Some(seconds(f64::MAX))),
        ] {
            let times = Claims::of(&jwt(&format!(r#"{{"exp":{exp}}}"#))).times;
            assert_eq!(times.end(), end, "exp: {exp}");
            assert_eq!(times.life(), None);
        }
        let hundred_years = Duration::from_secs(36_525 * 86_400);
        assert_eq!(seconds(f64::MAX), hundred_years, "and no sum overflows");
        assert_eq!(seconds(f64::NAN), Duration::ZERO);
        assert_eq!(seconds(f64::NEG_INFINITY), Duration::ZERO);
    }

    #[test]
    fn a_token_that_is_no_jwt_says_nothing() {
        for token in ["", "opaque", "a.b", "a.b.c", "a.b.c.d.e", "..", "é.é.é"] {
            assert_eq!(Claims::of(token), Claims::default(), "{token}");
        }
    }
}
