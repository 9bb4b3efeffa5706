//! From a request on the wire to facts: the client authentication, and whether it shows a refresh token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, Method, Request};
use percent_encoding::percent_decode_str;

use super::facts::{Asked, AuthSeen, Client, Kind};
use super::jwt::{claim, header_of};

/// Whether the request shows a refresh token.
pub(crate) fn is_refresh(request: &Request<Bytes>) -> bool {
    form(request.body()).iter().any(|it| it == &("grant_type".into(), "refresh_token".into()))
}

fn basic(request: &Request<Bytes>) -> Option<String> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, pair) = value.split_once(' ')?;
    let pair = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(pair).ok())??;
    String::from_utf8(pair).ok()
}

pub(crate) fn auth_seen(request: &Request<Bytes>, asked: &Asked) -> AuthSeen {
    match asked.kind {
        Kind::Atlas => AuthSeen::ClientHeaders,
        Kind::Rotating => AuthSeen::Json,
        Kind::Login | Kind::TokenFile => AuthSeen::OfTheFile,
        Kind::Cloud => AuthSeen::OfTheMachine,
        Kind::ClientCredentials | Kind::OAuth | Kind::Entra => match basic(request) {
            Some(pair) => encoding(&pair, asked.auth.as_deref()),
            None => in_the_body(request),
        },
    }
}

fn in_the_body(request: &Request<Bytes>) -> AuthSeen {
    let form = form(request.body());
    let has = |name: &str| form.iter().any(|(its_name, _)| its_name == name);
    match assertion(request) {
        Some(assertion) => AuthSeen::Assertion(header_of(&assertion).0),
        None if has("client_secret") => AuthSeen::Body,
        None => AuthSeen::Nothing,
    }
}

fn assertion(request: &Request<Bytes>) -> Option<String> {
    let mut form = form(request.body()).into_iter();
    form.find_map(|(name, value)| (name == "client_assertion").then_some(value))
}

/// The `kid` of the client's assertion.
pub(crate) fn key_id(request: &Request<Bytes>) -> Option<String> {
    header_of(&assertion(request)?).1
}

/// The issuer, the subject and the audience of the client's assertion. An id that the file does not show is not shown here either.
pub(crate) fn claims(request: &Request<Bytes>, asked: &Asked) -> Option<String> {
    let assertion = assertion(request)?;
    let form = form(request.body());
    let id = form.iter().find(|(name, _)| name == "client_id").map(|(_, id)| id);
    let shown = |name: &str| {
        let text = claim(&assertion, name)?;
        let is_hidden = matches!(asked.client, Client::In(_)) && Some(&text) == id;
        let text = if is_hidden { "the client id".to_owned() } else { format!("{text:?}") };
        Some(format!("{name} {text}"))
    };
    let claims: Vec<_> = ["iss", "sub", "aud"].into_iter().filter_map(shown).collect();
    (!claims.is_empty()).then(|| claims.join(", "))
}

/// Whether the request asks for the metadata of an issuer.
pub(crate) fn is_for_metadata(request: &Request<Bytes>, asked: &Asked) -> bool {
    asked.is_issuer && request.method() == Method::GET
}

/// The encoding of a pair, which is `id:secret` with each part encoded.
fn encoding(pair: &str, auth: Option<&str>) -> AuthSeen {
    let (id, secret) = pair.split_once(':').unwrap_or((pair, ""));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let all = |more: &str| {
        [id, secret].iter().all(|it| it.chars().all(|c| is_plain(c) || more.contains(c)))
    };
    match () {
        () if all("") => AuthSeen::Basic,
        () if auth == Some("basic-raw") || !all("%+") => AuthSeen::BasicRaw,
        () if all("%") && auth != Some("basic-form") => AuthSeen::BasicPercent,
        () => AuthSeen::BasicForm,
    }
}

/// The texts of a request that no word of an answer may repeat.
pub(crate) fn secrets_of(request: &Request<Bytes>) -> Vec<String> {
    let headers = request.headers().iter().filter(|(name, _)| is_own(name));
    let mut secrets: Vec<String> =
        headers.filter_map(|(_, value)| value.to_str().ok().map(str::to_owned)).collect();
    secrets.extend(basic(request));
    secrets.extend(form(request.body()).into_iter().map(|(_, value)| value));
    secrets.push(String::from_utf8_lossy(request.body()).into_owned());
    secrets
}

/// Headers that may have a credential.
fn is_own(name: &HeaderName) -> bool {
    !["accept", "content-type", "content-length", "host"].contains(&name.as_str())
}

pub(crate) fn form(body: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(body);
    let decoded =
        |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}
