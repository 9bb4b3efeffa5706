//! What is sent, and where the token is found.

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, StatusCode, Version};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tower::{Layer, ServiceExt};
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::testkit::{MalformedAnswer, ReceivedRequest, RotatingServer, TokenPlace};

use super::{Http, Setup, all_texts, secs, token_of};

/// A request without its body.
fn head(request: &ReceivedRequest) -> String {
    format!("{} {} {:?}", request.method, request.path, request.headers.values())
}

#[tokio::test]
async fn an_exchange_has_the_credentials_in_its_json_body_and_nowhere_else() {
    let (key, secret) = (r#"a "key", really"#, r#"0123456789 "quoted" \ and 100% of 32 bytes"#);
    let server = RotatingServer::start().await.unwrap().with_client(key, secret);
    let layer = AuthLayer::rotating(&server.api_root(), key, secret).unwrap();
    let setup = Setup::of(server, layer);
    setup.good().await;

    let exchanges = setup.server.exchange_requests();
    let [exchange] = &exchanges[..] else { panic!("{exchanges:?}") };
    assert_eq!((&exchange.method, &exchange.path[..]), (&Method::POST, "/authenticate"));
    assert_eq!(exchange.headers[CONTENT_TYPE], "application/json");
    assert!(!exchange.headers.contains_key(AUTHORIZATION));
    let body: Value = serde_json::from_slice(&exchange.body).unwrap();
    assert_eq!(body, json!({"apiKey": key, "clientSecret": secret}));
    for part in ["really", "quoted"] {
        assert!(!head(exchange).contains(part), "{part}");
    }
}

#[tokio::test]
async fn an_api_call_carries_the_bearer_token_and_no_credentials() {
    let setup = Setup::new().await;
    let response = setup.post("/orders?page=2", "an order").await.unwrap();
    assert_eq!(response.body(), r#"{"length":8,"method":"POST","path":"/orders"}"#);

    let requests = setup.server.requests();
    let [request] = &requests[..] else { panic!("{requests:?}") };
    assert_eq!((&request.path[..], &request.body[..]), ("/orders?page=2", &b"an order"[..]));
    assert_eq!(request.headers.get_all(AUTHORIZATION).iter().count(), 1);
    assert_eq!(token_of(request).split('.').count(), 3, "a JWT");
    for secret in [setup.server.client_id(), setup.server.client_secret()] {
        assert!(!head(request).contains(secret));
    }
}

#[tokio::test]
async fn a_token_is_found_in_every_place_of_the_answer() {
    let members = ["token", "jwt", "access_token", "accessToken"];
    let mut places: Vec<_> =
        members.into_iter().map(|member| TokenPlace::Member(member.to_owned())).collect();
    places.extend([TokenPlace::JsonString, TokenPlace::Text, TokenPlace::Header]);
    for place in places {
        for bare in [false, true] {
            let setup = Setup::new().await;
            setup.server.answer_with(place.clone());
            setup.server.set_bare_tokens(bare);
            for _ in 0..3 {
                setup.good().await;
            }
            assert_eq!(setup.exchanges(), 1, "{place:?}, bare: {bare}");
            assert_eq!(setup.counters().rotations_adopted, 3, "{place:?}, bare: {bare}");
        }
    }
}

#[tokio::test]
async fn a_token_is_found_in_a_member_of_another_name() {
    let setup = Setup::with(|scheme| scheme.with_token_member("ticket")).await;
    setup.server.answer_with(TokenPlace::Member("ticket".to_owned()));
    setup.good().await;

    let setup = Setup::with(|scheme| scheme.with_token_member("/data/token")).await;
    let token = setup.sign(&setup.claims());
    setup.answer_exchanges(json!({"token": "another", "data": {"token": token}}).to_string());
    setup.good().await;
    assert_eq!(token_of(&setup.server.requests()[0]), token);
}

#[tokio::test]
async fn a_member_that_is_no_text_does_not_hide_the_next() {
    for other in [json!(null), json!(3_600), json!({"type": "jwt"})] {
        let setup = Setup::new().await;
        let token = setup.sign(&setup.claims());
        setup.answer_exchanges(json!({"token": other, "jwt": token}).to_string());
        setup.good().await;
    }
}

#[tokio::test]
async fn an_api_root_may_have_a_path_and_a_slash_at_its_end() {
    for (root, endpoint) in [
        ("", "/authenticate"),
        ("/", "/authenticate"),
        ("/v2", "/v2/authenticate"),
        ("/eu/v2/", "/eu/v2/authenticate"),
    ] {
        let server = RotatingServer::start().await.unwrap();
        let (key, secret) = (server.client_id(), server.client_secret());
        let layer = AuthLayer::rotating(&server.url(root), key, secret).unwrap();
        let setup = Setup::of(server, layer);
        setup.good().await;
        assert_eq!(setup.server.exchange_requests()[0].path, endpoint);
    }
}

#[tokio::test]
async fn an_answer_without_a_token_is_malformed_and_shown_nowhere() {
    let canary = MalformedAnswer::CANARY;
    let bodies = [
        format!(r#"["{canary}"]"#),
        format!(r#"[{{"token": "{canary}"}}]"#),
        format!(r#"{{"token": {{"token": "{canary}"}}}}"#),
        format!(r#"{{"token": ["{canary}"]}}"#),
        format!(r#""{canary} {canary}""#),
        format!("{canary} {canary}"),
        "{}".to_owned(),
        "null".to_owned(),
        "true".to_owned(),
        "7".to_owned(),
        " ".to_owned(),
    ];
    let customs = bodies.map(|body| MalformedAnswer::Custom(StatusCode::OK, body.into()));
    let all = MalformedAnswer::ALL.iter().filter(|it| **it != MalformedAnswer::Huge);
    for answer in all.chain(&customs) {
        let setup = Setup::new().await;
        setup.server.set_malformed(Some(answer.clone()));
        let (error, exchange) = setup.no_token().await;
        assert_eq!(exchange.kind(), ExchangeErrorKind::Malformed, "{answer:?}: {exchange}");
        assert!(exchange.to_string().contains("with_token_member"), "{answer:?}: {exchange}");
        let (source, api) = (&setup.source, &setup.api);
        let texts = format!("{} {source:?} {api:?}", all_texts(&error));
        assert!(!texts.contains(canary), "{texts}");
        assert!(!texts.contains(setup.server.client_secret()), "{texts}");
        assert_eq!(setup.server.counts().requests, 0, "without a token nothing is sent");

        setup.server.set_malformed(None);
        setup.clock.advance(secs(1));
        setup.good().await;
    }
}

#[tokio::test]
async fn exchanges_and_requests_work_over_http_2() {
    let setup = Setup::new().await;
    let client: Http = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let api = setup.layer().layer(client);
    for _ in 0..2 {
        for _ in 0..2 {
            let request = Request::post(setup.server.url("/orders")).body(Full::from("an order"));
            let response = api.clone().oneshot(request.unwrap()).await.unwrap();
            let seen = (response.status(), response.version());
            assert_eq!(seen, (StatusCode::OK, Version::HTTP_2));
            assert!(!response.headers().contains_key(AUTHORIZATION));
        }
        setup.server.revoke_tokens();
    }
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.accepted, counts.refused), (2, 4, 1));
    assert_eq!(setup.counters().rotations_adopted, 4);
}
