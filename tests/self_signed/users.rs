//! Grants whose assertion is signed here: Salesforce, DocuSign, and any other.

use serde_json::{Value, json};
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::endpoint::Grant;
use tower_outbound_auth::system::{JwtKey, OAuth, OAuthGrant, SelfSigned};
use tower_outbound_auth::testkit::ManualClock;

use crate::imitation::{Imitation, response};
use crate::keys::{Place, p256, rsa, verified};
use crate::{Caller, MINUTE, secs};

#[tokio::test]
async fn an_assertion_has_the_claims_of_its_provider() {
    // Keys that are read again, and one that is a value.
    let key = |text| JwtKey::new(Place::with(text).credential());
    let own = SelfSigned::new(JwtKey::new(p256()), "me", 5 * MINUTE).unwrap();
    let own = own.with_claim("aud", "https://idp.example").unwrap();
    for (grant, key, claims, life) in [
        (
            OAuthGrant::salesforce(
                key(rsa()),
                "3MVG9",
                "ann@a.example",
                "https://login.salesforce.com",
            ),
            rsa(),
            json!({"iss": "3MVG9", "sub": "ann@a.example", "aud": "https://login.salesforce.com"}),
            180,
        ),
        (
            OAuthGrant::docusign(
                key(rsa()),
                "key",
                "user",
                "account-d.docusign.com",
                &["signature", "impersonation"],
            ),
            rsa(),
            json!({"iss": "key", "sub": "user", "aud": "account-d.docusign.com", "scope": "signature impersonation"}),
            3_600,
        ),
        (
            Ok(OAuthGrant::Signed(own)),
            p256(),
            json!({"iss": "me", "aud": "https://idp.example"}),
            300,
        ),
    ] {
        let clock = ManualClock::new();
        let server = Imitation::start(|request| match request.path() {
            "/token" => response(200, &[], r#"{"access_token":"t","token_type":"Bearer"}"#),
            _ => response(200, &[], "{}"),
        })
        .await;
        let endpoint = format!("{}/token", server.root);
        let system = OAuth::builder(&endpoint).grant(grant.unwrap()).build().unwrap();
        let layer = AuthLayer::oauth(system, &*server.root).unwrap();
        let caller = Caller::new(layer, &server, &clock);
        assert_eq!(caller.status().await, 200);
        clock.advance(6 * MINUTE); // beyond the default life, because the answer states none
        assert_eq!(caller.status().await, 200);
        let sent = server.to("/token");
        assert_eq!(sent.len(), 2);
        let jwt = sent[1].body.split_once("&assertion=").unwrap().1;
        let mut found: Value = verified(jwt, key).unwrap().1;
        assert_eq!(found["exp"], secs(&clock) + life, "signed anew");
        for name in ["iat", "exp", "jti"] {
            found.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(found, claims);
    }
}

#[test]
fn grants_of_other_users_have_other_identities_and_a_wrong_text_is_an_error() {
    let key = || JwtKey::new(rsa());
    let login = "https://login.salesforce.com";
    let identity = |user: &str| {
        let grant = OAuthGrant::salesforce(key(), "3MVG9", user, login).unwrap();
        OAuth::builder("https://login.salesforce.com/token")
            .grant(grant)
            .build()
            .unwrap()
            .identity()
    };
    assert_eq!(identity("ann"), identity("ann"));
    assert_ne!(identity("ann"), identity("bob"));
    for (made, says) in [
        (OAuthGrant::salesforce(key(), "", "a", login), "the consumer key is empty"),
        (OAuthGrant::salesforce(key(), "a", "", login), "the user name is empty"),
        (OAuthGrant::salesforce(key(), "a", "a", ""), "the login host is empty"),
        (
            OAuthGrant::docusign(key(), "a", "a", "https://account.docusign.com", &["x"]),
            "has a slash",
        ),
        (OAuthGrant::docusign(key(), "a", "a", "account.docusign.com", &[]), "the list of scopes"),
        (OAuthGrant::docusign(JwtKey::new("x"), "a", "a", "b", &["x"]), "no private key"),
    ] {
        let error = made.unwrap_err().to_string();
        assert!(error.contains(says), "{says}: {error}");
    }
}
