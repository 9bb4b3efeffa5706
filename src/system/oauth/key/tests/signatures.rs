//! The signatures of the RFCs, thumbprints and fingerprints.

use serde_json::Value;

use super::{decoded, is_signed_by, key, parts, text, vector};
use crate::secret::Secret;
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::jws::{HeaderMember, sign_with_secret};
use crate::system::oauth::key::public;
use crate::system::oauth::key::signing_key::SigningKey;

const HEADER: [HeaderMember; 1] = [HeaderMember::Algorithm];

/// The claims of a vector's signing input.
fn claims(name: &str) -> String {
    let (_, claims) = text(&format!("/{name}/signing_input")).split_once('.').unwrap();
    String::from_utf8(decoded(claims)).unwrap()
}

fn signed(key: &SigningKey, claims: &str) -> String {
    key.sign(&HEADER, claims).unwrap().expose().to_owned()
}

#[test]
fn a_deterministic_signature_is_that_of_the_rfc() {
    for name in ["rfc7515_a2", "rfc8037"] {
        let [input, signature] =
            ["signing_input", "signature"].map(|it| text(&format!("/{name}/{it}")));
        assert_eq!(signed(&key(name), &claims(name)), format!("{input}.{signature}"), "{name}");
    }
}

#[test]
fn a_random_signature_can_be_verified_with_the_public_half() {
    let pss = key("rfc7515_a2").with_algorithm(Algorithm::Ps256).unwrap();
    for (name, of, key) in
        [("rfc7515_a3", "rfc7515_a3", key("rfc7515_a3")), ("ps256", "rfc7515_a2", pss)]
    {
        let jwk = vector(&format!("/{of}/jwk"));
        let input = text(&format!("/{name}/signing_input"));
        let published = format!("{input}.{}", text(&format!("/{name}/signature")));
        assert!(is_signed_by(&published, jwk), "the check accepts the published signature");
        let ours = signed(&key, &claims(name));
        assert!(ours.starts_with(&format!("{input}.")) && ours != published, "{ours}");
        assert!(is_signed_by(&ours, jwk), "{ours}");
        let other = ours.replacen("eyJpc3Mi", "eyJpc3Mj", 1);
        assert!(!is_signed_by(&other, jwk), "the check refuses other claims");
    }
}

#[test]
fn an_ec_signature_is_r_and_s_and_not_der() {
    for (key, length) in [
        (key("rfc7515_a3"), 64),
        (SigningKey::parse(text("/openssl/good/p384_pkcs8/pem")).unwrap(), 96),
    ] {
        let jwt = signed(&key, "{}");
        let (_, signature) = jwt.rsplit_once('.').unwrap();
        assert_eq!(decoded(signature).len(), length);
        let jwk: Value = serde_json::from_str(&key.public_jwk()).unwrap();
        assert!(is_signed_by(&jwt, &jwk));
    }
}

#[test]
fn the_header_has_the_algorithm_and_the_key_id_of_the_key() {
    let header = [
        HeaderMember::KeyId,
        HeaderMember::Text("typ", "a\"b".to_owned()),
        HeaderMember::Algorithm,
    ];
    let of = |key: &SigningKey| parts(key.sign(&header, "{}").unwrap().expose())[0].clone();
    let key = key("rfc7515_a3");
    assert_eq!(of(&key), r#"{"typ":"a\"b","alg":"ES256"}"#);
    assert_eq!(of(&key.with_key_id("k\n1")), r#"{"kid":"k\n1","typ":"a\"b","alg":"ES256"}"#);
}

#[test]
fn a_client_secret_of_32_bytes_signs_and_a_shorter_one_does_not() {
    let secret = |length| Secret::from("s".repeat(length));
    let jwt = sign_with_secret(&secret(32), &HEADER, r#"{"iss":"joe"}"#).unwrap();
    assert_eq!(parts(jwt.expose()), [r#"{"alg":"HS256"}"#, r#"{"iss":"joe"}"#]);
    let mac = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret(32).expose().as_bytes());
    let (input, signature) = jwt.expose().rsplit_once('.').unwrap();
    assert!(ring::hmac::verify(&mac, input.as_bytes(), &decoded(signature)).is_ok());
    let error = sign_with_secret(&secret(31), &HEADER, "{}").unwrap_err();
    assert_eq!(error.kind().as_str(), "configuration");
    assert!(error.to_string().contains("fewer than 32 bytes"), "{error}");
}

#[test]
fn the_public_jwk_and_its_thumbprint_are_those_of_the_rfcs() {
    let ed25519 = key("rfc8037");
    assert_eq!(ed25519.thumbprint(), text("/rfc8037/thumbprint"));
    let jwk = r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    assert_eq!(ed25519.public_jwk(), jwk);
    for (name, members) in
        [("rfc7515_a2", &["e", "kty", "n"][..]), ("rfc7515_a3", &["crv", "kty", "x", "y"])]
    {
        let public = key(name).public_jwk();
        let all = vector(&format!("/{name}/jwk"));
        let member = |name: &&str| format!("\"{name}\":{}", all[name]);
        let expected: Vec<_> = members.iter().map(member).collect();
        assert_eq!(public, format!("{{{}}}", expected.join(",")), "in the order of RFC 7638");
        assert!(!public.contains(all["d"].as_str().unwrap()));
    }
}

#[test]
fn the_thumbprint_of_an_rsa_key_is_that_of_rfc_7638() {
    let [n, e] = ["n", "e"].map(|name| decoded(text(&format!("/rfc7638/jwk/{name}"))));
    let thumbprint = public::thumbprint(&public::rsa_jwk(&n, &e));
    assert_eq!(thumbprint, text("/rfc7638/thumbprint"));
}

#[test]
fn the_fingerprint_is_that_of_openssl_for_each_kind_of_key() {
    let good = |name: &str| text(&format!("/key_files/good/{name}"));
    for (name, hash) in vector("/openssl/spki_sha256").as_object().unwrap() {
        let key = SigningKey::parse(good(name)).unwrap();
        assert_eq!(key.fingerprint(), format!("SHA256:{}", hash.as_str().unwrap()), "{name}");
    }
    for (name, made) in vector("/openssl/good").as_object().unwrap() {
        let key = SigningKey::parse(made["pem"].as_str().unwrap()).unwrap();
        let hash = made["spki_sha256"].as_str().unwrap();
        assert_eq!(key.fingerprint(), format!("SHA256:{hash}"), "{name}");
    }
    assert_eq!(key("rfc7515_a2").fingerprint(), text("/claim_sets/sets/snowflake/spki_sha256"));
}
