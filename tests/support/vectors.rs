//! The keys of the vectors.

use std::sync::LazyLock;

use serde_json::Value;

pub(crate) static VECTORS: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../data/oauth_keys.json")).unwrap());

pub(crate) fn vector(pointer: &str) -> &'static str {
    VECTORS.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}"))
}

/// An RSA key.
pub(crate) fn rsa() -> &'static str {
    vector("/key_files/good/rsa_pkcs8")
}

/// Another RSA key.
pub(crate) fn new_rsa() -> &'static str {
    vector("/openssl/good/rsa_4096/pem")
}
