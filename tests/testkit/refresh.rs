//! Refresh tokens of OAuth and of Atlas.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, Response, StatusCode};
use serde_json::json;
use tower_outbound_auth::testkit::{
    AtlasProtocol, AtlasServer, EmbeddedServer, OAuthProtocol, OAuthServer, RefreshProtocol,
};

use super::{FORM, JSON, Speak, basic, body, call, exchange, member, send, status};

trait Refresh: Speak + RefreshProtocol {
    async fn refresh(server: &EmbeddedServer<Self>, token: &str) -> Response<Bytes>;
}

impl Refresh for OAuthProtocol {
    async fn refresh(server: &OAuthServer, token: &str) -> Response<Bytes> {
        let client = basic(&format!("{}:{}", server.client_id(), server.client_secret()));
        let request = Request::post(server.refresh_endpoint())
            .header(CONTENT_TYPE, FORM)
            .header(AUTHORIZATION, client);
        send(request, format!("grant_type=refresh_token&refresh_token={token}")).await
    }
}

impl Refresh for AtlasProtocol {
    async fn refresh(server: &AtlasServer, token: &str) -> Response<Bytes> {
        send(Request::post(server.refresh_endpoint()).header("Refresh-Token", token), "").await
    }
}

async fn start<P: Refresh>() -> EmbeddedServer<P> {
    EmbeddedServer::start().await.unwrap().with_refresh_tokens()
}

/// The refresh token of an answer.
fn refresh_token(answer: &Response<Bytes>) -> String {
    assert_eq!(status(answer), 200, "{answer:?}");
    member(answer, "refresh_token").unwrap()
}

fn assert_refused(answer: &Response<Bytes>) {
    assert_eq!((status(answer), body(answer)), (400, json!({"error": "invalid_grant"})));
}

async fn a_refresh_token_is_good_once<P: Refresh>() {
    let server = start::<P>().await;
    let first = refresh_token(&exchange(&server).await);
    let answer = P::refresh(&server, &first).await;
    let second = refresh_token(&answer);
    assert_ne!(first, second);
    assert_eq!(status(&call(&server, "/a", &P::issued(&answer).unwrap()).await), 200);
    let stranger = refresh_token(&exchange(&server).await);

    assert_refused(&P::refresh(&server, &first).await);
    assert_refused(&P::refresh(&server, &second).await); // it was revoked with its family
    refresh_token(&P::refresh(&server, &stranger).await);
    assert_refused(&P::refresh(&server, "refresh-0-1").await);
    let counts = server.counts();
    assert_eq!((counts.refreshes, counts.refresh_tokens_reused), (5, 1));
    assert_eq!((counts.exchanges, counts.exchanges_succeeded), (7, 4));
}

async fn refresh_tokens_are_revoked_apart_from_access_tokens<P: Refresh>() {
    let server = start::<P>().await;
    let answer = exchange(&server).await;
    server.revoke_refresh_tokens();
    assert_refused(&P::refresh(&server, &refresh_token(&answer)).await);
    assert_eq!(server.counts().refresh_tokens_reused, 0);
    let access_token = P::issued(&answer).unwrap();
    assert_eq!(status(&call(&server, "/a", &access_token).await), 200);

    let answer = exchange(&server).await;
    server.revoke_tokens();
    refresh_token(&P::refresh(&server, &refresh_token(&answer)).await);
}

async fn a_refresh_token_that_is_kept_stays_good<P: Refresh>() {
    let server = start::<P>().await;
    server.keep_refresh_tokens(true);
    let kept = refresh_token(&exchange(&server).await);
    for _ in 0..3 {
        let answer = P::refresh(&server, &kept).await;
        assert_eq!((status(&answer), member(&answer, "refresh_token")), (200, None));
    }
    server.keep_refresh_tokens(false);
    refresh_token(&P::refresh(&server, &kept).await);
    assert_refused(&P::refresh(&server, &kept).await);
}

