//! From an answer to facts: no I/O, and no text of the server beyond lists and numbers.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, DATE, PRAGMA, RETRY_AFTER, SET_COOKIE,
    WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, Response};
use serde_json::{Map, Value};
use tower_outbound_auth::clock::Now;

use super::facts::{Answer, Asked, ExpiresIn, Members, Sent, Word};
use super::observe::Recorded;
use super::request::{auth_seen, claims, form, is_for_metadata, key_id, secrets_of};

const CONTENT_TYPES: [&str; 8] = [
    "application/json",
    "application/problem+json",
    "application/jwt",
    "application/xml",
    "application/x-www-form-urlencoded",
    "text/html",
    "text/plain",
    "text/xml",
];
const SCHEMES: [&str; 6] = ["Basic", "Bearer", "Digest", "DPoP", "Negotiate", "NTLM"];
const LIMITS: [&str; 6] = [
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-rate-limit-remaining",
    "x-rate-limit-reset",
];
const NO_COMPRESSION: [&str; 4] = ["", "identity", "none", "utf-8"];

pub(crate) fn sent(recorded: &Recorded, asked: &Asked) -> Sent {
    let secrets = secrets_of(&recorded.request);
    let answer = recorded.answer.as_ref();
    Sent {
        auth: auth_seen(&recorded.request, asked),
        key_id: key_id(&recorded.request),
        claims: claims(&recorded.request, asked),
        is_for_metadata: is_for_metadata(&recorded.request, asked),
        answer: answer.map(|(answer, at)| read(answer, *at, asked, secrets)),
    }
}

/// The refresh token in an answer, only to be compared.
pub(crate) fn refresh_token(answer: &Response<Bytes>) -> Option<String> {
    let body: Value = serde_json::from_slice(answer.body()).ok()?;
    Some(body.get("refresh_token")?.as_str()?.to_owned())
}

fn read(answer: &Response<Bytes>, at: Now, asked: &Asked, mut secrets: Vec<String>) -> Answer {
    let headers = answer.headers();
    let media = first(headers, &CONTENT_TYPE).map(|it| it.split(';').next().unwrap_or(it).trim());
    let contains = |name: HeaderName, word: &str| {
        texts(headers, &name).any(|it| it.to_ascii_lowercase().contains(word))
    };
    let date = first(headers, &DATE).and_then(|it| httpdate::parse_http_date(it).ok());
    let date = date.and_then(|it| it.duration_since(std::time::UNIX_EPOCH).ok());
    let seconds = |it: std::time::Duration| i64::try_from(it.as_secs()).unwrap_or(i64::MAX);
    let cookies = texts(headers, &SET_COOKIE).map(|cookie| {
        let has = |name: &str| {
            cookie.split(';').skip(1).any(|it| {
                it.split('=').next().unwrap_or_default().trim().eq_ignore_ascii_case(name)
            })
        };
        (has("secure"), has("max-age") || has("expires"))
    });
    let limits = LIMITS.into_iter().filter_map(|name| {
        let value = headers.get(name)?.to_str().ok()?;
        Some((name, value.trim().parse().ok()?))
    });
    let object = members(answer);
    secrets.extend(tokens(object.as_ref(), headers));
    Answer {
        status: answer.status().as_u16(),
        content_type: media.map(|media| {
            let known = CONTENT_TYPES.into_iter().find(|it| it.eq_ignore_ascii_case(media));
            known.unwrap_or("another content type")
        }),
        is_another_charset: first(headers, &CONTENT_TYPE).is_some_and(another_charset),
        ahead: date.map(|date| seconds(date) - seconds(at.since_epoch())),
        no_store: contains(CACHE_CONTROL, "no-store"),
        pragma: contains(PRAGMA, "no-cache"),
        retry_after: first(headers, &RETRY_AFTER).and_then(pause),
        limits: limits.collect(),
        challenges: SCHEMES
            .into_iter()
            .filter(|scheme| {
                let words = texts(headers, &WWW_AUTHENTICATE).flat_map(|it| it.split([' ', ',']));
                words.into_iter().any(|word| word.eq_ignore_ascii_case(scheme))
            })
            .collect(),
        is_compressed: first(headers, &CONTENT_ENCODING)
            .is_some_and(|it| !NO_COMPRESSION.contains(&&*it.trim().to_ascii_lowercase())),
        cookies: cookies.collect(),
        members: object.map_or_else(Members::default, |it| members_of(&it, asked, &secrets)),
    }
}

