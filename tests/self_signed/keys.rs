//! Keys of the vectors, a key that a test rotates, and a server's look at a JWT.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;
use tower_outbound_auth::Credential;
use tower_outbound_auth::system::SigningKey;

use crate::vectors::{VECTORS, vector};
pub(crate) use crate::vectors::{new_rsa, rsa};

/// A P-256 key. Two signatures of it always differ.
pub(crate) fn p256() -> &'static str {
    vector("/key_files/good/p256_pkcs8")
}

/// The key of [`p256`] as a JWK.
pub(crate) fn jwk() -> String {
    VECTORS.pointer("/rfc7515_a3/jwk").unwrap().to_string()
}

/// Where a key is, for a test that rotates it.
#[derive(Clone)]
pub(crate) struct Place(Arc<Mutex<String>>);

impl Place {
    pub(crate) fn with(text: impl Into<String>) -> Place {
        Place(Arc::new(Mutex::new(text.into())))
    }

    pub(crate) fn put(&self, text: impl Into<String>) {
        *self.0.lock().unwrap() = text.into();
    }

    pub(crate) fn credential(&self) -> Credential {
        let place = self.clone();
        Credential::from_fn(move || Ok(place.0.lock().unwrap().as_str().into()))
    }
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The header and the claims of a JWT, if it is signed by the key in this text.
pub(crate) fn verified(jwt: &str, key: &str) -> Option<(Value, Value)> {
    let (signed, signature) = jwt.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let json = |part| serde_json::from_slice::<Value>(&decoded(part)).unwrap();
    let (header, claims) = (json(header), json(claims));
    let jwk: Value = serde_json::from_str(&SigningKey::parse(key).unwrap().public_jwk()).unwrap();
    let member = |name: &str| jwk[name].as_str().map(decoded);
    let (signed, signature) = (signed.as_bytes(), decoded(signature));
    let is_good = match header["alg"].as_str()? {
        "RS256" => PublicKeyComponents { n: member("n")?, e: member("e")? }
            .verify(&RSA_PKCS1_2048_8192_SHA256, signed, &signature)
            .is_ok(),
        "ES256" => {
            let point = [vec![4], member("x")?, member("y")?].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(signed, &signature)
                .is_ok()
        }
        _ => false,
    };
    is_good.then_some((header, claims))
}
