//! The rotating server's special features.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use tower_outbound_auth::testkit::{ManualClock, RotatingServer, TokenPlace};

use super::{JSON, body, call, claims, exchange, secs, send, status, token, until};

fn handed_out(answer: &Response<Bytes>) -> Vec<&str> {
    answer.headers().get_all(AUTHORIZATION).iter().map(|value| value.to_str().unwrap()).collect()
}

/// The one new token in an answer.
fn successor(answer: &Response<Bytes>) -> String {
    assert_eq!(status(answer), 200);
    let [value] = handed_out(answer)[..] else { panic!("{answer:?}") };
    value.strip_prefix("Bearer ").unwrap().to_owned()
}

#[tokio::test]
async fn credentials_are_checked() {
    let server = RotatingServer::start().await.unwrap();
    assert_eq!(server.endpoint(), server.api_root() + "/authenticate");
    let (key, secret) = (server.client_id(), server.client_secret());
    let missing = (400, json!({"error": "Missing apiKey or clientSecret"}));
    let invalid = (401, json!({"error": "Invalid credentials"}));
    for (content_type, sent, expected) in [
        (JSON, json!({"apiKey": key}), &missing),
        (JSON, json!({"apiKey": key, "clientSecret": 7}), &missing),
        (JSON, json!([key, secret]), &missing),
        ("text/plain", json!({"apiKey": key, "clientSecret": secret}), &missing),
        (JSON, json!({"apiKey": key, "clientSecret": "x"}), &invalid),
        (JSON, json!({"apiKey": "x", "clientSecret": secret}), &invalid),
    ] {
        let request = Request::post(server.endpoint()).header(CONTENT_TYPE, content_type);
        let answer = send(request, sent.to_string()).await;
        assert_eq!(&(status(&answer), body(&answer)), expected, "{sent}");
    }
}

#[tokio::test]
async fn the_token_is_in_the_place_that_the_test_set() {
    let server = RotatingServer::start().await.unwrap();
    assert!(body(&exchange(&server).await)["token"].is_string());

    server.answer_with(TokenPlace::Member("jwt".to_owned()));
    let answer = exchange(&server).await;
    let object = body(&answer);
    assert!(handed_out(&answer).is_empty() && object["token"].is_null());
    assert_eq!(status(&call(&server, "/a", object["jwt"].as_str().unwrap()).await), 200);

    server.answer_with(TokenPlace::JsonString);
    let string = body(&exchange(&server).await);
    assert_eq!(status(&call(&server, "/a", string.as_str().unwrap()).await), 200);

    server.answer_with(TokenPlace::Text);
    let text = exchange(&server).await.into_body();
    assert_eq!(status(&call(&server, "/a", std::str::from_utf8(&text).unwrap()).await), 200);

    server.answer_with(TokenPlace::Header);
    let answer = exchange(&server).await;
    assert_eq!(body(&answer), json!({}));
    assert_eq!(status(&call(&server, "/a", &successor(&answer)).await), 200);
    server.set_bare_tokens(true);
    let answer = exchange(&server).await;
    assert_eq!(status(&call(&server, "/a", handed_out(&answer)[0]).await), 200);
}

#[tokio::test]
async fn tokens_are_signed_with_the_client_s_secret() {
    let server = RotatingServer::start().await.unwrap();
    let key = Hmac::<Sha256>::new_from_slice(server.client_secret().as_bytes()).unwrap();
    let exchanged = token(&server).await;
    for jwt in [successor(&call(&server, "/a", &exchanged).await), exchanged] {
        let (signed, signature) = jwt.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        key.clone().chain_update(signed).verify_slice(&signature).unwrap();
        let header = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().0).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["alg"], "HS256");
    }
}

#[tokio::test]
async fn a_successful_answer_brings_a_newer_token_with_the_same_claims() {
    let clock = ManualClock::new();
    let server = RotatingServer::start().await.unwrap().with_clock(clock.clone());
    let first = token(&server).await;
    clock.advance(secs(10));
    let second = successor(&call(&server, "/a", &first).await);
    let (old, new) = (claims(&first), claims(&second));
    for same in ["iss", "sub", "aud"] {
        assert!(old[same].is_string() && old[same] == new[same], "{same}");
    }
    for later in ["iat", "exp"] {
        assert_eq!(new[later].as_u64().unwrap() - old[later].as_u64().unwrap(), 10);
    }
    assert_ne!(old["jti"], new["jti"]);
    successor(&call(&server, "/a", &second).await);
    successor(&call(&server, "/a", &first).await); // by default it stays valid
    assert_eq!(server.counts().rotations, 3);

    server.set_bare_tokens(true);
    let answer = call(&server, "/a", &second).await;
    let bare = handed_out(&answer)[0];
    assert_eq!(status(&call(&server, "/a", bare).await), 200);
}

