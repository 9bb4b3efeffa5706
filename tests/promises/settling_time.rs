//! A provider whose API accepts a new token only some seconds after it was issued.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use http::{Request, Response, StatusCode};
use tower::{Layer, service_fn};
use tower_outbound_auth::exchange::{self, Issued};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange, TokioClock};
use tower_outbound_auth::{AuthLayer, BoxError, Origin, Recovery, Secret, TokenSource};

use crate::support::*;

/// Every exchange takes 100 ms. The API refuses a token within three seconds after its exchange, and a revoked token.
#[derive(Clone, Default)]
struct Provider {
    issued: Arc<Mutex<HashMap<String, tokio::time::Instant>>>,
    revoked: Arc<Mutex<String>>,
    seen: Arc<Mutex<Vec<(String, bool)>>>,
}

impl Provider {
    fn source(&self, settling_time: Duration) -> TokenSource<HeaderScheme> {
        let provider = self.clone();
        let login = exchange::from_fn(move || {
            let provider = provider.clone();
            async move {
                tokio::time::sleep(millis(100)).await;
                let mut issued = provider.issued.lock().unwrap();
                let token = format!("t{}", issued.len() + 1);
                issued.insert(token.clone(), now());
                Ok(Issued::new(Secret::from(token)).with_expires_in(HOUR))
            }
        });
        TokenSource::builder(HeaderScheme::bearer(), login)
            .clock(TokioClock::new())
            .settling_time(settling_time)
            .build()
    }

    async fn get(&self, source: &TokenSource<HeaderScheme>) -> Response<Body> {
        let provider = self.clone();
        let api = service_fn(move |request: Request<Body>| {
            let value = request.headers()["authorization"].to_str().unwrap();
            let token = value.strip_prefix("Bearer ").unwrap().to_owned();
            let is_new = provider.issued.lock().unwrap()[&token].elapsed() < secs(3);
            let accepted = !is_new && *provider.revoked.lock().unwrap() != token;
            provider.seen.lock().unwrap().push((token, accepted));
            let status = if accepted { 200 } else { 401 };
            let response = Response::builder().status(status).body(Body::default());
            async move { Ok::<_, BoxError>(response?) }
        });
        let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
        send(&layer.layer(api), get("/")).await.unwrap()
    }

    fn seen(&self) -> Vec<(String, bool)> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    fn exchanges(&self) -> usize {
        self.issued.lock().unwrap().len()
    }
}

fn seen(token: &str, accepted: bool) -> (String, bool) {
    (token.to_owned(), accepted)
}

/// A provider and a source whose first token is due for renewal.
async fn due() -> (Provider, TokenSource<HeaderScheme>) {
    let provider = Provider::default();
    let source = provider.source(secs(5));
    source.token().await.unwrap();
    tokio::time::sleep(secs(3_300)).await;
    (provider, source)
}

#[tokio::test(start_paused = true)]
async fn without_a_settling_time_a_new_token_that_is_refused_is_renewed() {
    let provider = Provider::default();
    let source = provider.source(Duration::ZERO);
    let response = provider.get(&source).await;
    assert_eq!((response.status(), provider.exchanges()), (StatusCode::UNAUTHORIZED, 2));
}

#[tokio::test(start_paused = true)]
async fn the_old_token_is_used_until_the_new_one_has_settled_and_no_request_is_refused() {
    let (provider, source) = due().await;
    for _ in 0..100 {
        let begun = now();
        assert_eq!(provider.get(&source).await.status(), 200);
        assert_eq!(begun.elapsed(), Duration::ZERO, "no request waits");
        tokio::time::sleep(millis(100)).await;
    }
    let all = provider.seen();
    assert!(all.iter().all(|(_, accepted)| *accepted), "{all:?}");
    let old = all.iter().filter(|(token, _)| token == "t1").count();
    assert!((51..=53).contains(&old), "0.1 s for the exchange and 5 s: {old}");
    assert_eq!(provider.exchanges(), 2);
}

