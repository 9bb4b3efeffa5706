//! Makes and checks JWTs signed with HS256 (RFC 7515, RFC 7518 section 3.2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::de::DeserializeOwned;

/// The only header that is made, and the only header that is accepted. So no other `alg` is
/// accepted.
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// A token with these claims, which should be JSON.
pub(super) fn sign(claims: &str, key: &[u8]) -> String {
    let header = URL_SAFE_NO_PAD.encode(HEADER);
    let claims = URL_SAFE_NO_PAD.encode(claims);
    let signed = format!("{header}.{claims}");
    let signature = hmac::sign(&hs256(key), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The claims of a token that was signed with this key.
pub(super) fn verify<C: DeserializeOwned>(token: &str, key: &[u8]) -> Option<C> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    hmac::verify(&hs256(key), signed.as_bytes(), &signature).ok()?;
    let ours = URL_SAFE_NO_PAD.decode(header).ok()? == HEADER.as_bytes();
    ours.then(|| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok())?
}

fn hs256(key: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, key)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::scheme::jwt::Claims;

    #[test]
    fn a_token_is_read_only_with_its_key() {
        let token = sign(r#"{"iat":1,"exp":4}"#, b"key");
        assert_eq!(verify(&token, b"key"), Some(json!({"iat": 1, "exp": 4})));
        assert_eq!(verify::<Value>(&token, b"other"), None);
        assert_eq!(Claims::of(&token).times.life(), Some(std::time::Duration::from_secs(3)));
    }

    #[test]
    fn a_changed_token_is_rejected() {
        let token = sign(r#"{"sub":"a"}"#, b"key");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"b"}"#);
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let other_header = format!("{header}.{claims}");
        let header_signature =
            URL_SAFE_NO_PAD.encode(hmac::sign(&hs256(b"key"), other_header.as_bytes()));
        for tampered in [
            format!("{}.{claims}.{signature}", signed.split_once('.').unwrap().0),
            format!("{other_header}.{header_signature}"),
            format!("{header}.{claims}."),
            format!("{signed}."),
            signed.to_owned(),
            String::new(),
            "..".to_owned(),
        ] {
            assert_eq!(verify::<Value>(&tampered, b"key"), None, "{tampered}");
        }
    }
}
