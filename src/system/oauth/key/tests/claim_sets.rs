//! The header and the claims of each provider, byte for byte.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use serde_json::value::RawValue;

use super::{TEXT, is_signed_by, key, parts, text, vector};
use crate::clock::Now;
use crate::system::oauth::key::certificate::Certificate;
use crate::system::oauth::key::claims::ClaimSet;
use crate::system::oauth::key::jws::sign_with_secret;
use crate::system::oauth::key::signing_key::SigningKey;
use crate::system::oauth::key::{client_claims as client, provider_claims as provider};

const NOW: u64 = 1_700_000_000;

fn at(secs: u64) -> Now {
    Now::new(Duration::ZERO, UNIX_EPOCH + Duration::from_secs(secs) + Duration::from_millis(999))
}

/// An input of a set.
fn given(set: &str, name: &str) -> &'static str {
    text(&format!("/claim_sets/sets/{set}/in/{name}"))
}

fn list(set: &str, name: &str) -> Vec<&'static str> {
    let list = vector(&format!("/claim_sets/sets/{set}/in/{name}")).as_array().unwrap();
    list.iter().map(|it| it.as_str().unwrap()).collect()
}

/// A member of a set, with its own order of members and without blanks.
fn written(set: &str, member: &str) -> String {
    #[derive(serde::Deserialize)]
    struct File<'a> {
        #[serde(borrow)]
        claim_sets: Sets<'a>,
    }
    #[derive(serde::Deserialize)]
    struct Sets<'a> {
        #[serde(borrow)]
        sets:
            std::collections::BTreeMap<&'a str, std::collections::BTreeMap<&'a str, &'a RawValue>>,
    }
    let file: File<'_> = serde_json::from_str(TEXT).unwrap();
    let raw = file.claim_sets.sets[set][member].get();
    let lines = raw.lines().map(str::trim).collect::<String>();
    lines.replace("\": ", "\":")
}

/// The claims without the random one.
fn without_jti(claims: &str) -> String {
    let Some((before, rest)) = claims.split_once("\"jti\":\"") else {
        return claims.to_owned();
    };
    let (jti, after) = rest.split_once("\",").unwrap();
    assert_eq!(jti, "random");
    format!("{before}{after}")
}

/// The key that signs a set: with the algorithm that the set wants.
fn signer(set: &ClaimSet, key: SigningKey) -> SigningKey {
    match set.algorithm() {
        Some(algorithm) => key.with_algorithm(algorithm).unwrap(),
        None => key,
    }
}

fn signed(set: &ClaimSet, key: SigningKey) -> [String; 2] {
    let key = signer(set, key);
    let claims = set.json(at(NOW), "random", || key.fingerprint());
    let jwt = key.sign(set.header(), &claims).unwrap();
    assert!(is_signed_by(jwt.expose(), &serde_json::from_str(&key.public_jwk()).unwrap()));
    parts(jwt.expose())
}

#[test]
fn the_header_and_the_claims_of_each_set_are_those_of_the_vectors() {
    let (ec, rsa) = (|| key("rfc7515_a3"), || key("rfc7515_a2"));
    let google = "google_jwt_bearer";
    let entra = "entra_certificate";
    let certificate = Certificate::all_in(text("/key_files/bad/5/pem")).unwrap().remove(0);
    assert_eq!(certificate.thumbprint, text("/rfc8705/x5t#S256"));
    let of = given;
    let sets = [
        (
            "private_key_jwt",
            client::client(of("private_key_jwt", "client_id"), of("private_key_jwt", "aud")),
            ec().with_key_id("k1"),
        ),
        (
            entra,
            client::entra(
                of(entra, "client_id"),
                &format!(
                    "https://login.microsoftonline.com/{}/oauth2/v2.0/token",
                    of(entra, "tenant")
                ),
            ),
            rsa().with_key_id(certificate.thumbprint),
        ),
        (
            google,
            provider::google_jwt_bearer(
                of(google, "client_email"),
                &list(google, "scopes").join(" "),
                None,
            ),
            rsa().with_key_id(of(google, "private_key_id")),
        ),
        (
            "google_self_signed_audience",
            provider::google_self_signed_audience(
                of("google_self_signed_audience", "client_email"),
                of("google_self_signed_audience", "audience"),
            ),
            rsa().with_key_id("abc123"),
        ),
        (
            "google_self_signed_scope",
            provider::google_self_signed_scope(
                of("google_self_signed_scope", "client_email"),
                &list("google_self_signed_scope", "scopes"),
            ),
            rsa().with_key_id("abc123"),
        ),
        ("github_app", provider::github_app(of("github_app", "app")), rsa()),
        (
            "snowflake",
            provider::snowflake(of("snowflake", "account"), of("snowflake", "user")),
            rsa(),
        ),
        (
            "app_store_connect",
            provider::app_store_connect(of("app_store_connect", "issuer_id")),
            ec().with_key_id(of("app_store_connect", "key_id")),
        ),
        (
            "salesforce",
            provider::salesforce(
                of("salesforce", "consumer_key"),
                of("salesforce", "username"),
                of("salesforce", "login"),
            ),
            rsa(),
        ),
        (
            "docusign",
            provider::docusign(
                of("docusign", "integration_key"),
                of("docusign", "user"),
                of("docusign", "host"),
                &list("docusign", "scopes"),
            ),
            rsa(),
        ),
    ];
    for (name, set, key) in sets {
        let [header, claims] = signed(&set, key);
        assert_eq!(header, written(name, "header"), "{name}");
        assert_eq!(without_jti(&claims), written(name, "claims"), "{name}");
        let is_random = vector(&format!("/claim_sets/sets/{name}")).get("random").is_some();
        assert_eq!(claims.contains("\"jti\""), is_random, "{name}");
    }
}

