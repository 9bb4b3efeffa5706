//! Assertions that are signed here.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{JwtKey, OAuthClient, OAuthGrant};
use tower_outbound_auth::{Credential, Error};

use crate::{ENDPOINT, Endpoint, builder, source};

/// The key of RFC 7515 appendix A.3.
pub(crate) const P256: &str = r#"{"kty":"EC","crv":"P-256","kid":"16","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;

fn json_of(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The header and the claims of an assertion.
pub(crate) fn read(assertion: &str) -> (Value, Value) {
    let parts: Vec<_> = assertion.split('.').collect();
    assert_eq!(parts.len(), 3);
    (json_of(parts[0]), json_of(parts[1]))
}

#[tokio::test]
async fn each_request_has_an_assertion_of_its_own_by_the_clock_of_the_source() {
    let endpoint = Endpoint::willing();
    let (source, clock) =
        source(builder().client(OAuthClient::with_key("billing", JwtKey::new(P256))), &endpoint);
    let mut ids = Vec::new();
    for number in 0..20 {
        let token = source.token().await.unwrap();
        let sent = endpoint.sent()[number].clone();
        assert_eq!(sent.param("client_id"), "billing");
        assert_eq!(
            sent.param("client_assertion_type"),
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        let (header, claims) = read(&sent.param("client_assertion"));
        assert_eq!(
            header,
            json!({"typ": "client-authentication+jwt", "alg": "ES256", "kid": "16"})
        );
        let now = 1_767_225_600 + 301 * number as u64;
        let jti = claims["jti"].as_str().unwrap().to_owned();
        let expected = json!({"iss": "billing", "sub": "billing", "aud": ENDPOINT, "jti": jti, "iat": now, "exp": now + 60});
        assert_eq!(claims, expected);
        assert!(!ids.contains(&jti), "each has another jti");
        ids.push(jti);
        drop(token);
        clock.advance(Duration::from_secs(301));
    }
}

#[tokio::test]
async fn the_audience_the_type_and_the_time_of_an_assertion_can_be_set() {
    let endpoint = Endpoint::willing();
    let client = OAuthClient::with_key("billing", JwtKey::new(P256).with_key_id("new"))
        .audience("https://idp.example/")
        .typ(None)
        .backdate(Duration::from_secs(30));
    let (source, _) = source(builder().client(client), &endpoint);
    source.token().await.unwrap();
    let (header, claims) = read(&endpoint.sent()[0].param("client_assertion"));
    assert_eq!(header, json!({"alg": "ES256", "kid": "new"}));
    assert_eq!(
        (&claims["aud"], &claims["iat"]),
        (&json!("https://idp.example/"), &json!(1_767_225_570))
    );
    let client = OAuthClient::with_key("a", JwtKey::new(P256)).backdate(Duration::from_secs(121));
    let error = builder().client(client).build().unwrap_err().to_string();
    assert!(error.contains("120 s at most"), "{error}");
}

#[tokio::test]
async fn a_secret_signs_and_is_never_sent() {
    let endpoint = Endpoint::willing();
    let secret = "a secret of thirty-two bytes, or more";
    let (source, _) =
        source(builder().client(OAuthClient::with_secret_jwt("billing", secret)), &endpoint);
    source.token().await.unwrap();
    let sent = &endpoint.sent()[0];
    assert!(!sent.body.contains("thirty") && sent.header("authorization").is_empty());
    let assertion = sent.param("client_assertion");
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(signed.as_bytes());
    assert_eq!(signature, URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    assert_eq!(read(&assertion).0["alg"], "HS256");
}

#[tokio::test]
async fn a_key_that_cannot_sign_is_an_error_that_says_why() {
    let build = |key: JwtKey| {
        builder().client(OAuthClient::with_key("a", key)).build().unwrap_err().to_string()
    };
    let error = build(JwtKey::new("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"));
    assert!(error.contains("public key"), "{error}");

    let path = std::env::temp_dir().join(format!("oauth-key-{}", std::process::id()));
    std::fs::write(&path, "hunter2-is-no-key").unwrap();
    let endpoint = Endpoint::willing();
    let key = JwtKey::new(Credential::file(&path));
    let (source, _) = source(builder().client(OAuthClient::with_key("a", key)), &endpoint);
    let error: Error = source.token().await.unwrap_err();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration);
    let text = error.to_string();
    assert!(text.contains(&path.display().to_string()) && !text.contains("hunter2"), "{text}");
    assert!(endpoint.sent().is_empty(), "nothing was sent");
}

#[tokio::test]
async fn an_id_that_changes_in_its_file_is_in_the_claims_of_the_next_exchange() {
    let path = std::env::temp_dir().join(format!("oauth-id-{}", std::process::id()));
    std::fs::write(&path, "billing-1").unwrap();
    let endpoint = Endpoint::willing();
    let client = OAuthClient::with_key(Credential::file(&path), JwtKey::new(P256));
    let (source, clock) = source(builder().client(client), &endpoint);
    source.token().await.unwrap();
    std::fs::write(&path, "billing-2").unwrap();
    clock.advance(Duration::from_secs(301));
    source.token().await.unwrap();
    std::fs::remove_file(&path).unwrap();
    for (sent, id) in endpoint.sent().iter().zip(["billing-1", "billing-2"]) {
        let (_, claims) = read(&sent.param("client_assertion"));
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!(id), &json!(id)));
        assert_eq!(sent.param("client_id"), id);
    }
}

#[tokio::test]
async fn an_assertion_is_a_grant_too() {
    let endpoint = Endpoint::willing();
    let minted = Credential::minted(|| async { Ok("a.b.c".into()) });
    let (source, _) = source(builder().grant(OAuthGrant::JwtBearer(minted)), &endpoint);
    source.token().await.unwrap();
    assert_eq!(endpoint.sent()[0].param("assertion"), "a.b.c");
}
