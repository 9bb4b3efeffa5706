//! Keys whose parts do not fit, and keys that are written in an unusual way.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{decoded, key, text, vector};
use crate::basics::der::{self, BIT_STRING, INTEGER, OCTET_STRING, OID, SEQUENCE};
use crate::exchange::error::ExchangeErrorKind;
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::jws::HeaderMember;
use crate::system::oauth::key::pair::Curve;
use crate::system::oauth::key::pkcs8::{self, EC_PUBLIC_KEY, RSA_ENCRYPTION};
use crate::system::oauth::key::signing_key::SigningKey;

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn flaw(text: &str) -> Option<Flaw> {
    SigningKey::read(text).err()
}

/// The JWK of a vector, with other members.
fn jwk(name: &str, change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let mut jwk = vector(&format!("/{name}/jwk")).clone();
    change(jwk.as_object_mut().unwrap());
    jwk.to_string()
}

/// The bytes of a member, changed.
fn changed(jwk: &mut Map<String, Value>, member: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = decoded(jwk[member].as_str().unwrap());
    change(&mut bytes);
    jwk.insert(member.to_owned(), json!(URL_SAFE_NO_PAD.encode(bytes)));
}

#[test]
fn a_private_half_with_the_public_half_of_another_key_is_an_error() {
    let generator = |jwk: &mut Map<String, Value>| {
        jwk.insert("x".to_owned(), json!("axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY"));
        jwk.insert("y".to_owned(), json!("T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"));
    };
    let last = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 2;
    for text in [
        jwk("rfc7515_a3", generator),
        jwk("rfc7515_a3", |jwk| changed(jwk, "y", last)),
        jwk("rfc7515_a3", |jwk| changed(jwk, "d", |d| d.fill(0))),
        jwk("rfc7515_a3", |jwk| changed(jwk, "d", |d| d.fill(0xff))),
        jwk("rfc7515_a3", |jwk| changed(jwk, "d", |d| d.insert(0, 1))),
        jwk("rfc8037", |jwk| changed(jwk, "x", last)),
        jwk("rfc8037", |jwk| changed(jwk, "x", Vec::clear)),
        jwk("rfc8037", |jwk| changed(jwk, "d", |d| d.truncate(31))),
        jwk("rfc7515_a2", |jwk| changed(jwk, "n", last)),
        jwk("rfc7515_a2", |jwk| changed(jwk, "p", last)),
        jwk("rfc7515_a2", |jwk| changed(jwk, "e", |e| *e = vec![3])),
        jwk("rfc7515_a2", |jwk| changed(jwk, "e", Vec::clear)),
    ] {
        assert_eq!(flaw(&text), Some(Flaw::Contradictory), "{text}");
    }
    for member in ["x", "y"] {
        let long = jwk("rfc7515_a3", |jwk| changed(jwk, member, |it| it.push(0)));
        assert_eq!(flaw(&long), Some(Flaw::JwkDamaged), "{member}");
    }
}

#[test]
fn an_rsa_key_whose_numbers_do_not_belong_together_makes_no_signature() {
    for member in ["dp", "dq", "qi"] {
        let text = jwk("rfc7515_a2", |jwk| changed(jwk, member, |it| it[20] ^= 4));
        let Ok(key) = SigningKey::read(&text) else { continue };
        let error = key.sign(&[HeaderMember::Algorithm], "{}").unwrap_err();
        assert_eq!(error.kind(), ExchangeErrorKind::Configuration, "{member}");
        assert!(error.to_string().contains("makes no signature"), "{error}");
    }
}

#[test]
fn leading_zeros_change_nothing() {
    for (name, members) in [("rfc7515_a3", &["d"][..]), ("rfc7515_a2", &["n", "e", "d", "p", "qi"])]
    {
        for zeros in [1, 40] {
            let text = jwk(name, |jwk| {
                for member in members {
                    changed(jwk, member, |it| drop(it.splice(0..0, vec![0; zeros])));
                }
            });
            assert_eq!(SigningKey::read(&text).unwrap().thumbprint(), key(name).thumbprint());
        }
    }
}

#[test]
fn a_jwk_with_a_member_of_a_service_account_is_a_jwk() {
    let text = jwk("rfc7515_a3", |jwk| {
        jwk.insert("private_key".to_owned(), json!("hunter2"));
        jwk.insert("private_key_id".to_owned(), json!("other"));
    });
    let read = SigningKey::read(&text).unwrap();
    assert_eq!((read.thumbprint(), read.key_id()), (key("rfc7515_a3").thumbprint(), None));
}

