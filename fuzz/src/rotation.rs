//! Any new tokens in responses. Each line of the input is a response. Its first byte decides how the rest is
//! used: as claims that are signed (`s`), signed with another key (`w`), in a cached response (`c`), beside
//! another token (`2`), signed in a response that comes last (`h`), or as the raw value of the header.
//!
//! 1. A new token is adopted only if it is signed, has the same issuer, subject and audience, has not expired, and
//!    lives no longer than the first. A correct one is always adopted.
//! 2. A late response never brings back an older token.
//! 3. The caller sees none of them, and no response causes an exchange.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{AGE, AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{Empty, Full};
use ring::hmac;
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::system::Rotating;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

use crate::{block_on, lenient, once, times};

const API: &str = "https://api.example";
const KEY: &str = "the client's secret";
/// The first time of the manual clock.
const NOW: u64 = 1_735_689_600;
const LIFE: u64 = 3_600;
const LEEWAY: f64 = 60.0;
const MAX_LEN: usize = 16 * 1024;

type Source = TokenSource<Rotating>;

pub fn run(data: &[u8]) {
    let clock = ManualClock::new();
    assert_eq!(clock.now().since_epoch().as_secs(), NOW);
    let exchange = ScriptedExchange::new();
    let first = format!(r#"{{"iss":"i","sub":"s","aud":"a","iat":{NOW},"exp":{}}}"#, NOW + LIFE);
    exchange.set_sticky(Some(&signed(first.as_bytes(), KEY)));
    let scheme = Rotating::new(API, "id", KEY).unwrap();
    let source = TokenSource::builder(scheme, exchange.clone()).clock(clock).build();
    block_on(source.token()).unwrap();

    let mut held = Vec::new();
    for line in data.split(|byte| *byte == b'\n').take(16) {
        let mut call = Call::begin(&source);
        if line.first() == Some(&b'h') {
            held.push((call, line));
            continue;
        }
        let before = current(&source);
        let headers = headers(line);
        call.end(headers.clone());
        check(&before, &current(&source), line, &headers, false);
    }
    for (mut call, line) in held {
        let before = current(&source);
        let late = call.used != before;
        let headers = headers(line);
        call.end(headers.clone());
        check(&before, &current(&source), line, &headers, late);
    }
    let counters = source.status().counters;
    assert_eq!((exchange.exchanges(), counters.exchanges()), (1, 1));
    assert!(counters.rotations_adopted + counters.rotations_not_adopted() <= 16);
}

fn current(source: &Source) -> String {
    block_on(source.token()).unwrap().expose().to_owned()
}

fn headers(line: &[u8]) -> HeaderMap {
    let (kind, rest) = line.split_first().map_or((0, line), |(kind, rest)| (*kind, rest));
    let mut headers = HeaderMap::new();
    let bearer = |token: String| HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    match kind {
        b's' | b'h' | b'c' | b'2' => {
            headers.append(AUTHORIZATION, bearer(signed(rest, KEY)));
        }
        b'w' => {
            headers.append(AUTHORIZATION, bearer(signed(rest, "another key")));
        }
        _ => {
            if let Ok(value) = HeaderValue::from_bytes(line) {
                headers.append(AUTHORIZATION, value);
            }
        }
    }
    match kind {
        b'c' => drop(headers.insert(AGE, HeaderValue::from_static("1"))),
        b'2' => drop(headers.append(AUTHORIZATION, bearer(signed(b"{}", KEY)))),
        _ => {}
    }
    headers
}

/// HS256 (RFC 7515 appendix A.1).
fn signed(claims: &[u8], key: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac))
}

