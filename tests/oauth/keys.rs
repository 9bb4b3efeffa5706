//! A token endpoint that checks the signatures of assertions, and whether it has seen their `jti` before.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519 as EDDSA, UnparsedPublicKey};
use serde_json::Value;

use crate::assertions::{P256, read};
use crate::{Endpoint, Sent};

/// The key of RFC 8037 appendix A.1.
pub(crate) const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

pub(crate) const TOKEN: &str = r#"{"access_token":"t","expires_in":300}"#;

/// The algorithm of the key that signed this assertion.
pub(crate) fn signer(assertion: &str) -> &'static str {
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let jwk = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let member = |jwk: &Value, name: &str| decoded(jwk[name].as_str().unwrap());
    let (p256, ed25519) = (jwk(P256), jwk(ED25519));
    let point = [vec![4], member(&p256, "x"), member(&p256, "y")].concat();
    let (bytes, signature) = (signed.as_bytes(), decoded(signature));
    match read(assertion).0["alg"].as_str() {
        Some("ES256") => {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
            key.verify(bytes, &signature).unwrap();
            "ES256"
        }
        Some("EdDSA") => {
            let key = UnparsedPublicKey::new(&EDDSA, member(&ed25519, "x"));
            key.verify(bytes, &signature).unwrap();
            "EdDSA"
        }
        other => panic!("{other:?}"),
    }
}

/// The algorithms of the keys that signed the assertions of these requests.
pub(crate) fn signers(sent: &[Sent]) -> Vec<&'static str> {
    sent.iter().map(|sent| signer(&sent.param("client_assertion"))).collect()
}

/// The keys that an endpoint knows, by their algorithms. The keys may change.
#[derive(Clone, Default)]
pub(crate) struct Known(Arc<Mutex<Vec<&'static str>>>);

impl Known {
    pub(crate) fn set(&self, algorithms: &[&'static str]) {
        *self.0.lock().unwrap() = algorithms.to_vec();
    }

    /// An endpoint that refuses a client with another key, and a `jti` that it has seen.
    pub(crate) fn endpoint(&self) -> Endpoint {
        let (known, seen) = (self.clone(), Mutex::new(BTreeSet::new()));
        Endpoint::judging(move |sent| {
            let assertion = sent.param("client_assertion");
            let signer = signer(&assertion);
            let jti = read(&assertion).1["jti"].as_str().unwrap().to_owned();
            assert!(seen.lock().unwrap().insert(jti), "a `jti` came twice");
            match known.0.lock().unwrap().contains(&signer) {
                true => (200, TOKEN.to_owned()),
                false => (401, r#"{"error":"invalid_client"}"#.to_owned()),
            }
        })
    }
}