async fn the_refresh_endpoint_can_fail_and_redirect<P: Refresh>() {
    let server = start::<P>().await;
    let path = server.refresh_endpoint().replace(&server.url(""), "");
    let refresh = refresh_token(&exchange(&server).await);
    server.fail_path(&path, Some(StatusCode::NOT_FOUND));
    assert_eq!(status(&P::refresh(&server, &refresh).await), 404);
    server.redirect_path(&path, StatusCode::PERMANENT_REDIRECT, "/elsewhere");
    assert_eq!(status(&P::refresh(&server, &refresh).await), 308);
    server.fail_path(&path, None);
    assert_eq!(server.counts().refreshes, 2);
    assert_eq!(server.counts().requests, 0, "the path is not one of the API");
}

/// Runs the tests above with one protocol.
macro_rules! with {
    ($server:ident, $protocol:ty: $($test:ident)*) => {
        mod $server {
            use super::*;

            $(#[tokio::test]
            async fn $test() {
                super::$test::<$protocol>().await;
            })*
        }
    };
}

with! {
    atlas, AtlasProtocol:
    a_refresh_token_is_good_once
    refresh_tokens_are_revoked_apart_from_access_tokens
    a_refresh_token_that_is_kept_stays_good
    the_refresh_endpoint_can_fail_and_redirect
}

with! {
    oauth, OAuthProtocol:
    a_refresh_token_is_good_once
    refresh_tokens_are_revoked_apart_from_access_tokens
    a_refresh_token_that_is_kept_stays_good
    the_refresh_endpoint_can_fail_and_redirect
}

#[tokio::test]
async fn there_are_no_refresh_tokens_by_default() {
    let (oauth, atlas) = (OAuthServer::start().await.unwrap(), AtlasServer::start().await.unwrap());
    assert_eq!(member(&exchange(&oauth).await, "refresh_token"), None);
    assert_eq!(member(&exchange(&atlas).await, "refresh_token"), None);
    let refused = OAuthProtocol::refresh(&oauth, "refresh-0-1").await;
    assert_eq!(body(&refused), json!({"error": "unsupported_grant_type"}));
    assert_eq!(status(&AtlasProtocol::refresh(&atlas, "refresh-0-1").await), 404);
}

#[tokio::test]
async fn oauth_needs_an_authenticated_client_for_a_refresh() {
    let server = start::<OAuthProtocol>().await;
    let refresh = refresh_token(&exchange(&server).await);
    let request = || Request::post(server.refresh_endpoint()).header(CONTENT_TYPE, FORM);
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    assert_eq!(body(&send(request(), form.clone()).await), json!({"error": "invalid_client"}));
    let client =
        format!("&client_id={}&client_secret={}", server.client_id(), server.client_secret());
    let missing = send(request(), format!("grant_type=refresh_token{client}")).await;
    assert_eq!(body(&missing), json!({"error": "invalid_request"}));
    refresh_token(&send(request(), form + &client).await);
}

#[tokio::test]
async fn atlas_takes_a_refresh_token_from_a_header_or_the_body_without_the_credentials() {
    let server = start::<AtlasProtocol>().await;
    let mut refresh = refresh_token(&exchange(&server).await);
    let request = || Request::post(server.url("/any/refreshtoken"));
    for (content_type, body) in [
        (JSON, json!({"refresh_token": "REFRESH"}).to_string()),
        (FORM, "refresh_token=REFRESH".to_owned()),
    ] {
        let (typed, body) =
            (request().header(CONTENT_TYPE, content_type), body.replace("REFRESH", &refresh));
        refresh = refresh_token(&send(typed, body).await);
    }
    let with =
        |name: &str, value: &str| request().header("Refresh-Token", &refresh).header(name, value);
    for (refused, body) in [
        (request(), String::new()),
        (with("Client-Id", server.client_id()), String::new()),
        (with("Client-Secret", server.client_secret()), String::new()),
        (with(CONTENT_TYPE.as_str(), FORM), format!("refresh_token={refresh}")),
        (with("Refresh-Token", &refresh), String::new()),
    ] {
        assert_eq!(status(&send(refused, body).await), 400);
    }
    refresh_token(&send(with("Accept", JSON), "").await);
}
