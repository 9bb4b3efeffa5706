//! The public half of a key: as JWK (RFC 7517), as SPKI (RFC 5280 section 4.1.2.7), and its hashes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use ring::rsa::PublicKeyComponents;
use ring::signature::KeyPair;

use crate::basics::der::{self, BIT_STRING, OID, SEQUENCE};
use crate::system::oauth::key::pair::{Curve, Pair};
use crate::system::oauth::key::pkcs8::{EC_PUBLIC_KEY, ED25519, RSA_ENCRYPTION, oid};

/// NULL in DER: the parameters of an RSA key.
const NULL: &[u8] = &[5, 0];

/// The public members that count for a thumbprint, in the order of RFC 7638 section 3.2.
pub(crate) fn jwk(pair: &Pair) -> String {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match pair {
        Pair::Rsa(pair) => {
            let PublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
            rsa_jwk(&n, &e)
        }
        Pair::Ec(curve, pair) => {
            let name = match curve {
                Curve::P256 => "P-256",
                Curve::P384 => "P-384",
            };
            // The point is 4, x, y.
            let point = pair.public_key().as_ref();
            let (x, y) = point[1..].split_at(curve.length());
            format!(r#"{{"crv":"{name}","kty":"EC","x":"{}","y":"{}"}}"#, text(x), text(y))
        }
        Pair::Ed25519(pair) => {
            let x = text(pair.public_key().as_ref());
            format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
        }
    }
}

pub(crate) fn rsa_jwk(n: &[u8], e: &[u8]) -> String {
    let [n, e] = [n, e].map(|number| URL_SAFE_NO_PAD.encode(number));
    format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
}

/// The public key as DER.
fn spki(pair: &Pair) -> Vec<u8> {
    let id = |oid: &[u8]| der::value(OID, &[oid]);
    let (kind, parameters, key) = match pair {
        Pair::Rsa(pair) => (id(RSA_ENCRYPTION), NULL.to_vec(), pair.public_key().as_ref()),
        Pair::Ec(curve, pair) => (id(EC_PUBLIC_KEY), id(oid(*curve)), pair.public_key().as_ref()),
        Pair::Ed25519(pair) => (id(ED25519), Vec::new(), pair.public_key().as_ref()),
    };
    let algorithm = der::value(SEQUENCE, &[&kind, &parameters]);
    der::value(SEQUENCE, &[&algorithm, &der::value(BIT_STRING, &[&[0], key])])
}

/// The thumbprint of a public JWK (RFC 7638), with SHA-256.
pub(crate) fn thumbprint(jwk: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, jwk.as_bytes()))
}

/// `SHA256:` and the SHA-256 of the SPKI.
pub(crate) fn fingerprint(pair: &Pair) -> String {
    fingerprint_of(&spki(pair))
}

/// The same of an SPKI as DER.
pub(crate) fn fingerprint_of(spki: &[u8]) -> String {
    format!("SHA256:{}", STANDARD.encode(digest(&SHA256, spki)))
}
