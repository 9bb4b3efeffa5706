//! The claims of a token, if it is a JWT.
//!
//! No signature is verified here. A token need not be a JWT: to a client, an access token is opaque (RFC 9068 section
//! 6). The claims can only shorten a life that the token endpoint stated. If it stated none, the claims give the
//! life.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::basics::bounds::{self, EARLIEST, number};

/// The claims of a JWT. A token that is no JWT has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Claims {
    pub(crate) is_jwt: bool,
    /// The `alg` of the header.
    pub(crate) alg: Option<String>,
    pub(crate) iss: Option<Value>,
    pub(crate) sub: Option<Value>,
    /// Sorted, so that two lists of the same audiences are equal. One audience is a list of one.
    pub(crate) aud: Vec<String>,
    pub(crate) times: Times,
}

/// The claims about time, since the epoch (RFC 7519 sections 4.1.4 and 4.1.6), in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Times {
    pub(crate) iat: Option<Duration>,
    pub(crate) exp: Option<Duration>,
}

#[derive(Deserialize)]
struct Body {
    iss: Option<Value>,
    sub: Option<Value>,
    aud: Option<Value>,
    #[serde(default)]
    iat: Value,
    #[serde(default)]
    exp: Value,
}

#[derive(Deserialize)]
struct Confirmation {
    #[serde(default)]
    cnf: Value,
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
        let Body { iss, sub, aud, iat, exp } = body;
        let times = Times::new(number(&iat), number(&exp));
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

/// The claim `cnf` of a JWT (RFC 7800), which says what the token is bound to. It is null if there is none. None if the token is
/// no JWT.
pub(crate) fn confirmation(token: &str) -> Option<Value> {
    let claims = jsonwebtoken::dangerous::insecure_decode_claims(token).ok();
    claims.map(|Confirmation { cnf }| cnf)
}

/// A text in the header of a JWT.
pub(crate) fn header_text(token: &str, name: &str) -> Option<String> {
    let (header, _) = token.split_once('.')?;
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    header.get(name)?.as_str().map(str::to_owned)
}

impl Times {
    /// Impossible claims count as absent: an `iat` before 2000 beside an `exp` after it, an `exp` that is not
    /// after its `iat`, and an `exp` before 2000 without an `iat`. (If the issuer's clock was never set, `exp −
    /// iat` still gives the life.)
    pub(crate) fn new(iat: Option<f64>, exp: Option<f64>) -> Times {
        let (iat, exp) = (iat.map(bounds::epoch), exp.map(bounds::epoch));
        match (iat, exp) {
            (Some(iat), Some(exp)) if exp <= iat => Times { iat: Some(iat), exp: None },
            (Some(iat), Some(exp)) if iat < EARLIEST && exp >= EARLIEST => {
                Times { iat: None, exp: Some(exp) }
            }
            (None, Some(exp)) if exp < EARLIEST => Times { iat: None, exp: None },
            _ => Times { iat, exp },
        }
    }

    /// `exp − iat`: the life that the issuer intended. It does not depend on our clock.
    pub(crate) fn life(self) -> Option<Duration> {
        self.exp?.checked_sub(self.iat?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", part(r#"{"alg":"HS256"}"#), part(claims), part("signature"))
    }

    fn times(claims: &str) -> Times {
        Claims::of(&jwt(claims)).times
    }

    fn secs(secs: u64) -> Option<Duration> {
        Some(Duration::from_secs(secs))
    }

    #[test]
    fn the_life_of_a_jwt_is_exp_minus_iat() {
        let whole = times(r#"{"iat":1000,"exp":4600,"sub":"x"}"#);
        assert_eq!((whole.iat, whole.exp, whole.life()), (secs(1_000), secs(4_600), secs(3_600)));
        let fractional = times(r#"{"iat":1000.9,"exp":4600.9}"#);
        assert_eq!(fractional, whole);
        for senseless in [r#"{"iat":1000,"exp":1000}"#, r#"{"iat":1735689600,"exp":0}"#] {
            assert_eq!(
                (times(senseless).life(), times(senseless).exp),
                (None, None),
                "{senseless}"
            );
        }
    }

    #[test]
    fn an_iat_that_was_never_set_counts_as_absent() {
        for (iat, exp, believed) in [
            (0, 946_684_799, true),
            (0, 946_684_800, false),
            (946_684_799, 1_735_689_600, false),
            (946_684_800, 1_735_689_600, true),
        ] {
            let times = times(&format!(r#"{{"iat":{iat},"exp":{exp}}}"#));
            assert_eq!(times.iat.is_some(), believed, "{iat} {exp}");
            assert_eq!(times.exp, secs(exp));
        }
    }

    #[test]
    fn odd_claims_never_panic_and_never_overflow() {
        for (exp, end) in [
            ("-1", None),
            ("\"123\"", None),
            ("\"946684800\"", secs(946_684_800)),
            ("null", None),
            ("true", None),
            ("[]", None),
            ("1735689600000", secs(1_735_689_600)),
            ("1e308", secs(253_402_300_799)),
            ("18446744073709551616", secs(18_446_744_073)), // nanoseconds, in 2554
        ] {
            let times = times(&format!(r#"{{"exp":{exp}}}"#));
            assert_eq!((times.exp, times.life()), (end, None), "exp: {exp}");
        }
    }

    #[test]
    fn a_token_that_is_no_jwt_has_no_claims() {
        for token in ["", "opaque", "a.b", "a.b.c", "a.b.c.d.e", "..", "é.é.é"] {
            assert_eq!(Claims::of(token), Claims::default(), "{token}");
        }
    }
}
