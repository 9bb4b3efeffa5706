//! Keycloak: the whole request, and the audience of an assertion.

use tower_outbound_auth::ErrorKind;
use tower_outbound_auth::system::{JwtKey, OAuth, OAuthBuilder, OAuthClient};

use crate::assertions::{P256, read};
use crate::exchanged;

fn with_secret(base: &str, realm: &str) -> OAuthBuilder {
    OAuth::keycloak(base, realm).client(OAuthClient::with_secret("billing", "s3cret"))
}

#[tokio::test]
async fn a_realm_of_keycloak_gets_one_request_with_these_bytes() {
    let sent = exchanged(with_secret("https://auth.example/", "main").scope("reports:read")).await;
    let endpoint = "https://auth.example/realms/main/protocol/openid-connect/token";
    assert_eq!(sent.uri, endpoint);
    assert_eq!(sent.header("authorization"), "Basic YmlsbGluZzpzM2NyZXQ=");
    assert_eq!(sent.body, "grant_type=client_credentials&scope=reports%3Aread");
}

#[tokio::test]
async fn an_assertion_for_keycloak_is_for_the_issuer_unless_another_audience_is_set() {
    let client = || OAuthClient::with_key("billing", JwtKey::new(P256));
    for (client, audience) in [
        (client(), "https://auth.example/auth/realms/my%20realm"),
        (client().audience("https://public.example/realms/x"), "https://public.example/realms/x"),
    ] {
        let system = OAuth::keycloak("https://auth.example/auth/", "my realm").client(client);
        let sent = exchanged(system).await;
        assert_eq!(sent.uri.path(), "/auth/realms/my%20realm/protocol/openid-connect/token");
        let (header, claims) = read(&sent.param("client_assertion"));
        assert_eq!(claims["aud"], audience);
        assert_eq!(header["typ"], "client-authentication+jwt");
    }
}

#[cfg(feature = "client")]
#[tokio::test]
async fn the_table_oauth_of_a_file_can_say_the_same() {
    let key = std::env::temp_dir().join(format!("keycloak-key-{}", std::process::id()));
    std::fs::write(&key, P256).unwrap();
    let config: tower_outbound_auth::system::Config = toml::from_str(&format!(
        r#"
        api = "https://api.example"
        [oauth]
        endpoint = "https://auth.example/realms/main/protocol/openid-connect/token"
        client_id = "billing"
        key = "file:{}"
        jwt_audience = "https://auth.example/realms/main"
        scope = "reports:read"
        "#,
        key.display()
    ))
    .unwrap();
    let endpoint = crate::Endpoint::willing();
    config.layer_over(endpoint.clone()).source().token().await.unwrap();
    std::fs::remove_file(&key).unwrap();
    let client = OAuthClient::with_key("billing", JwtKey::new(P256));
    let system = OAuth::keycloak("https://auth.example", "main").client(client);
    let (sent, other) = (endpoint.sent()[0].clone(), exchanged(system.scope("reports:read")).await);
    let without_assertion = |body: &str| body.rsplit_once('=').unwrap().0.to_owned();
    assert_eq!(without_assertion(&sent.body), without_assertion(&other.body));
    let [(header, claims), (other_header, other_claims)] =
        [sent, other].map(|sent| read(&sent.param("client_assertion")));
    assert_eq!((header, &claims["aud"]), (other_header, &other_claims["aud"]));
}

#[test]
fn a_realm_cannot_leave_its_place_in_the_path() {
    let system = with_secret("https://auth.example", "../master/x?y#z").build().unwrap();
    let path = "/realms/..%2Fmaster%2Fx%3Fy%23z/protocol/openid-connect/token";
    assert_eq!(system.endpoint().uri().path(), path);
    for (base, realm) in [
        ("https://auth.example", ".."),
        ("https://auth.example", ""),
        ("https://auth.example?x=y", "main"),
        ("http://auth.example", "main"),
    ] {
        let error = with_secret(base, realm).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{base} {realm}");
    }
}