#[test]
fn a_client_secret_signs_the_same_claims() {
    let name = "client_secret_jwt";
    let set = client::client(given(name, "client_id"), given(name, "aud"));
    let claims = set.json(at(NOW), "random", String::new);
    let jwt = sign_with_secret(&given(name, "secret").into(), set.header(), &claims).unwrap();
    let [header, claims] = parts(jwt.expose());
    assert_eq!(header, written(name, "header"));
    assert_eq!(without_jti(&claims), written(name, "claims"));
}

#[test]
fn a_delegated_google_assertion_adds_the_subject() {
    let name = "google_jwt_bearer";
    let subject = text("/claim_sets/sets/google_jwt_bearer_delegated/adds/sub");
    let (email, scopes) = (given(name, "client_email"), list(name, "scopes").join(" "));
    let json = |subject| {
        let set = provider::google_jwt_bearer(email, &scopes, subject);
        set.json(at(NOW), "", String::new)
    };
    let added = json(Some(subject)).replacen(&format!(r#""sub":"{subject}","#), "", 1);
    assert_eq!(added, json(None));
    assert_ne!(json(Some(subject)), json(None));
}

#[test]
fn a_snowflake_account_is_in_upper_case_and_has_no_region() {
    let accounts = vector("/claim_sets/sets/snowflake_locator_with_region/accounts");
    let subject = |account: &str| {
        let claims = provider::snowflake(account, "svc_user").json(at(NOW), "", String::new);
        let claims: Value = serde_json::from_str(&claims).unwrap();
        claims["sub"].as_str().unwrap().to_owned()
    };
    for pair in accounts.as_array().unwrap() {
        let [given, account] = [0, 1].map(|index| pair[index].as_str().unwrap());
        assert_eq!(subject(given), format!("{account}.SVC_USER"), "{given}");
    }
    let region = "snowflake_locator_with_region";
    assert_eq!(subject(given(region, "account")), text(&format!("/claim_sets/sets/{region}/sub")));
}

#[test]
fn a_backdate_moves_iat_and_exp_by_120_s_at_most() {
    let set = || client::client("billing", "https://idp.example");
    let times = |set: &ClaimSet| {
        let claims: Value = serde_json::from_str(&set.json(at(NOW), "", String::new)).unwrap();
        [&claims["iat"], &claims["exp"]].map(|it| it.as_u64().unwrap())
    };
    for backdate in [0, 1, 120] {
        let set = set().with_backdate(Duration::from_secs(backdate)).unwrap();
        assert_eq!(times(&set), [NOW - backdate, NOW - backdate + 60]);
    }
    let error = set().with_backdate(Duration::from_millis(120_001)).unwrap_err();
    assert!(error.to_string().contains("120 s at most"), "{error}");
}

#[test]
fn typ_can_be_set_or_left_out_and_a_claim_can_be_added_once() {
    let set = || client::client("billing", "https://idp.example");
    let header = |set: &ClaimSet| signed(set, key("rfc7515_a3"))[0].clone();
    assert_eq!(header(&set().with_typ(Some("JWT"))), r#"{"typ":"JWT","alg":"ES256"}"#);
    assert_eq!(header(&set().with_typ(None)), r#"{"alg":"ES256"}"#);
    let more = set().with_claim("scope", "a \"b\"").unwrap();
    assert!(signed(&more, key("rfc7515_a3"))[1].ends_with(r#","scope":"a \"b\""}"#));
    for name in ["scope", "jti", "exp", "aud"] {
        let error = more.clone().with_claim(name, "x").unwrap_err().to_string();
        assert!(error.contains(&format!("`{name}` is set already")), "{error}");
    }
}