/// `Some(None)` is a time of day.
fn pause(text: &str) -> Option<Option<u64>> {
    let seconds = text.trim().parse().ok().map(Some);
    seconds.or_else(|| httpdate::parse_http_date(text).ok().map(|_| None))
}

fn another_charset(content_type: &str) -> bool {
    let parameters = content_type.split(';').skip(1).filter_map(|it| it.split_once('='));
    let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charsets.any(|(_, value)| {
        let value = value.trim().trim_matches('"');
        !["utf-8", "utf8", "us-ascii"].iter().any(|it| it.eq_ignore_ascii_case(value))
    })
}

fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    texts(headers, name).next()
}

/// The body as an object: JSON, or a form.
fn members(answer: &Response<Bytes>) -> Option<Map<String, Value>> {
    let is_form = first(answer.headers(), &CONTENT_TYPE)
        .is_some_and(|it| it.starts_with("application/x-www-form-urlencoded"));
    if is_form {
        let fields = form(answer.body()).into_iter();
        return Some(fields.map(|(name, value)| (name, Value::String(value))).collect());
    }
    match serde_json::from_slice(answer.body()).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// The long texts of an answer, and its cookies: each may be a token.
fn tokens(object: Option<&Map<String, Value>>, headers: &HeaderMap) -> Vec<String> {
    let members = object.into_iter().flatten().filter(|(name, _)| *name != "scope");
    let texts_in = members.map(|(_, value)| value.to_string());
    texts_in.chain(texts(headers, &SET_COOKIE).map(str::to_owned)).collect()
}

fn members_of(object: &Map<String, Value>, asked: &Asked, secrets: &[String]) -> Members {
    let parent =
        asked.token_at.as_deref().and_then(|at| at.rsplit_once('/')).and_then(|(at, _)| {
            object.get(at.trim_start_matches('/').split('/').next()?)?.as_object()
        });
    let find = |name: &str| parent.and_then(|it| it.get(name)).or_else(|| object.get(name));
    let some = |name: &str| find(name).is_some_and(|it| !it.is_null() && it != "");
    Members {
        expires_in: match find("expires_in") {
            None | Some(Value::Null) => ExpiresIn::Absent,
            Some(Value::Number(number)) => {
                number.as_f64().map_or(ExpiresIn::Other, ExpiresIn::Number)
            }
            Some(Value::String(text)) if text.trim().parse::<f64>().is_ok() => ExpiresIn::Text,
            Some(_) => ExpiresIn::Other,
        },
        end: ["expires_on", "expires_at"].into_iter().find(|name| some(name)),
        has_token_type: some("token_type"),
        has_refresh_token: some("refresh_token"),
        has_error: ["error", "errors", "errorCode"].into_iter().any(some),
        scope: find("scope").and_then(Value::as_str).map(|scope| {
            let words = scope.split([' ', ',']).filter(|word| !word.is_empty());
            words.map(|word| shown_word(word, asked, secrets)).collect()
        }),
    }
}

/// A word that was asked for is known. Another one is shown if no part of it is in a secret.
fn shown_word(word: &str, asked: &Asked, secrets: &[String]) -> Word {
    const PART: usize = 6;
    let was_asked = asked.scope.iter().any(|it| it.split(' ').any(|asked| asked == word));
    let is_text = word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_graphic());
    let is_in_secret = || {
        let parts: Vec<&str> = match word.len() > PART && is_text {
            true => (0..=word.len() - PART).map(|at| &word[at..at + PART]).collect(),
            false => vec![word],
        };
        parts.iter().any(|part| secrets.iter().any(|secret| secret.contains(part)))
    };
    match was_asked || (is_text && !is_in_secret()) {
        true => Word::Shown(word.to_owned()),
        false => Word::Hidden,
    }
}
