//! Tokens that responses bring.

use http::StatusCode;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use tower_outbound_auth::scheme::Adopt;

use super::{Setup, number_of, secs};

#[tokio::test]
async fn every_request_carries_the_newest_token() {
    let setup = Setup::new().await;
    for _ in 0..5 {
        setup.good().await;
    }
    let numbers: Vec<_> = setup.server.requests().iter().map(number_of).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!((setup.exchanges(), setup.counters().rotations_adopted), (1, 5));
}

#[tokio::test]
async fn a_token_in_a_response_never_reaches_the_caller() {
    let setup = Setup::new().await;
    setup.good().await;
    setup.server.hand_out(Some(vec![format!("Bearer {}", setup.sign(&setup.claims()))]));
    setup.server.refuse_path("/401");
    for status in [201, 204, 403, 404, 429, 500, 503] {
        let answer = StatusCode::from_u16(status).unwrap();
        setup.server.fail_path(&format!("/{status}"), Some(answer));
    }
    for status in [302, 307, 308] {
        let answer = StatusCode::from_u16(status).unwrap();
        setup.server.redirect_path(&format!("/{status}"), answer, &setup.server.url("/200"));
    }
    for status in [200, 201, 204, 302, 307, 308, 401, 403, 404, 429, 500, 503] {
        let handed_out = setup.server.counts().rotations;
        let response = setup.get(&format!("/{status}")).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert!(!response.headers().contains_key(AUTHORIZATION), "{status}");
        assert!(setup.server.counts().rotations > handed_out, "{status}: there was one");
    }
    let response = setup.get("/orders").await.unwrap();
    assert_eq!(
        response.headers()[CONTENT_TYPE],
        "application/json",
        "the other headers are unchanged"
    );
}

#[tokio::test]
async fn a_day_of_traffic_needs_one_exchange() {
    for adopt in [Adopt::EveryNewer, Adopt::WhenDue] {
        let setup = Setup::with(|scheme| scheme.adopt(adopt)).await;
        for _ in 0..24 * 12 {
            setup.good().await;
            setup.clock.advance(secs(300));
        }
        setup.source.settled().await;
        let counts = setup.server.counts();
        assert_eq!((counts.exchanges, counts.refused), (1, 0), "{adopt:?}");
    }
}

#[tokio::test]
async fn with_when_due_a_token_is_used_for_most_of_its_life() {
    let setup = Setup::with(|scheme| scheme.adopt(Adopt::WhenDue)).await;
    for _ in 0..10 {
        setup.good().await;
        setup.clock.advance(secs(287)); // 2,870 s in all: a renewal is due at 2,880 s at the earliest
    }
    assert!(setup.server.requests().iter().all(|request| number_of(request) == 1));
    assert_eq!(setup.counters().rotations_adopted, 0);

    setup.clock.advance(secs(430)); // 3,300 s: over 90 % of its life
    setup.good().await;
    assert_eq!(setup.counters().rotations_adopted, 1);
    setup.good().await;
    setup.source.settled().await;
    let carried = number_of(setup.server.requests().last().unwrap());
    assert_eq!(
        (carried, setup.exchanges()),
        (12, 1),
        "the request has the token of the eleventh response"
    );
}

#[tokio::test]
async fn without_a_new_token_there_is_an_exchange_before_the_expiry() {
    let setup = Setup::new().await;
    setup.server.hand_out(Some(Vec::new()));
    setup.good().await;
    setup.clock.advance(secs(3_300));
    setup.good().await;
    setup.source.settled().await;
    assert_eq!((setup.exchanges(), setup.counters().rotations_adopted), (2, 0));
    setup.good().await;
    assert_eq!(setup.server.counts().refused, 0);
}

#[tokio::test]
async fn a_token_that_expired_without_traffic_is_not_sent() {
    let setup = Setup::new().await;
    setup.good().await;
    setup.clock.advance(secs(3_000));
    setup.good().await; // the token that expires at 6,600 s has expired too
    setup.clock.advance(secs(3_000));
    setup.good().await;
    assert_eq!(setup.exchanges(), 1);
    setup.source.settled().await;
    setup.clock.advance(secs(7_200));
    setup.good().await;
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.refused), (2, 0));
}
