//! Looks into a token: is it a JWT, and which claims does it have? The signature is not verified.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::facts::Jwt;

/// The algorithms of RFC 7518 section 3.1, RFC 8037 and RFC 8812.
const ALGORITHMS: [&str; 16] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256",
    "PS384", "PS512", "EdDSA", "Ed25519", "ES256K", "none",
];

/// None if the token is opaque.
pub(crate) fn look_into(token: &str) -> Option<Jwt> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, _] = parts[..] else { return None };
    let (header, claims) = (json(header)?, json(claims)?);
    let alg = header.get("alg")?.as_str()?;
    Some(Jwt {
        alg: ALGORITHMS.into_iter().find(|it| *it == alg),
        iss: claims.get("iss").is_some(),
        aud: claims.get("aud").is_some(),
        exp: claims.get("exp").is_some(),
    })
}

/// The algorithm and the `kid` of a JWT, for a header that the client has written itself.
pub(crate) fn header_of(token: &str) -> (Option<&'static str>, Option<String>) {
    let Some(header) = token.split('.').next().and_then(json) else { return (None, None) };
    let text = |name: &str| header.get(name).and_then(Value::as_str);
    let is_plain = |text: &&str| text.len() <= 64 && text.chars().all(|c| c.is_ascii_graphic());
    let alg = text("alg").and_then(|alg| ALGORITHMS.into_iter().find(|it| *it == alg));
    (alg, text("kid").filter(is_plain).map(str::to_owned))
}

/// A claim of a JWT that is a text or a list of texts, for a JWT of the client itself. None if it is long or not plain.
pub(crate) fn claim(token: &str, name: &str) -> Option<String> {
    let claims = token.split('.').nth(1).and_then(json)?;
    let text = match claims.get(name)? {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        _ => return None,
    };
    let is_plain = |c: char| c.is_ascii_graphic() || c == ' ';
    (text.len() <= 256 && text.chars().all(is_plain)).then_some(text)
}

fn json(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}