#[test]
fn each_kind_of_public_key_and_of_certificate_is_named() {
    for (label, expected) in [
        ("PUBLIC KEY", Flaw::PublicKey),
        ("RSA PUBLIC KEY", Flaw::PublicKey),
        ("CERTIFICATE", Flaw::Certificate),
        ("X509 CERTIFICATE", Flaw::Certificate),
        ("TRUSTED CERTIFICATE", Flaw::Certificate),
        ("CERTIFICATE REQUEST", Flaw::NoKey),
        ("EC PARAMETERS", Flaw::NoKey),
        ("PRIVATE KEY ", Flaw::NoKey),
        ("ANY PRIVATE KEY", Flaw::OtherKind),
    ] {
        assert_eq!(flaw(&pem(label, &[1])), Some(expected), "{label}");
    }
}

/// A SEC 1 key of the P-256 vector, with this public half.
fn sec1(public: &[u8]) -> String {
    let curve = der::value(OID, &[pkcs8::oid(Curve::P256)]);
    let parts = [
        der::value(INTEGER, &[&[1]]),
        der::value(OCTET_STRING, &[&decoded(text("/rfc7515_a3/jwk/d"))]),
        der::value(0xa0, &[&curve]),
        der::value(0xa1, &[&der::value(BIT_STRING, &[public])]),
    ];
    pem("EC PRIVATE KEY", &der::value(SEQUENCE, &parts.each_ref().map(|part| &**part)))
}

#[test]
fn only_an_uncompressed_public_half_counts() {
    let [x, y] = ["x", "y"].map(|it| decoded(text(&format!("/rfc7515_a3/jwk/{it}"))));
    let point = |first: u8, parts: &[&[u8]]| [&[0, first][..], &parts.concat()].concat();
    assert_eq!(flaw(&sec1(&point(4, &[&x, &y]))), None);
    for (what, public) in [
        ("compressed", point(2, &[&x])),
        ("hybrid", point(6, &[&x, &y])),
        ("too long", point(4, &[&x, &y, &[0]])),
        ("too short", point(4, &[&x])),
        ("infinity", vec![0, 0]),
        ("no point", vec![0]),
        ("no bits", Vec::new()),
    ] {
        assert_eq!(flaw(&sec1(&public)), Some(Flaw::NoPublicHalf), "{what}");
    }
    assert_eq!(flaw(&sec1(&point(4, &[&y, &x]))), Some(Flaw::Contradictory), "swapped");
}

/// A PKCS#8 key, and the tags of its version, its algorithm's name and its key.
fn info(tags: [u8; 3]) -> Vec<u8> {
    let [version, name, octets] = tags;
    let rsa = pkcs1(INTEGER, INTEGER);
    let algorithm = [der::value(name, &[RSA_ENCRYPTION]), vec![5, 0]].concat();
    let parts = [
        der::value(version, &[&[0]]),
        der::value(SEQUENCE, &[&algorithm]),
        der::value(octets, &[&rsa]),
    ];
    der::value(SEQUENCE, &parts.each_ref().map(|part| &**part))
}

/// A PKCS#1 key, with these tags of its version and of its modulus.
fn pkcs1(version: u8, modulus: u8) -> Vec<u8> {
    let number = |name: &str| {
        // A number whose first bit is set has a zero before it.
        [vec![0], decoded(text(&format!("/rfc7515_a2/jwk/{name}")))].concat()
    };
    let mut parts = vec![der::value(version, &[&[0]]), der::value(modulus, &[&number("n")])];
    let rest = ["e", "d", "p", "q", "dp", "dq", "qi"];
    parts.extend(rest.map(|name| der::value(INTEGER, &[&number(name)])));
    der::value(SEQUENCE, &[&parts.concat()])
}

#[test]
fn a_value_of_another_type_is_damage() {
    assert_eq!(flaw(&pem("PRIVATE KEY", &info([INTEGER, OID, OCTET_STRING]))), None);
    for tags in [
        [OCTET_STRING, OID, OCTET_STRING],
        [INTEGER, OCTET_STRING, OCTET_STRING],
        [INTEGER, OID, BIT_STRING],
    ] {
        assert_eq!(flaw(&pem("PRIVATE KEY", &info(tags))), Some(Flaw::Damaged), "{tags:?}");
    }
    assert_eq!(flaw(&pem("RSA PRIVATE KEY", &pkcs1(INTEGER, INTEGER))), None);
    for (version, modulus) in [(OCTET_STRING, INTEGER), (INTEGER, OCTET_STRING)] {
        let text = pem("RSA PRIVATE KEY", &pkcs1(version, modulus));
        assert_eq!(flaw(&text), Some(Flaw::Damaged), "{version} {modulus}");
    }
    let explicit = der::value(SEQUENCE, &[&der::value(INTEGER, &[&[1]])]);
    let algorithm = [der::value(OID, &[EC_PUBLIC_KEY]), explicit].concat();
    let parts = [
        der::value(INTEGER, &[&[0]]),
        der::value(SEQUENCE, &[&algorithm]),
        der::value(OCTET_STRING, &[&[1]]),
    ];
    let curve_written_out = der::value(SEQUENCE, &parts.each_ref().map(|part| &**part));
    assert_eq!(flaw(&pem("PRIVATE KEY", &curve_written_out)), Some(Flaw::OtherKind));
}
