//! Refusals of the API, and second sendings.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::replay::Off;
use tower_outbound_auth::scheme::{Judge, Verdict};
use tower_outbound_auth::system::{Atlas, HeaderScheme};
use tower_outbound_auth::testkit::{AtlasServer, ManualClock, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, BoxError, Origin, TokenSource};

use crate::told::Told;
use crate::until::until;
use crate::{get, http, secs};

async fn atlas(server: &AtlasServer, told: &Told) -> AuthLayer<Atlas> {
    let layer =
        AuthLayer::atlas(server.endpoint(), server.client_id(), server.client_secret()).unwrap();
    let layer = layer.rebuild_source(|source| source.observer(told.clone()));
    layer.source().token().await.unwrap();
    until(|| told.has("state fresh, 0 failures, due: false")).await;
    told.take();
    layer
}

/// The lines about refusals, second sendings and the budget.
fn refusals(told: &Told) -> Vec<String> {
    let lines = told.take_events();
    let of_interest = |line: &String| {
        ["token ", "replay ", "budget "].iter().any(|start| line.starts_with(start))
    };
    lines.into_iter().filter(of_interest).collect()
}

#[tokio::test]
async fn a_refused_request_that_is_sent_again_and_accepted_tells_both() {
    let (server, told) = (AtlasServer::start().await.unwrap(), Told::default());
    let api = atlas(&server, &told).await.layer(http());
    assert_eq!(get(&api, &server.url("/documents")).await.unwrap(), StatusCode::OK);
    assert_eq!(told.take(), [""; 0], "an accepted request tells nothing");
    server.revoke_tokens();
    assert_eq!(get(&api, &server.url("/documents")).await.unwrap(), StatusCode::OK);
    let lines = told.take_events();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has(": refused, ") && has("1 wait: renewal") && has(": renewal: ok"), "{lines:?}");
    let judged = lines.iter().position(|line| line == "token 1 refused: replayed").unwrap();
    let ended = lines.iter().position(|line| line == "replay accepted").unwrap();
    assert!(judged < ended, "{lines:?}");
}

#[tokio::test]
async fn a_route_that_refuses_every_token_uses_up_the_budget_and_says_so() {
    let (server, told) = (AtlasServer::start().await.unwrap(), Told::default());
    let api = atlas(&server, &told).await.layer(http());
    server.refuse_path("/bad");
    for number in 1..=5 {
        get(&api, &server.url("/bad")).await.unwrap();
        let (old, new) = (number, number + 1);
        let lines = [
            format!("token {old} refused: replayed"),
            format!("token {new} refused: nothing"),
            "replay refused".to_owned(),
        ];
        assert_eq!(refusals(&told), lines);
    }
    get(&api, &server.url("/bad")).await.unwrap();
    assert_eq!(refusals(&told), ["budget exhausted", "token 6 refused: budget_spent"]);
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_again_tells_why() {
    let (server, told) = (AtlasServer::start().await.unwrap(), Told::default());
    let api = atlas(&server, &told).await.with_replay(Off).layer(http());
    server.revoke_tokens();
    let request = Request::get(server.url("/documents")).body(Full::<Bytes>::default()).unwrap();
    let response = api.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refusals(&told), ["token 1 refused: not_replayable"]);
}

#[tokio::test]
async fn an_outage_of_the_token_endpoint_is_what_follows_a_refusal() {
    let (server, told) = (AtlasServer::start().await.unwrap(), Told::default());
    let api = atlas(&server, &told).await.layer(http());
    server.revoke_tokens();
    server.begin_outage(None);
    assert_eq!(get(&api, &server.url("/documents")).await.unwrap(), StatusCode::UNAUTHORIZED);
    let lines = told.take_events();
    for line in ["token 1 refused: renewal_failed", ": renewal: renewal_failed"] {
        assert!(lines.iter().any(|it| it.contains(line)), "{lines:?}");
    }
}

/// A source with a token, and a layer whose API answers by `answer`, which gets the number of the request.
async fn scripted(
    told: &Told,
    answer: impl Fn(usize) -> Result<StatusCode, BoxError> + Send + Sync + 'static,
) -> impl AsyncFn() -> Result<StatusCode, BoxError> {
    let exchange = ScriptedExchange::new().with_lifetime(secs(1_000));
    let source = TokenSource::builder(HeaderScheme::bearer(), exchange)
        .clock(ManualClock::new())
        .observer(told.clone())
        .build();
    source.token().await.unwrap();
    until(|| told.has("state fresh, 0 failures, due: false")).await;
    told.take();
    let (answer, requests) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let api = service_fn(move |_: Request<Full<Bytes>>| {
        let status = answer(requests.fetch_add(1, Ordering::Relaxed));
        let response = status.map(|status| {
            let mut response = Response::new(Full::<Bytes>::default());
            *response.status_mut() = status;
            response
        });
        std::future::ready(response)
    });
    let judge = Judge::new(|response| match response.status {
        StatusCode::UNAUTHORIZED => Verdict::Refused,
        StatusCode::NOT_FOUND => Verdict::Doubted,
        _ => Verdict::Accepted,
    });
    let layer = AuthLayer::new(source)
        .with_origin(Origin::parse("https://api.example").unwrap())
        .with_judge(judge);
    let api = layer.layer(api);
    async move || {
        let request = Request::get("https://api.example/").body(Full::default()).unwrap();
        Ok(api.clone().oneshot(request).await?.status())
    }
}

#[tokio::test]
async fn a_second_sending_without_a_response_has_failed() {
    let told = Told::default();
    let send = scripted(&told, |number| match number {
        0 => Ok(StatusCode::UNAUTHORIZED),
        _ => Err("reset".into()),
    })
    .await;
    assert_eq!(send().await.unwrap(), StatusCode::UNAUTHORIZED);
    assert_eq!(refusals(&told), ["token 1 refused: replayed", "replay failed"]);
}

#[tokio::test]
async fn a_doubted_response_is_told_as_doubted() {
    let told = Told::default();
    let send = scripted(&told, |_| Ok(StatusCode::NOT_FOUND)).await;
    send().await.unwrap();
    assert_eq!(
        refusals(&told),
        ["token 1 doubted: replayed", "token 2 doubted: nothing", "replay refused"]
    );
    send().await.unwrap();
    assert_eq!(refusals(&told), ["token 2 doubted: renewed_lately"]);
}

#[tokio::test]
async fn a_caller_that_gives_up_after_a_refusal_leaves_the_refusal_told() {
    let (server, told) = (AtlasServer::start().await.unwrap(), Told::default());
    let api = atlas(&server, &told).await.layer(http());
    server.revoke_tokens();
    server.delay_exchanges(secs(5));
    let url = server.url("/documents");
    let caller = tokio::spawn(async move { get(&api, &url).await.map(drop) });
    until(|| told.has("1 wait: renewal")).await;
    caller.abort();
    let _ = caller.await;
    assert_eq!(refusals(&told), ["token 1 refused: out_of_time"]);
}

#[tokio::test]
async fn a_token_that_its_user_rejects_is_told_as_a_refusal() {
    let (server, told) = (AtlasServer::start().await.unwrap(), Told::default());
    let source = atlas(&server, &told).await.source().clone();
    let token = source.token().await.unwrap();
    source.reject(&token).await.unwrap();
    assert_eq!(refusals(&told), ["token 1 refused: replayed"]);
}
