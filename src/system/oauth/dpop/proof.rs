//! One proof: a JWT by which the sender of a request shows that it has the key (RFC 9449 section 4.2).

use std::fmt::{self, Write};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderValue, Method};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::clock::Now;
use crate::exchange::bound_key::BoundKey;
use crate::secret::Secret;
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::jws::quoted;
use crate::system::oauth::key::signing_key::SigningKey;

/// What a proof says.
pub(crate) struct Claims<'a> {
    /// Different for each proof.
    pub(crate) jwt_id: &'a str,
    pub(crate) method: &'a Method,
    pub(crate) htu: &'a str,
    pub(crate) now: Now,
    /// The token that is sent with the proof. None at the token endpoint.
    pub(crate) token: Option<&'a Secret>,
    pub(crate) nonce: Option<&'a str>,
}

impl Claims<'_> {
    fn json(&self) -> String {
        let Claims { jwt_id, method, htu, now, token, nonce } = self;
        let mut json = String::with_capacity(256 + htu.len());
        // Writing to a `String` cannot fail.
        let _ = write!(
            json,
            r#"{{"jti":{},"htm":{},"htu":{},"iat":{}"#,
            quoted(jwt_id),
            quoted(method.as_str()),
            quoted(htu),
            now.since_epoch().as_secs()
        );
        if let Some(token) = token {
            let hash = digest(&SHA256, token.expose().as_bytes());
            let _ = write!(json, r#","ath":"{}""#, URL_SAFE_NO_PAD.encode(hash));
        }
        if let Some(nonce) = nonce {
            let _ = write!(json, r#","nonce":{}"#, quoted(nonce));
        }
        json.push('}');
        json
    }
}

/// A key that makes proofs.
pub(crate) struct ProofKey {
    key: SigningKey,
    /// The header of all its proofs, encoded, with the dot after it.
    header: String,
    thumbprint: Arc<str>,
    /// The PEM of a key that this process has made.
    private: Option<Secret>,
}

impl ProofKey {
    /// A new key for this algorithm. None for other ones than ES256 and `EdDSA`, or if the system has no random numbers.
    pub(crate) fn generate(algorithm: Algorithm) -> Option<ProofKey> {
        ProofKey::made(SigningKey::generate(algorithm)?)
    }

    /// A key that this crate has made. None if the text is no such key.
    pub(crate) fn made(pem: Secret) -> Option<ProofKey> {
        let key = ProofKey::new(SigningKey::read(pem.expose()).ok()?);
        Some(ProofKey { private: Some(pem), ..key })
    }

    pub(crate) fn new(key: SigningKey) -> ProofKey {
        let (algorithm, jwk) = (key.algorithm(), key.public_jwk());
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"{algorithm}","jwk":{jwk}}}"#);
        let header = format!("{}.", URL_SAFE_NO_PAD.encode(header));
        ProofKey { thumbprint: key.thumbprint().into(), header, private: None, key }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    pub(crate) fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// The key, as a store keeps it.
    pub(crate) fn bound(&self) -> BoundKey {
        BoundKey { thumbprint: self.thumbprint.clone(), private: self.private.clone() }
    }

    /// A proof, marked sensitive. None if the system has no random numbers.
    pub(crate) fn proof(&self, claims: &Claims<'_>) -> Option<HeaderValue> {
        let claims = claims.json();
        let mut signed = String::with_capacity(self.header.len() + claims.len() * 4 / 3 + 128);
        signed.push_str(&self.header);
        URL_SAFE_NO_PAD.encode_string(claims, &mut signed);
        let proof = self.key.signed(signed)?;
        let mut proof = HeaderValue::try_from(proof.expose()).ok()?;
        proof.set_sensitive(true);
        Some(proof)
    }
}

/// The nonce in a proof that this crate has made.
pub(crate) fn nonce_of(proof: &HeaderValue) -> Option<String> {
    let claims = proof.to_str().ok()?.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    claims.get("nonce")?.as_str().map(str::to_owned)
}