#[tokio::test(start_paused = true)]
async fn in_the_hard_margin_no_request_waits_for_it() {
    let (provider, source) = due().await;
    tokio::time::sleep(secs(280)).await;
    provider.get(&source).await; // waits for the exchange
    let begun = now();
    for _ in 0..10 {
        assert_eq!(provider.get(&source).await.status(), 200);
    }
    assert_eq!((begun.elapsed(), source.status().waiters), (Duration::ZERO, 0));
    assert!(provider.seen().iter().all(|it| *it == seen("t1", true)));
    tokio::time::sleep(secs(5)).await;
    provider.get(&source).await;
    assert_eq!(provider.seen(), [seen("t2", true)]);
}

#[tokio::test(start_paused = true)]
async fn if_the_old_token_is_refused_meanwhile_the_new_one_is_used_without_another_exchange() {
    let (provider, source) = due().await;
    provider.get(&source).await;
    tokio::time::sleep(secs(4)).await;
    *provider.revoked.lock().unwrap() = "t1".to_owned();
    provider.seen();
    let response = provider.get(&source).await;
    assert_eq!(response.status(), 200);
    assert_eq!(provider.seen(), [seen("t1", false), seen("t2", true)]);
    assert_eq!(provider.exchanges(), 2);
    assert_eq!(source.status().renewal_budget, 5);
}

#[tokio::test(start_paused = true)]
async fn without_an_old_token_a_refusal_sends_the_same_token_again_after_a_second_and_renews_nothing()
 {
    let provider = Provider::default();
    let source = provider.source(secs(5));
    source.token().await.unwrap();
    tokio::time::sleep(millis(2_500)).await;
    let begun = now();
    let response = provider.get(&source).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
    assert_eq!(begun.elapsed(), secs(1));
    assert_eq!(provider.seen(), [seen("t1", false), seen("t1", true)]);
    let status = source.status();
    assert_eq!((provider.exchanges(), status.renewal_budget), (1, 5));
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_with_an_unsettled_token_cause_no_exchange_and_are_sent_twice_at_most() {
    let provider = Provider::default();
    let source = provider.source(secs(5));
    let responses = join_all((0..1_000).map(|_| provider.get(&source))).await;
    let refused = responses.iter().filter(|it| it.status() == 401).count();
    assert_eq!(refused, 1_000, "the token has settled only after their second sending");
    assert_eq!((provider.seen().len(), provider.exchanges()), (2_000, 1));
    tokio::time::sleep(secs(5)).await;
    assert_eq!(provider.get(&source).await.status(), 200);
    assert_eq!((provider.exchanges(), source.status().renewal_budget), (1, 5));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_the_settling_time_renews_the_token() {
    let provider = Provider::default();
    let source = provider.source(secs(5));
    source.token().await.unwrap();
    *provider.revoked.lock().unwrap() = "t1".to_owned();
    tokio::time::sleep(secs(5)).await;
    provider.get(&source).await;
    assert_eq!(provider.exchanges(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_reported_by_hand_is_returned_again_a_second_later() {
    let provider = Provider::default();
    let source = provider.source(secs(5));
    let token = source.token().await.unwrap();
    let begun = now();
    let again = source.reject(&token).await.unwrap();
    assert_eq!((again.expose(), begun.elapsed()), ("t1", secs(1)));
    assert_eq!(provider.exchanges(), 1);
}

/// The runtime of the exchange ends. The token that waits is published by the next caller.
#[test]
fn a_token_that_waits_outlives_the_runtime_of_its_exchange() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let clock = ManualClock::new();
    let login = ScriptedExchange::new();
    let source = TokenSource::builder(HeaderScheme::bearer(), login.clone())
        .clock(clock.clone())
        .settling_time(secs(5))
        .build();
    let token = || runtime().block_on(async { source.token().await.unwrap() });
    assert_eq!(token().expose(), "token-1");
    clock.advance(secs(3_300));
    runtime().block_on(async {
        source.token().await.unwrap();
        source.settled().await;
    });
    assert_eq!((token().expose(), login.exchanges()), ("token-1", 2));
    clock.advance(secs(5));
    assert_eq!((token().expose(), login.exchanges()), ("token-2", 2));
}

#[tokio::test]
async fn a_settling_time_is_cut_to_thirty_seconds() {
    let source = Provider::default().source(HOUR);
    assert!(format!("{source:?}").contains("settling_time: 30s"));
}
