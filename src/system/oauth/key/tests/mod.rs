//! Tests of keys and assertions, with the vectors of `tests/data/oauth_keys.json`, which names their sources.

mod assertions;
mod certified;
mod claim_sets;
#[cfg(feature = "test-util")]
mod exchanges;
mod hostile;
mod key_files;
#[path = "../../../../../tests/support/log.rs"]
mod log;
mod reading;
mod signatures;

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rsa::PublicKeyComponents;
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::Value;

use crate::system::oauth::key::signing_key::SigningKey;

const TEXT: &str = include_str!("../../../../../tests/data/oauth_keys.json");

static VECTORS: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(TEXT).unwrap());

/// The vector at a JSON pointer.
fn vector(pointer: &str) -> &'static Value {
    VECTORS.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"))
}

fn text(pointer: &str) -> &'static str {
    vector(pointer).as_str().unwrap_or_else(|| panic!("{pointer}"))
}

/// The private key of a vector that has a JWK.
fn key(name: &str) -> SigningKey {
    SigningKey::parse(&vector(&format!("/{name}/jwk")).to_string()).unwrap()
}

fn decoded(base64url: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(base64url).unwrap()
}

/// The header and the claims of a JWT, as they were written.
fn parts(jwt: &str) -> [String; 2] {
    let mut parts = jwt.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    [parts.next(), parts.next()].map(|part| String::from_utf8(part.unwrap()).unwrap())
}

/// Whether ring verifies the JWT with this public JWK, by the algorithm that its header names.
fn is_signed_by(jwt: &str, jwk: &Value) -> bool {
    let (signed, bytes) = jwt.rsplit_once('.').unwrap();
    let header: Value = serde_json::from_str(&parts(jwt)[0]).unwrap();
    let member = |name: &str| decoded(jwk[name].as_str().unwrap());
    let (signed, bytes) = (signed.as_bytes(), decoded(bytes));
    let rsa = |parameters| {
        let key = PublicKeyComponents { n: member("n"), e: member("e") };
        key.verify(parameters, signed, &bytes).is_ok()
    };
    let other = |algorithm: &'static dyn VerificationAlgorithm, key: Vec<u8>| {
        UnparsedPublicKey::new(algorithm, key).verify(signed, &bytes).is_ok()
    };
    let point = || [vec![4], member("x"), member("y")].concat();
    match header["alg"].as_str().unwrap() {
        "RS256" => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        "PS256" => rsa(&signature::RSA_PSS_2048_8192_SHA256),
        "ES256" => other(&signature::ECDSA_P256_SHA256_FIXED, point()),
        "ES384" => other(&signature::ECDSA_P384_SHA384_FIXED, point()),
        "EdDSA" => other(&signature::ED25519, member("x")),
        other => panic!("{other}"),
    }
}
