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

fn json(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}
