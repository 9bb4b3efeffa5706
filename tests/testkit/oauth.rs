//! The OAuth server's special features.

use http::Request;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use serde_json::json;
use tower_outbound_auth::testkit::OAuthServer;

use super::{FORM, basic, body, call, claims, exchange, member, post_form, send, status, token};

#[tokio::test]
async fn an_exchange_is_answered_by_rfc_6749() {
    let server = OAuthServer::start().await.unwrap().with_lifetime(60);
    assert!(server.endpoint().ends_with("/realms/test/protocol/openid-connect/token"));
    let answer = exchange(&server).await;
    assert_eq!(status(&answer), 200);
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    let (token, body) = (member(&answer, "access_token").unwrap(), body(&answer));
    assert_eq!(body, json!({"access_token": token, "token_type": "Bearer", "expires_in": 60}));
    assert_eq!(claims(&token)["sub"], server.client_id());
}

#[tokio::test]
async fn the_requested_scope_is_granted() {
    let server = OAuthServer::start().await.unwrap();
    let (id, secret) = (server.client_id(), server.client_secret());
    let form = format!(
        "grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=a+b%3Ac"
    );
    assert_eq!(body(&post_form(&server, &form).await)["scope"], "a b:c");
}

#[tokio::test]
async fn a_client_can_authenticate_by_basic_in_every_encoding_and_by_the_form() {
    let server = OAuthServer::start().await.unwrap().with_client("my:id+é", "50% &+=/");
    for pair in [
        "my%3Aid%2B%C3%A9:50%25%20%26%2B%3D%2F", // percent-encoded
        "my%3Aid%2B%C3%A9:50%25+%26%2B%3D%2F",   // form-encoded
        "my:id+é:50% &+=/",                      // raw
    ] {
        let request = Request::post(server.endpoint())
            .header(CONTENT_TYPE, FORM)
            .header(AUTHORIZATION, basic(pair));
        let answer = send(request, "grant_type=client_credentials").await;
        assert_eq!(status(&answer), 200, "{pair}");
    }
    let credentials = "client_id=my%3Aid%2B%C3%A9&client_secret=50%25+%26%2B%3D%2F";
    let form = format!("grant_type=client_credentials&{credentials}");
    assert_eq!(status(&post_form(&server, &form).await), 200);
}

#[tokio::test]
async fn credentials_are_checked_by_rfc_6749() {
    let server = OAuthServer::start().await.unwrap();
    let good = format!("{}:{}", server.client_id(), server.client_secret());
    let in_form = format!("&client_id={}&client_secret={}", server.client_id(), "SECRET");
    let in_form = in_form.replace("SECRET", server.client_secret());
    let grant = "grant_type=client_credentials";
    let (request, client) = ("invalid_request", "invalid_client");
    for (authorization, form, expected) in [
        (None, grant.to_owned(), client),
        (None, format!("{grant}&client_id=x&client_secret=y"), client),
        (None, format!("{grant}&client_id={}", server.client_id()), client),
        (Some(basic("x:y")), grant.to_owned(), client),
        (Some(basic("x")), grant.to_owned(), client),
        (Some("Basic ???".to_owned()), grant.to_owned(), client),
        (Some(basic(&good).replace("Basic", "Bearer")), grant.to_owned(), client),
        (Some(basic(&good)), format!("{grant}{in_form}"), request),
        (Some(basic(&good)), format!("{grant}&{grant}"), request),
        (Some(basic(&good)), "scope=a".to_owned(), request),
        (Some(basic(&good)), "grant_type=%".to_owned(), request),
        (Some(basic(&good)), "grant_type=password".to_owned(), "unsupported_grant_type"),
        (Some(basic(&good)), "grant_type=refresh_token".to_owned(), "unsupported_grant_type"),
    ] {
        let mut request = Request::post(server.endpoint()).header(CONTENT_TYPE, FORM);
        if let Some(value) = &authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let answer = send(request, form.clone()).await;
        assert_eq!(body(&answer), json!({"error": expected}), "{authorization:?} {form}");
        assert_eq!(status(&answer), if expected == client { 401 } else { 400 });
        let challenge = answer.headers().get(WWW_AUTHENTICATE);
        assert_eq!(
            challenge.is_some_and(|value| value == r#"Basic realm="test""#),
            expected == client
        );
    }
    let json = Request::post(server.endpoint()).header(AUTHORIZATION, basic(&good));
    let answer = send(json.header(CONTENT_TYPE, "application/json"), grant).await;
    assert_eq!(body(&answer), json!({"error": "invalid_request"}), "the body is no form");
    assert_eq!(server.counts().exchanges_succeeded, 0);
}

#[tokio::test]
async fn the_api_needs_a_bearer_token_and_otherwise_sends_a_challenge() {
    let server = OAuthServer::start().await.unwrap();
    let good = token(&server).await;
    assert_eq!(status(&call(&server, "/a", &good).await), 200);
    let request = || Request::get(server.url("/a"));
    let (missing, bad) =
        (r#"Bearer realm="test""#, r#"Bearer realm="test", error="invalid_token""#);
    for (request, challenge) in [
        (request(), missing),
        (request().header("Token", &good), missing),
        (request().header(AUTHORIZATION, &good), missing),
        (request().header(AUTHORIZATION, "Bearer abc"), bad),
    ] {
        let answer = send(request, "").await;
        assert_eq!((status(&answer), answer.headers()[WWW_AUTHENTICATE] == challenge), (401, true));
    }
    server.refuse_path("/a");
    assert_eq!(call(&server, "/a", &good).await.headers()[WWW_AUTHENTICATE], bad);
}