/// Does not show the key.
impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofKey").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;
    use crate::system::oauth::key::public::thumbprint;

    /// RFC 9449 figures 2, 13 and 14.
    const TO_THE_TOKEN_ENDPOINT: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    const TO_THE_API: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

    fn at(seconds: u64) -> Now {
        Now::new(Duration::ZERO, UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn decoded(part: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(part).unwrap()
    }

    fn part(jwt: &str, nth: usize) -> String {
        String::from_utf8(decoded(jwt.split('.').nth(nth).unwrap())).unwrap()
    }

    /// Whether the key in the header has signed it, by ES256.
    fn is_signed(jwt: &str) -> bool {
        let header: Value = serde_json::from_str(&part(jwt, 0)).unwrap();
        let number = |name: &str| decoded(header["jwk"][name].as_str().unwrap());
        let point = [vec![4], number("x"), number("y")].concat();
        let (signed, signature) = jwt.rsplit_once('.').unwrap();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        key.verify(signed.as_bytes(), &decoded(signature)).is_ok()
    }

    #[test]
    fn the_claims_are_those_of_rfc_9449_byte_by_byte() {
        let at_the_endpoint = Claims {
            jwt_id: "-BwC3ESc6acc2lTc",
            method: &Method::POST,
            htu: "https://server.example.com/token",
            now: at(1_562_262_616),
            token: None,
            nonce: None,
        };
        assert!(is_signed(TO_THE_TOKEN_ENDPOINT) && is_signed(TO_THE_API), "so this is a test");
        assert_eq!(at_the_endpoint.json(), part(TO_THE_TOKEN_ENDPOINT, 1));
        let at_the_api = Claims {
            jwt_id: "e1j3V_bKic8-LAEB",
            method: &Method::GET,
            htu: "https://resource.example.org/protectedresource",
            now: at(1_562_262_618),
            token: Some(&Secret::from(TOKEN)),
            nonce: None,
        };
        assert_eq!(at_the_api.json(), part(TO_THE_API, 1));
    }

    #[test]
    fn the_thumbprint_is_that_of_rfc_9449() {
        let jwk = r#"{"crv":"P-256","kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;
        assert_eq!(thumbprint(jwk), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn a_proof_has_the_public_key_in_its_header_and_the_nonce_in_its_claims() {
        let pem = SigningKey::generate(Algorithm::Es256).unwrap();
        let key = SigningKey::read(pem.expose()).unwrap();
        let method = Method::from_bytes(b"m-search").unwrap();
        let claims = Claims {
            jwt_id: "1",
            method: &method,
            htu: "https://a/\"b",
            now: at(7),
            token: None,
            nonce: Some("eyJ7S_zG.eyJH0-Z.HX4w-7v"),
        };
        let proof = ProofKey::new(key.clone()).proof(&claims).unwrap();
        assert!(proof.is_sensitive());
        assert_eq!(nonce_of(&proof).as_deref(), Some("eyJ7S_zG.eyJH0-Z.HX4w-7v"));
        let proof = proof.to_str().unwrap();
        assert!(is_signed(proof));
        let expected = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{}}}"#, key.public_jwk());
        assert_eq!(part(proof, 0), expected);
        let expected = r#"{"jti":"1","htm":"m-search","htu":"https://a/\"b","iat":7,"nonce":"eyJ7S_zG.eyJH0-Z.HX4w-7v"}"#;
        assert_eq!(part(proof, 1), expected);
    }

    #[test]
    fn ed25519_is_another_algorithm_with_another_key() {
        let key = ProofKey::generate(Algorithm::EdDsa).unwrap();
        let claims = Claims {
            jwt_id: "1",
            method: &Method::GET,
            htu: "https://a/",
            now: at(7),
            token: None,
            nonce: None,
        };
        let proof = key.proof(&claims).unwrap();
        assert_eq!(nonce_of(&proof), None);
        let header: Value = serde_json::from_str(&part(proof.to_str().unwrap(), 0)).unwrap();
        assert_eq!((&header["alg"], &header["jwk"]["kty"]), (&"EdDSA".into(), &"OKP".into()));
        assert!(header["jwk"].get("d").is_none());
        assert_eq!(
            format!("{key:?}"),
            format!("ProofKey {{ thumbprint: {:?}, .. }}", key.thumbprint())
        );
    }
}
