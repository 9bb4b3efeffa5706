//! Any claims of a token about its own life. The first byte decides whether the rest is the whole token or a
//! JWT's claims, and whether the endpoint stated a life.
//!
//! The source gives its callers a token that expires when a simple reading of the claims says so, or an
//! error. It makes one exchange.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};

use crate::{block_on, duration, lenient, once, times};

const STATED: Duration = Duration::from_secs(3_600);
const ASSUMED: Duration = Duration::from_secs(300);

pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let stated = (choice & 2 != 0).then_some(STATED);
    let claims = (choice & 1 == 0).then_some(text);
    let token = match claims {
        Some(claims) => {
            let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
            format!("{}.{}.{}", part(r#"{"alg":"HS256"}"#), part(claims), part("signature"))
        }
        None => text.to_owned(),
    };

    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new();
    exchange.set_lifetime(stated);
    exchange.set_sticky(Some(&token));
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(clock.clone()).build();
    let got = block_on(source.token());
    assert_eq!(exchange.exchanges(), 1);
    let now = clock.now().since_epoch();
    let expected = claims.and_then(|claims| life(claims, stated, now));
    match got {
        Ok(got) => {
            assert_eq!(got.expose(), token);
            let life =
                got.expires_at().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap() - now;
            assert!(life >= Duration::from_secs(1), "a token that is over before it is used");
            assert!(stated.is_none_or(|stated| life <= stated));
            assert!(
                expected.is_none_or(|it| it == life),
                "{life:?} and not {expected:?}: {claims:?}"
            );
        }
        Err(error) => {
            // A shorter token may be a word of the error's own text.
            assert!(token.len() < 24 || !format!("{error:?} {error}").contains(&token));
            if expected.is_some_and(|it| it >= Duration::from_secs(1)) && token.len() <= 64 * 1024 {
                panic!("{error:?} of {claims:?}");
            }
            let kind = error.exchange().unwrap().kind();
            assert!(matches!(kind, ExchangeErrorKind::Malformed | ExchangeErrorKind::Expired));
        }
    }
}

/// None if the claims can only be read by a parser of our own.
fn life(claims: &str, stated: Option<Duration>, now: Duration) -> Option<Duration> {
    let members = ["iss", "sub", "aud", "exp", "iat"];
    if !members.iter().all(|member| once(claims, member)) {
        return None;
    }
    let Value::Object(claims) = serde_json::from_str(claims).ok()? else { return None };
    let (iat, exp) = times(lenient(claims.get("iat")), lenient(claims.get("exp")));
    let meant = iat.zip(exp).and_then(|(iat, exp)| exp.checked_sub(iat));
    let meant = meant.filter(|life| !life.is_zero());
    let life = match (stated, meant) {
        (Some(stated), meant) => stated.min(meant.unwrap_or(Duration::MAX)),
        (None, Some(meant)) => meant,
        (None, None) => exp.map_or(ASSUMED, |exp| exp.saturating_sub(now)),
    };
    Some(life.min(duration(f64::MAX)))
}
