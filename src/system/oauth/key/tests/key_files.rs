//! Texts with a private key, and texts without one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{decoded, key, text, vector};
use crate::basics::der;
use crate::error::ErrorKind;
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::pair::Curve;
use crate::system::oauth::key::pkcs8;
use crate::system::oauth::key::signing_key::SigningKey;

fn good(name: &str) -> &'static str {
    text(&format!("/key_files/good/{name}"))
}

fn flaw(text: &str) -> Flaw {
    SigningKey::read(text).unwrap_err()
}

/// The JWK of a vector, with other members.
fn jwk(name: &str, change: impl FnOnce(&mut serde_json::Map<String, Value>)) -> String {
    let mut jwk = vector(&format!("/{name}/jwk")).clone();
    change(jwk.as_object_mut().unwrap());
    jwk.to_string()
}

fn set(member: &str, value: &str) -> impl FnOnce(&mut serde_json::Map<String, Value>) {
    move |jwk| drop(jwk.insert(member.to_owned(), json!(value)))
}

#[test]
fn each_form_of_a_key_is_the_same_key() {
    for (name, same_as, algorithm) in [
        ("rsa_pkcs8", "rfc7515_a2", "RS256"),
        ("rsa_pkcs1", "rfc7515_a2", "RS256"),
        ("rsa_pkcs8_escaped_newlines", "rfc7515_a2", "RS256"),
        ("p256_pkcs8", "rfc7515_a3", "ES256"),
        ("p256_sec1", "rfc7515_a3", "ES256"),
        ("ed25519_pkcs8", "rfc8037", "EdDSA"),
    ] {
        let parsed = SigningKey::parse(good(name)).unwrap();
        assert_eq!(parsed.algorithm().as_str(), algorithm, "{name}");
        assert_eq!(parsed.public_jwk(), key(same_as).public_jwk(), "{name}");
        assert_eq!(parsed.key_id(), None);
    }
    let p384 = |name: &str| SigningKey::parse(text(&format!("/openssl/good/{name}/pem"))).unwrap();
    assert_eq!(p384("p384_pkcs8").algorithm(), Algorithm::Es384);
    assert_eq!(p384("p384_sec1").public_jwk(), p384("p384_pkcs8").public_jwk());
    assert_eq!(p384("p384_sec1_with_parameters").algorithm(), Algorithm::Es384);
    assert_eq!(p384("rsa_4096").algorithm(), Algorithm::Rs256);
}

#[test]
fn what_editors_variables_and_other_parts_of_a_file_add_changes_nothing() {
    let pem = good("p256_pkcs8");
    let certificate = text("/key_files/bad/5/pem");
    for text in [
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\\r\\n"),
        pem.replace('\n', "\\n"),
        pem.replace('\n', " "), // a shell that joins lines
        format!("\u{feff}\n\t {pem}\n \n"),
        format!("{certificate}{pem}{certificate}"),
        format!("Bag Attributes\n    friendlyName: x\n{pem}"),
    ] {
        let parsed = SigningKey::parse(&text).unwrap_or_else(|error| panic!("{error}: {text:?}"));
        assert_eq!(parsed.thumbprint(), key("rfc7515_a3").thumbprint());
    }
    let indented = serde_json::to_string_pretty(vector("/rfc7515_a3/jwk")).unwrap();
    assert!(SigningKey::parse(&format!("\n{}\n", indented.replace('\n', "\r\n"))).is_ok());
}

