//! The options of a source: when they are set, and which values they have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tower::{Layer, Service};
use tower_outbound_auth::exchange::{self, Exchange, Issued};
use tower_outbound_auth::replay::ReplayMethods;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

use crate::support::*;

/// A login that states no lifetime, and how often it was asked.
fn login() -> (Arc<AtomicUsize>, impl Exchange) {
    let calls = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&calls);
    let login = exchange::from_fn(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        async { Ok(Issued::new("abc")) }
    });
    (calls, login)
}

#[tokio::test(start_paused = true)]
async fn options_of_a_source_are_set_before_it_exists_and_a_rebuilt_source_is_another_one() {
    let (calls, login) = login();
    let source = TokenSource::builder(HeaderScheme::bearer(), login)
        .clock(TokioClock::new())
        .exchange_timeout(Duration::from_secs(3))
        .default_lifetime(Duration::from_secs(60))
        .build();
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let rebuilt = layer.clone().rebuild_source(|it| it.default_lifetime(Duration::from_secs(90)));

    // The rebuilt layer is still bound to the origin, and has the source's other options.
    let api = Api::default();
    send(&rebuilt.layer(api.clone()), get("/")).await.unwrap();
    assert_eq!(api.requests(), 1);
    let life = |layer: &AuthLayer<HeaderScheme>| layer.source().status().expires_in;
    assert_eq!(life(&rebuilt), Some(Duration::from_secs(90)));
    assert!(format!("{:?}", rebuilt.source()).contains("exchange_timeout: 3s"));
    // The source of before has not been asked for a token.
    assert_eq!((life(&layer), source.status().counters.exchanges()), (None, 0));

    send(&layer.layer(api.clone()), get("/")).await.unwrap();
    assert_eq!(life(&layer), Some(Duration::from_secs(60)));
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn options_that_make_no_sense_are_raised_to_the_least_that_does() {
    let builder = TokenSource::builder(HeaderScheme::bearer(), login().1).clock(TokioClock::new());
    let source = builder.default_lifetime(Duration::ZERO).exchange_timeout(Duration::ZERO).build();
    source.token().await.unwrap();
    assert_eq!(source.status().expires_in, Some(Duration::from_secs(1)));
    assert!(format!("{source:?}").contains("exchange_timeout: 10ms"));
}

#[tokio::test]
async fn a_layer_shows_its_origins_and_options_to_whoever_debugs_it() {
    let source = TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap();
    let layer = AuthLayer::new(source)
        .with_origin(Origin::parse("https://api.example").unwrap())
        .with_replay_methods(ReplayMethods::Idempotent)
        .with_response_uri(|_| None);
    let service = layer.layer(()); // whatever is below
    for text in [format!("{layer:?}"), format!("{service:?}")] {
        for part in ["api.example", "Idempotent", "response_uri: Some"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    let call = layer.layer(Api::default()).call(get("/"));
    assert!(format!("{call:?}").starts_with("ResponseFuture"), "{call:?}");
}