fn check(before: &str, after: &str, line: &[u8], headers: &HeaderMap, late: bool) {
    let handed_out = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let handed_out = handed_out.and_then(|value| value.strip_prefix("Bearer "));
    let adopted = after != before;
    let signed = matches!(line.first(), Some(b's' | b'h'));
    if adopted {
        assert_eq!(Some(after), handed_out, "neither the old one nor the successor");
        assert!(signed && after.len() <= MAX_LEN);
    }
    if !signed {
        return;
    }
    let (Some(new), Some(old)) =
        (Claims::of(after_dot(handed_out)), Claims::of(after_dot(Some(before))))
    else {
        return;
    };
    if adopted {
        assert!(new.same_party, "of another party");
        assert!(new.exp > NOW as f64, "over");
        assert!(new.iat.is_none_or(|iat| iat <= NOW as f64 + LEEWAY), "from the future");
        let life = new.exp - new.iat.unwrap_or(NOW as f64);
        assert!(life <= LIFE as f64 + LEEWAY || life <= 0.0, "lives for {life} s");
        let by_iat = new.iat.zip(old.iat).map(|(new, old)| new - old);
        if late {
            let by_iat = by_iat.unwrap_or(0.0);
            assert!(by_iat > 0.0 || by_iat == 0.0 && new.exp > old.exp, "an older token came back");
        } else {
            assert!(by_iat.is_none_or(|newer| newer >= -LEEWAY), "from the past");
        }
    } else if let Some(iat) = new.iat {
        let now = NOW as f64;
        let lives = new.exp - iat;
        let good = new.same_party
            && iat <= now
            && iat >= old.iat.unwrap_or(iat)
            && new.exp >= now + 1.0
            && (1.0..=LIFE as f64).contains(&lives);
        let newer = !late || old.iat.is_some_and(|old| iat > old);
        let refused = good && newer && handed_out != Some(before);
        assert!(
            !refused || handed_out.is_some_and(|it| it.len() > MAX_LEN),
            "a good one was not adopted"
        );
    }
}

fn after_dot(token: Option<&str>) -> Option<&str> {
    token?.split('.').nth(1)
}

/// By a simple reading. None if that would need a parser of our own.
struct Claims {
    same_party: bool,
    iat: Option<f64>,
    exp: f64,
}

impl Claims {
    fn of(encoded: Option<&str>) -> Option<Claims> {
        let json = String::from_utf8(URL_SAFE_NO_PAD.decode(encoded?).ok()?).ok()?;
        if !["iss", "sub", "aud", "iat", "exp"].iter().all(|member| once(&json, member)) {
            return None;
        }
        let Value::Object(claims) = serde_json::from_str(&json).ok()? else { return None };
        let is =
            |member: &str, text: &str| claims.get(member).and_then(Value::as_str) == Some(text);
        let audience = claims.get("aud")?;
        let audience = audience == "a" || audience.as_array().is_some_and(|it| *it == ["a"]);
        let (iat, exp) = times(lenient(claims.get("iat")), lenient(claims.get("exp")));
        Some(Claims {
            same_party: is("iss", "i") && is("sub", "s") && audience,
            iat: iat.map(|iat| iat.as_secs_f64()),
            exp: exp?.as_secs_f64(),
        })
    }
}

type Answer = Arc<Mutex<Option<HeaderMap>>>;

/// A request that was sent and is not yet answered.
struct Call {
    answer: Answer,
    /// The token that it carries.
    used: String,
    response: Pin<Box<dyn Future<Output = HeaderMap>>>,
}

impl Call {
    fn begin(source: &Source) -> Call {
        let answer = Answer::default();
        let api = service_fn({
            let answer = answer.clone();
            move |_: Request<Full<Bytes>>| {
                let answer = answer.clone();
                poll_fn(move |_| match answer.lock().unwrap().take() {
                    Some(headers) => {
                        let mut response = Response::new(Empty::<Bytes>::new());
                        *response.headers_mut() = headers;
                        Poll::Ready(Ok::<_, Infallible>(response))
                    }
                    None => Poll::Pending,
                })
            }
        });
        let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
        let request = Request::get(API).body(Full::default()).unwrap();
        let call = layer.layer(api).oneshot(request);
        let response = Box::pin(async { call.await.unwrap().into_parts().0.headers });
        let mut call = Call { answer, used: current(source), response };
        assert!(call.poll().is_pending());
        call
    }

    fn end(&mut self, headers: HeaderMap) {
        *self.answer.lock().unwrap() = Some(headers);
        let Poll::Ready(headers) = self.poll() else { panic!("a response that is kept back") };
        assert!(!headers.contains_key(AUTHORIZATION), "the caller sees a token");
    }

    fn poll(&mut self) -> Poll<HeaderMap> {
        let mut cx = Context::from_waker(Waker::noop());
        block_on(async { self.response.as_mut().poll(&mut cx) })
    }
}
