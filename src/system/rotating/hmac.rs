//! JWTs signed with HMAC (RFC 7515, RFC 7518 section 3.2).
//!
//! ring computes the MAC. It is called directly so that no process-wide crypto provider is needed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::scheme::jwt::algorithm;

/// Whether a token is a JWT that was signed with this key, by HS256, HS384 or HS512 as its header says.
/// No other algorithm is accepted, in particular not `none` (RFC 8725 section 3.2).
pub(crate) fn is_signed_with(token: &str, key: &[u8]) -> bool {
    let verified = || {
        let algorithm = match &*algorithm(token)? {
            "HS256" => hmac::HMAC_SHA256,
            "HS384" => hmac::HMAC_SHA384,
            "HS512" => hmac::HMAC_SHA512,
            _ => return None,
        };
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        hmac::verify(&hmac::Key::new(algorithm, key), signed.as_bytes(), &signature).ok()
    };
    verified().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515 appendix A.1.
    const RFC_TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
        eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const RFC_KEY: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";

    fn signed(header: &str, algorithm: hmac::Algorithm, key: &[u8]) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("{}"));
        let signature = hmac::sign(&hmac::Key::new(algorithm, key), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    #[test]
    fn the_token_of_the_rfc_is_accepted_and_a_changed_one_is_not() {
        let key = URL_SAFE_NO_PAD.decode(RFC_KEY).unwrap();
        assert!(is_signed_with(RFC_TOKEN, &key));
        assert!(!is_signed_with(RFC_TOKEN, &key[1..]));
        for (from, to) in [("dBjft", "dBjfu"), ("eyJpc3", "eyJpc2"), ("eyJ0eX", "eyJ0eY")] {
            assert!(!is_signed_with(&RFC_TOKEN.replacen(from, to, 1), &key), "{from}");
        }
    }

    #[test]
    fn only_the_three_hmac_algorithms_are_accepted() {
        let key = b"a secret";
        for (name, algorithm, good) in [
            ("HS256", hmac::HMAC_SHA256, true),
            ("HS384", hmac::HMAC_SHA384, true),
            ("HS512", hmac::HMAC_SHA512, true),
            ("HS384", hmac::HMAC_SHA256, false),
            ("HS1", hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, false),
            ("none", hmac::HMAC_SHA256, false),
            ("hs256", hmac::HMAC_SHA256, false),
            ("RS256", hmac::HMAC_SHA256, false),
        ] {
            let token = signed(&format!(r#"{{"alg":"{name}"}}"#), algorithm, key);
            assert_eq!(is_signed_with(&token, key), good, "{name}");
        }
        for token in ["", ".", "..", "a.b.c", "e30.e30.", "eyJhbGciOiJub25lIn0.e30."] {
            assert!(!is_signed_with(token, key), "{token}");
        }
    }
}
