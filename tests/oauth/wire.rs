//! The bytes on the wire, for each grant and each way to authenticate.

use tower_outbound_auth::system::{
    BasicEncoding, ClientAuth, OAuthClient, OAuthGrant, TokenExchange,
};
use tower_outbound_auth::{Credential, TokenSource};

use crate::{Endpoint, builder, exchanged};

/// Each grant, with its parameters as they are sent.
fn grants() -> [(OAuthGrant, &'static str); 5] {
    let exchange =
        TokenExchange::of("subject.token").requested_type("urn:ietf:params:oauth:token-type:jwt");
    let types = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3A";
    let token_exchange: &'static str = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=subject.token\
         &subject_token_type={types}access_token&requested_token_type={types}jwt"
    )
    .leak();
    let with_actor: &'static str = format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=s\
         &subject_token_type={types}id_token&actor_token=a&actor_token_type={types}jwt"
    )
    .leak();
    [
        (OAuthGrant::ClientCredentials, "grant_type=client_credentials"),
        (OAuthGrant::Named("account_credentials".into()), "grant_type=account_credentials"),
        (
            OAuthGrant::JwtBearer("a.b.c".into()),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c",
        ),
        (OAuthGrant::TokenExchange(exchange), token_exchange),
        (
            OAuthGrant::TokenExchange(
                TokenExchange::of("s")
                    .subject_type("urn:ietf:params:oauth:token-type:id_token")
                    .actor("a", "urn:ietf:params:oauth:token-type:jwt"),
            ),
            with_actor,
        ),
    ]
}

#[tokio::test]
async fn every_grant_is_sent_with_every_way_to_authenticate() {
    let secret = || OAuthClient::with_secret("app:one", "p@ss word");
    let assertion = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3A";
    for (client, authorization, added) in [
        (OAuthClient::public("app:one"), "", "&client_id=app%3Aone".to_owned()),
        (secret(), "Basic YXBwJTNBb25lOnAlNDBzcyUyMHdvcmQ=", String::new()),
        (
            secret().auth(ClientAuth::Basic(BasicEncoding::Form)),
            "Basic YXBwJTNBb25lOnAlNDBzcyt3b3Jk",
            String::new(),
        ),
        (
            secret().auth(ClientAuth::Post),
            "",
            "&client_id=app%3Aone&client_secret=p%40ss+word".to_owned(),
        ),
        (
            OAuthClient::with_assertion("app:one", "x.y.z"),
            "",
            format!(
                "&client_id=app%3Aone&client_assertion_type={assertion}jwt-bearer&client_assertion=x.y.z"
            ),
        ),
        (
            OAuthClient::with_assertion("app:one", "x.y.z")
                .assertion_type("urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"),
            "",
            format!(
                "&client_id=app%3Aone&client_assertion_type={assertion}jwt-spiffe&client_assertion=x.y.z"
            ),
        ),
    ] {
        for (grant, params) in grants() {
            let sent = exchanged(builder().client(client.clone()).grant(grant).scope("read")).await;
            assert_eq!(sent.body, format!("{params}&scope=read{added}"));
            assert_eq!(sent.header("authorization"), authorization);
            assert_eq!(sent.header("content-type"), "application/x-www-form-urlencoded");
            assert_eq!(sent.header("accept"), "application/json");
        }
    }
}

#[tokio::test]
async fn a_grant_with_an_assertion_or_a_token_needs_no_client() {
    for (grant, params) in grants().into_iter().skip(2) {
        let sent = exchanged(builder().grant(grant)).await;
        assert_eq!((&*sent.body, sent.header("authorization")), (params, ""));
    }
}

#[tokio::test]
async fn each_parameter_is_sent_as_it_was_given() {
    let system = builder()
        .client(OAuthClient::public("a"))
        .scope("read")
        .scope("write:all")
        .scope("read")
        .audience("https://api.example")
        .resource("https://a.example")
        .resource("https://b.example/x?y=1")
        .authorization_details(r#"[ {"type": "pay now", "b": 1, "a": 2} ]"#)
        .parameter("organization", "org 17")
        .parameter("empty", "");
    let sent = exchanged(system).await;
    let details = "%5B%7B%22type%22%3A%22pay+now%22%2C%22b%22%3A1%2C%22a%22%3A2%7D%5D";
    assert_eq!(
        sent.body,
        format!(
            "grant_type=client_credentials&scope=read+write%3Aall&audience=https%3A%2F%2Fapi.example\
             &resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example%2Fx%3Fy%3D1\
             &authorization_details={details}&organization=org+17&client_id=a"
        )
    );
}

#[tokio::test]
async fn a_header_of_a_gateway_goes_along_and_is_marked_sensitive() {
    let system = builder().client(OAuthClient::public("a")).endpoint_header("X-Api-Key", "k1");
    let sent = exchanged(system).await;
    assert_eq!(sent.header("x-api-key"), "k1");
    assert!(sent.headers["x-api-key"].is_sensitive());
}

#[tokio::test]
async fn a_refresh_token_is_sent_with_the_resources_and_the_client_alone() {
    let endpoint = Endpoint::new(|number| {
        (
            200,
            format!(
                r#"{{"access_token":"t{number}","expires_in":300,"refresh_token":"r{number}"}}"#
            ),
        )
    });
    let system = builder()
        .client(OAuthClient::with_assertion("a", Credential::from("x.y.z")))
        .scope("read")
        .audience("b")
        .resource("https://one.example/")
        .resource("https://two.example/")
        .parameter("organization", "17")
        .refresh_tokens();
    let source = TokenSource::over_http(system.build().unwrap(), endpoint.clone());
    let first = source.token().await.unwrap();
    source.reject(&first).await.unwrap();
    let bodies: Vec<_> = endpoint.sent().into_iter().map(|sent| sent.body).collect();
    let assertion = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
                     &client_assertion=x.y.z";
    assert_eq!(
        bodies[1],
        format!(
            "grant_type=refresh_token&refresh_token=r0&resource=https%3A%2F%2Fone.example%2F\
             &resource=https%3A%2F%2Ftwo.example%2F&client_id=a&{assertion}"
        )
    );
}
