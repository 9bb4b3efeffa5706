//! The bytes of a request with a login's refresh token.

use tower_outbound_auth::endpoint::{HttpClient, TokenEndpoint};
use tower_outbound_auth::store::MemoryStore;
use tower_outbound_auth::system::{ClientAuth, OAuth, OAuthClient, OAuthGrant};
use tower_outbound_auth::{AuthLayer, TokenSource};

use super::Setup;

#[tokio::test]
async fn the_form_has_the_refresh_token_the_scope_and_the_client() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let (id, secret) = (setup.server.client_id(), setup.server.client_secret());
    let client = OAuthClient::with_secret(id, secret).auth(ClientAuth::Post);
    let system = OAuth::builder(setup.server.endpoint())
        .client(client)
        .grant(OAuthGrant::RefreshToken((&*seed).into()))
        .scope("read")
        .resource("https://api.example/")
        .build()
        .unwrap();
    let source = TokenSource::builder_over_http(system, HttpClient::plain().unwrap());
    source.store(MemoryStore::new()).build().token().await.unwrap();
    let sent = setup.server.exchange_requests();
    let body = std::str::from_utf8(&sent.last().unwrap().body).unwrap().to_owned();
    assert_eq!(
        body,
        format!(
            "grant_type=refresh_token&refresh_token={seed}&scope=read&resource=https%3A%2F%2Fapi.example%2F\
             &client_id={id}&client_secret={secret}"
        )
    );
}

#[tokio::test]
async fn a_login_needs_no_client() {
    let endpoint = TokenEndpoint::parse("https://idp.example/token").unwrap();
    let grant = OAuthGrant::RefreshToken("r1".into());
    let system = OAuth::builder(endpoint).grant(grant).build().unwrap();
    assert!(AuthLayer::oauth(system, "https://api.example").is_ok());
}