#[tokio::test]
async fn an_error_or_an_answer_to_an_invalid_token_brings_no_token() {
    let server = RotatingServer::start().await.unwrap();
    let good = token(&server).await;
    server.refuse_path("/refused");
    server.fail_path("/failing", Some(StatusCode::NOT_FOUND));
    server.fail_path("/empty", Some(StatusCode::NO_CONTENT));
    for (path, token) in
        [("/a", "abc"), ("/refused", &good), ("/failing", &good), ("/empty", "abc")]
    {
        assert!(handed_out(&call(&server, path, token).await).is_empty(), "{path}");
    }
    assert_eq!(server.counts().rotations, 0);
    assert_eq!(handed_out(&call(&server, "/empty", &good).await).len(), 1, "204 is a success");
}

#[tokio::test]
async fn an_old_token_stays_valid_for_the_grace_period() {
    let clock = ManualClock::new();
    let server = RotatingServer::start().await.unwrap().with_clock(clock.clone());
    server.set_grace(Some(secs(5)));
    let first = token(&server).await;
    clock.advance(secs(60)); // the token's own age does not matter
    let second = successor(&call(&server, "/a", &first).await);
    clock.advance(secs(4));
    successor(&call(&server, "/a", &first).await); // the grace period does not begin again
    clock.advance(secs(1));
    assert_eq!(status(&call(&server, "/a", &first).await), 401);

    server.set_grace(Some(secs(0)));
    let third = successor(&call(&server, "/a", &second).await);
    assert_eq!(status(&call(&server, "/a", &second).await), 401);
    server.set_grace(None);
    successor(&call(&server, "/a", &third).await);
    successor(&call(&server, "/a", &third).await);
}

#[tokio::test]
async fn the_new_token_of_a_delayed_answer_is_made_when_the_request_arrives() {
    let clock = ManualClock::new();
    let server = RotatingServer::start().await.unwrap().with_clock(clock.clone());
    server.set_grace(Some(secs(0)));
    server.delay_requests(secs(5));
    let first = token(&server).await;
    let begun = claims(&first)["iat"].clone();
    let time = async {
        until(|| server.counts().rotations == 1).await;
        // The second request with the old token arrives too late, although no answer was sent yet.
        let late = async {
            until(|| server.counts().refused == 1).await;
            clock.advance(secs(5));
        };
        let (refused, ()) = tokio::join!(call(&server, "/a", &first), late);
        assert_eq!(status(&refused), 401);
    };
    let (answer, ()) = tokio::join!(call(&server, "/a", &first), time);
    assert_eq!(claims(&successor(&answer))["iat"], begun);
}

#[tokio::test]
async fn answers_have_the_headers_that_the_test_set() {
    let server = RotatingServer::start().await.unwrap();
    let good = token(&server).await;
    let signed = format!("Bearer {}", server.sign(r#"{"sub":"somebody else"}"#));
    let values = ["Bearer x".to_owned(), signed.clone()];
    server.hand_out(Some(values.to_vec()));
    assert_eq!(handed_out(&call(&server, "/a", &good).await), values);
    assert_eq!(
        handed_out(&call(&server, "/a", "abc").await),
        values,
        "a 401 has these headers too"
    );
    assert_eq!(server.counts().rotations, 4);
    assert!(handed_out(&exchange(&server).await).is_empty(), "the token endpoint is not affected");
    server.hand_out(Some(Vec::new()));
    assert!(handed_out(&call(&server, "/a", &good).await).is_empty());
    server.hand_out(None);
    successor(&call(&server, "/a", &good).await);
}

#[tokio::test]
async fn a_revocation_includes_successors() {
    let server = RotatingServer::start().await.unwrap();
    let first = token(&server).await;
    let second = successor(&call(&server, "/a", &first).await);
    server.revoke_tokens();
    for revoked in [first, second] {
        assert_eq!(status(&call(&server, "/a", &revoked).await), 401);
    }
}
