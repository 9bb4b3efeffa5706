//! Signed JWTs in the compact form (RFC 7515 section 3.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::secret::Secret;

/// The shortest client secret that signs (RFC 7518 section 3.2), in bytes.
const SHORTEST_SECRET: usize = 32;

/// A member of a JWT's header. The order of the members is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HeaderMember {
    /// `alg`, as the key says.
    Algorithm,
    /// `kid`, if the key has one.
    KeyId,
    /// `x5t#S256`: the thumbprint of the key's certificate, which is the id of such a key.
    Certificate,
    Text(&'static str, String),
}

/// 128 random bits, for `jti`. None if the system has no random numbers.
pub(crate) fn random() -> Option<String> {
    let mut bits = [0; 16];
    SystemRandom::new().fill(&mut bits).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bits))
}

/// A JSON text, escaped and in quotes.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What is signed: the header and the claims, encoded.
pub(crate) fn signing_input(
    header: &[HeaderMember],
    algorithm: &str,
    key_id: Option<&str>,
    claims: &str,
) -> String {
    let member = |member: &HeaderMember| {
        let (name, text) = match member {
            HeaderMember::Algorithm => ("alg", algorithm),
            HeaderMember::KeyId => ("kid", key_id?),
            HeaderMember::Certificate => ("x5t#S256", key_id?),
            HeaderMember::Text(name, text) => (*name, &**text),
        };
        Some(format!("{}:{}", quoted(name), quoted(text)))
    };
    let members: Vec<_> = header.iter().filter_map(member).collect();
    let header = URL_SAFE_NO_PAD.encode(format!("{{{}}}", members.join(",")));
    format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims))
}

/// The JWT. It is allocated at full size: growing would leave a part of the signature unwiped.
pub(crate) fn compact(mut signed: String, signature: &[u8]) -> Secret {
    signed.reserve_exact(1 + signature.len().div_ceil(3) * 4);
    signed.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut signed);
    Secret::from(signed)
}

/// Why a client secret cannot sign.
pub(crate) fn too_short(secret: &str) -> Option<&'static str> {
    (secret.len() < SHORTEST_SECRET).then_some(
        "has fewer than 32 bytes, so it cannot sign by HS256 (RFC 7518 section 3.2): get a longer secret, or authenticate in \
         another way",
    )
}

/// A JWT that is signed with a client secret (HS256).
///
/// # Errors
///
/// *Configuration* if the secret has fewer than 32 bytes.
pub(crate) fn sign_with_secret(
    secret: &Secret,
    header: &[HeaderMember],
    claims: &str,
) -> Result<Secret, ExchangeError> {
    if let Some(flaw) = too_short(secret.expose()) {
        let message = format!("the client secret {flaw}");
        return Err(ExchangeError::new(ExchangeErrorKind::Configuration, message));
    }
    let secret = secret.expose().as_bytes();
    let signed = signing_input(header, "HS256", None, claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    Ok(compact(signed, signature.as_ref()))
}