#[test]
fn each_flaw_of_a_pem_has_its_own_message() {
    let bad = |index: usize| text(&format!("/key_files/bad/{index}/pem"));
    let openssl = |name: &str| text(&format!("/openssl/bad/{name}"));
    let two = format!("{}{}", good("p256_pkcs8"), good("rsa_pkcs1"));
    let (start, _) = good("p256_sec1").split_at(100);
    for (text, expected, says) in [
        (bad(0), Flaw::PublicKey, "a public key"),
        (bad(1), Flaw::Encrypted, "without a passphrase"),
        (bad(2), Flaw::RsaTooSmall, "fewer than 2048 bits"),
        (bad(3), Flaw::NoPublicHalf, "openssl ec -in"),
        (bad(4), Flaw::FirstLineOnly, "only its first line"),
        (bad(5), Flaw::Certificate, "a certificate"),
        (openssl("p521_pkcs8"), Flaw::P521, "P-521 (ES512)"),
        (openssl("p521_sec1"), Flaw::P521, "P-521 (ES512)"),
        (openssl("secp256k1"), Flaw::Secp256k1, "secp256k1"),
        (openssl("ed448"), Flaw::OtherKind, "kind are not supported"),
        (openssl("rsa_pss"), Flaw::OtherKind, "kind are not supported"),
        (openssl("rsa_5120"), Flaw::RsaTooLarge, "more than 4096 bits"),
        (openssl("encrypted_with_header"), Flaw::Encrypted, "without a passphrase"),
        (openssl("openssh"), Flaw::OpenSsh, "ssh-keygen -p -m PKCS8"),
        (&two, Flaw::TwoKeys, "more than one private key"),
        (start, Flaw::NoEnd, "`-----END ..`"),
        ("-----BEGIN RSA PRIVATE", Flaw::FirstLineOnly, "only its first line"),
        (
            "-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----",
            Flaw::OtherKind,
            "use an RSA",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            Flaw::Damaged,
            "cannot be read",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----",
            Flaw::Damaged,
            "cannot be read",
        ),
        ("-----BEGIN X-----\nAAAA\n-----END X-----", Flaw::NoKey, "has no private key"),
        ("", Flaw::NoKey, "has no private key"),
        ("/run/secrets/key.pem", Flaw::NoKey, "`Credential::file`"),
        ("MIGHAgEAMBMGByqGSM49AgEG", Flaw::NoKey, "begins with `-----BEGIN `"),
    ] {
        let error = SigningKey::parse(text).unwrap_err();
        assert_eq!((flaw(text), error.kind()), (expected, ErrorKind::Configuration), "{text}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn the_file_of_a_service_account_is_its_key_and_the_id_of_it() {
    let account = json!({"type": "service_account", "private_key_id": "abc123", "private_key": good("rsa_pkcs8")});
    let key = SigningKey::parse(&account.to_string()).unwrap();
    assert_eq!(key.thumbprint(), SigningKey::parse(good("rsa_pkcs8")).unwrap().thumbprint());
    assert_eq!((key.key_id(), key.algorithm()), (Some("abc123"), Algorithm::Rs256));
}

#[test]
fn each_flaw_of_a_jwk_has_its_own_message() {
    let rsa = |change: fn(&mut serde_json::Map<String, Value>)| jwk("rfc7515_a2", change);
    let without = |member: &'static str| {
        move |jwk: &mut serde_json::Map<String, Value>| {
            jwk.remove(member).unwrap();
        }
    };
    let set_of_keys = json!({"keys": [vector("/rfc7515_a3/jwk")]}).to_string();
    let account = json!({"type": "service_account", "private_key": "hunter2"}).to_string();
    for (text, expected, says) in [
        (rsa(|jwk| drop(jwk.remove("d"))), Flaw::JwkPublic, "no `d`"),
        (jwk("rfc7515_a3", without("d")), Flaw::JwkPublic, "no `d`"),
        (jwk("rfc8037", without("d")), Flaw::JwkPublic, "no `d`"),
        (rsa(|jwk| drop(jwk.remove("qi"))), Flaw::JwkWithoutPrimes, "`qi`"),
        (rsa(|jwk| drop(jwk.remove("n"))), Flaw::JwkDamaged, "RFC 7517"),
        (jwk("rfc7515_a3", without("y")), Flaw::NoPublicHalf, "`x` and `y`"),
        (jwk("rfc7515_a3", set("crv", "P-521")), Flaw::P521, "ES512"),
        (jwk("rfc7515_a3", set("crv", "secp256k1")), Flaw::Secp256k1, "P-256"),
        (jwk("rfc7515_a3", set("crv", "P-384")), Flaw::JwkDamaged, "RFC 7517"),
        (jwk("rfc8037", set("crv", "X25519")), Flaw::OtherKind, "Ed25519"),
        (jwk("rfc7515_a3", set("alg", "ES384")), Flaw::JwkAlgorithm, "ES384 for"),
        (jwk("rfc7515_a3", set("alg", "RS256")), Flaw::JwkAlgorithm, "`alg`"),
        (jwk("rfc7515_a2", set("alg", "RSA-OAEP")), Flaw::JwkAlgorithm, "RS256 or PS256"),
        (jwk("rfc7515_a3", set("x", "AAAA")), Flaw::JwkDamaged, "RFC 7517"),
        (jwk("rfc7515_a3", set("d", "no base64!")), Flaw::JwkDamaged, "RFC 7517"),
        (jwk("rfc7515_a3", set("d", "AAAB")), Flaw::Contradictory, "do not belong together"),
        (vector("/rfc7515_a1/jwk").to_string(), Flaw::JwkSecret, "shared secret"),
        (set_of_keys, Flaw::JwkSet, "a JWK set"),
        (account, Flaw::NoKey, "no private key"),
        (r#"{"kty":"EC","kty":"EC"}"#.to_owned(), Flaw::JwkDamaged, "each once"),
        ("{}".to_owned(), Flaw::JwkDamaged, "`kty`"),
        ("{".to_owned(), Flaw::JwkDamaged, "`kty`"),
    ] {
        let error = SigningKey::parse(&text).unwrap_err();
        assert_eq!((flaw(&text), error.kind()), (expected, ErrorKind::Configuration), "{text}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_jwk_says_its_key_id_and_its_algorithm() {
    let key = |name, change| SigningKey::parse(&jwk(name, change)).unwrap();
    assert_eq!(key("rfc7515_a2", set("alg", "PS256")).algorithm(), Algorithm::Ps256);
    assert_eq!(key("rfc7515_a2", set("alg", "RS256")).algorithm(), Algorithm::Rs256);
    let ed25519 = SigningKey::parse(&jwk("rfc8037", set("alg", "Ed25519"))).unwrap();
    assert_eq!(ed25519.algorithm(), Algorithm::EdDsa);
    let named = SigningKey::parse(&jwk("rfc7515_a3", set("kid", "2026-01"))).unwrap();
    assert_eq!(named.key_id(), Some("2026-01"));
    assert_eq!(named.with_key_id("other").key_id(), Some("other"));
}

#[test]
fn only_an_rsa_key_has_a_choice_of_algorithms() {
    use Algorithm::{EdDsa, Es256, Es384, Ps256, Rs256};
    let p384 = SigningKey::parse(text("/openssl/good/p384_pkcs8/pem")).unwrap();
    for (key, can) in [
        (key("rfc7515_a2"), &[Rs256, Ps256][..]),
        (key("rfc7515_a3"), &[Es256]),
        (p384, &[Es384]),
        (key("rfc8037"), &[EdDsa]),
    ] {
        for algorithm in [Rs256, Ps256, Es256, Es384, EdDsa] {
            match key.clone().with_algorithm(algorithm) {
                Ok(key) => assert!(can.contains(&algorithm) && key.algorithm() == algorithm),
                Err(error) => {
                    assert!(!can.contains(&algorithm), "{error}");
                    let says = format!("makes {} signatures, and {algorithm} was", key.algorithm());
                    assert!(error.to_string().contains(&says), "{error}");
                }
            }
        }
    }
}

/// The private number 1, whose public half is the generator of P-256 (SEC 2 section 2.4.2).
#[test]
fn a_private_number_without_its_leading_zeros_is_a_key() {
    let jwk = |d: &str| {
        let x = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY";
        let y = "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU";
        json!({"kty": "EC", "crv": "P-256", "d": d, "x": x, "y": y}).to_string()
    };
    let short = SigningKey::parse(&jwk("AQ")).unwrap();
    let full = SigningKey::parse(&jwk(&format!("{}E", "A".repeat(42)))).unwrap();
    assert_eq!(short.thumbprint(), full.thumbprint());
    assert_eq!(flaw(&jwk("Ag")), Flaw::Contradictory, "the private number 2");
}

#[test]
fn a_pkcs8_key_that_names_two_curves_is_an_error() {
    let pem = |inner: Curve| {
        let jwk = |member: &str| decoded(text(&format!("/rfc7515_a3/jwk/{member}")));
        let curve = |curve| der::value(der::OID, &[pkcs8::oid(curve)]);
        let bits = der::value(der::BIT_STRING, &[&[0, 4], &jwk("x"), &jwk("y")]);
        let parts = [
            der::value(der::INTEGER, &[&[1]]),
            der::value(der::OCTET_STRING, &[&jwk("d")]),
            der::value(0xa0, &[&curve(inner)]),
            der::value(0xa1, &[&bits]),
        ];
        let key = der::value(der::SEQUENCE, &parts.each_ref().map(|part| &**part));
        let id = der::value(der::OID, &[pkcs8::EC_PUBLIC_KEY]);
        let parts = [
            der::value(der::INTEGER, &[&[0]]),
            der::value(der::SEQUENCE, &[&id, &curve(Curve::P256)]),
            der::value(der::OCTET_STRING, &[&key]),
        ];
        let info = der::value(der::SEQUENCE, &parts.each_ref().map(|part| &**part));
        let body = STANDARD.encode(info);
        format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    };
    assert!(SigningKey::parse(&pem(Curve::P256)).is_ok());
    assert_eq!(flaw(&pem(Curve::P384)), Flaw::Contradictory);
}

/// Eight characters in a row of a key are enough to fail.
fn quotes(message: &str, key: &str) -> bool {
    let lines = key.lines().filter(|line| !line.starts_with('-'));
    lines.flat_map(|line| line.as_bytes().windows(8)).any(|part| {
        let part = String::from_utf8_lossy(part);
        message.contains(&*part)
    })
}

#[test]
fn a_cut_or_changed_key_is_an_error_that_does_not_quote_it() {
    let jwk = vector("/rfc7515_a3/jwk").to_string();
    assert!(
        quotes("x MC4CAQAwBQYDK2VwBCIEIJ y", good("ed25519_pkcs8")),
        "the check recognises a part of a key"
    );
    for text in [good("p256_pkcs8"), good("p256_sec1"), good("ed25519_pkcs8"), &jwk] {
        for end in 0..text.trim().len() {
            let error = SigningKey::parse(&text[..end]).unwrap_err().to_string();
            assert!(!quotes(&error, &text.replace('"', "\n")), "{end}: {error}");
        }
    }
    let body: String = good("p256_sec1").lines().filter(|line| !line.starts_with('-')).collect();
    for at in 0..body.len() {
        for other in ["A", "/", "9"] {
            let mut changed = body.clone();
            changed.replace_range(at..=at, other);
            let pem = format!(
                "-----BEGIN EC PRIVATE KEY-----\n{changed}\n-----END EC PRIVATE KEY-----\n"
            );
            // It may still be the same key: the version is not read.
            match SigningKey::parse(&pem) {
                Ok(found) => assert_eq!(found.thumbprint(), key("rfc7515_a3").thumbprint()),
                Err(error) => assert!(!quotes(&error.to_string(), &body), "{error}"),
            }
        }
    }
}
