//! A token endpoint's answers, read by each scheme. The first byte chooses the scheme, the status, and
//! which request is answered. The rest is the body. In it, `$S` stands for the client's secret and `$B` for
//! its encoded credentials, because a server may quote the request.
//!
//! 1. Every answer leads to a token, an error or at most four requests.
//! 2. No error shows the secret. A code is short and visible.
//! 3. The token is the text of the body's `access_token` (without a `Bearer` before it). It can be in the
//!    header, or is an error. Its life is the stated one.
//! 4. A correct answer is accepted.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Response;
use serde_json::{Map, Value};
use tower_outbound_auth::Scheme;
use tower_outbound_auth::endpoint::{ExchangeAnswer, Step};
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind, Issued};
use tower_outbound_auth::system::{Atlas, ClientCredentials, Rotating};

use crate::{duration, lenient, once, shown};

const URL: &str = "https://auth.example/token";
const ID: &str = "client";
/// With characters that have two encodings.
const SECRET: &str = "s3cr3t+/canary:0123456789%";
const STATUS: [u16; 8] = [200, 201, 400, 401, 403, 404, 429, 503];

pub fn run(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else { return };
    let body = quoting(body);
    let status = STATUS[usize::from(choice >> 2 & 7)];
    let name = if choice & 32 == 0 { "first way" } else { "refresh" };
    match choice & 3 {
        0 => read(&Atlas::new(URL, ID, SECRET).unwrap(), "access_token", status, name, &body),
        1 => {
            let scheme = ClientCredentials::new(URL, ID, SECRET).unwrap().with_scope("a b");
            read(&scheme, "access_token", status, name, &body);
        }
        2 => {
            let scheme = ClientCredentials::new(URL, ID, SECRET).unwrap().with_refresh_tokens();
            read(&scheme, "access_token", status, name, &body);
        }
        _ => {
            let scheme = Rotating::new(URL, ID, SECRET).unwrap().danger_without_verification();
            read(&scheme, "token", status, name, &body);
            read(&Rotating::new(URL, ID, SECRET).unwrap(), "", status, name, &body);
        }
    }
}

fn quoting(body: &[u8]) -> Bytes {
    match std::str::from_utf8(body) {
        Ok(text) => {
            let encoded = STANDARD.encode(format!("{ID}:{SECRET}"));
            text.replace("$S", SECRET).replace("$B", &encoded).into()
        }
        Err(_) => Bytes::copy_from_slice(body),
    }
}

/// `member` has the token in a correct answer. None if there is no such answer.
fn read(scheme: &impl Scheme, member: &str, status: u16, name: &'static str, body: &Bytes) {
    let mut name = name;
    for _ in 0..4 {
        let answer = Response::builder().status(status).body(body.clone()).unwrap();
        match scheme.read(ExchangeAnswer::new(answer).with_request_name(name)) {
            Ok(Step::Again(next)) => name = next,
            Ok(Step::Issued(issued)) => return check_issued(scheme, member, body, &issued),
            Ok(_) => unreachable!("a step of another kind"),
            Err(error) => return check_error(&error, member, status, body),
        }
    }
    panic!("an answer that is asked for without end");
}

fn check_issued(scheme: &impl Scheme, member: &str, body: &Bytes, issued: &Issued) {
    let token = issued.access_token();
    // A shorter one may be the name of a member. A scope is always shown.
    let in_scope = issued.scope().is_some_and(|scope| scope.contains(token.expose()));
    if token.expose().len() >= 24 && !in_scope {
        assert!(!format!("{issued:?}").contains(token.expose()), "a token is shown");
    }
    if let Ok(value) = scheme.header_value(token, None) {
        let value = value.as_bytes();
        assert!(value.ends_with(token.expose().as_bytes()));
        assert!(value.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' '));
    }
    assert!(issued.scope().is_none_or(|scope| scope.len() <= 200));
    let Some(object) = object(body).filter(|_| member == "access_token") else { return };
    let text = std::str::from_utf8(body).unwrap();
    if once(text, member) && once(text, "expires_in") {
        let text = object.get(member).and_then(Value::as_str).unwrap_or_default();
        assert!(text.is_empty() || text.ends_with(token.expose()), "another token");
        // A time since the epoch is read as that, in seconds or in smaller units.
        let is_moment = |number: f64| {
            let units = [1.0, 1e3, 1e6, 1e9].map(|unit| number / unit);
            let seconds = units.into_iter().find(|seconds| *seconds <= 253_402_300_799.0);
            seconds.is_some_and(|it| (1.7e9..2_147_483_647.0).contains(&it.floor()))
        };
        let is_span = |seconds: &f64| *seconds > 0.0 && !is_moment(*seconds);
        let stated = lenient(object.get("expires_in")).filter(is_span);
        assert_eq!(issued.expires_in(), stated.map(duration));
    }
}

fn check_error(error: &ExchangeError, member: &str, status: u16, body: &Bytes) {
    let text = shown(error);
    let encoded = STANDARD.encode(format!("{ID}:{SECRET}"));
    assert!(!text.contains(SECRET) && !text.contains(&encoded), "{text}");
    assert!(error.code().is_none_or(|code| {
        (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_graphic())
    }));
    if status >= 404 {
        assert_eq!(error.kind(), ExchangeErrorKind::Unavailable, "says nothing of the credentials");
    }
    let good = |object: &Map<String, Value>| {
        let bearer = |kind: &Value| match kind {
            Value::Null => true,
            Value::String(kind) => kind.eq_ignore_ascii_case("bearer"),
            _ => false,
        };
        let failed =
            ["ok", "error", "errors", "errorCode"].iter().any(|it| object.contains_key(*it));
        object.get(member).and_then(Value::as_str).is_some_and(|token| !token.is_empty())
            && object.get("token_type").is_none_or(bearer)
            && !failed
    };
    if status <= 201 && member == "access_token" && object(body).is_some_and(|it| good(&it)) {
        let text = std::str::from_utf8(body).unwrap();
        let members = [
            "access_token",
            "token_type",
            "expires_in",
            "refresh_token",
            "scope",
            "expires_on",
            "expires_at",
        ];
        assert!(!members.iter().all(|it| once(text, it)), "a good answer was refused: {error:?}");
    }
}

fn object(body: &Bytes) -> Option<Map<String, Value>> {
    match serde_json::from_slice(body).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}
