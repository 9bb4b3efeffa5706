//! The effects of a 401 from the API.

use futures::future::join_all;
use http::{Request, StatusCode};
use http_body_util::Full;
use tokio::time::sleep;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::Recovery;
use tower_outbound_auth::exchange::Reason;
use tower_outbound_auth::replay::Off;
use tower_outbound_auth::token::NotAdopted;

use super::{Setup, http, millis, number_of, secs, until};

#[tokio::test]
async fn fifty_callers_of_a_revoked_token_cause_one_exchange() {
    let setup = Setup::new().await;
    setup.source.token().await.unwrap();
    setup.server.revoke_tokens();
    setup.server.delay_exchanges(secs(1));

    let body = |caller: usize| format!("order {caller} ").repeat(caller * 100);
    let post = async |caller: usize| setup.post(&format!("/{caller}"), body(caller)).await;
    let callers = join_all((0..50).map(post));
    let server = async {
        until(|| setup.server.counts().refused == 50 && setup.exchanges() == 2).await;
        setup.clock.advance(secs(1));
    };
    let (responses, ()) = tokio::join!(callers, server);

    for response in responses {
        let response = response.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
    }
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.accepted, counts.refused), (2, 50, 50));
    assert_eq!(setup.counters().exchanges_for(Reason::Refused), 1);
    let requests = setup.server.requests();
    for caller in 0..50 {
        let path = format!("/{caller}");
        let bodies = requests.iter().filter(|request| request.path == path);
        let bodies: Vec<_> = bodies.map(|request| &request.body).collect();
        assert_eq!(
            bodies,
            [&body(caller), &body(caller)],
            "each body was refused once and accepted once"
        );
    }
}

#[tokio::test]
async fn a_401_that_answers_an_older_token_is_retried_with_the_current_one() {
    let setup = Setup::new().await;
    setup.source.token().await.unwrap();
    setup.server.fail_path("/late", Some(StatusCode::UNAUTHORIZED));
    setup.server.delay_requests(secs(5));
    let meanwhile = async {
        until(|| setup.server.counts().requests == 1).await;
        setup.server.fail_path("/late", None);
        setup.server.delay_requests(secs(0));
        setup.good().await;
        setup.clock.advance(secs(5));
    };
    let (response, ()) = tokio::join!(setup.post("/late", "an order"), meanwhile);
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
    let numbers: Vec<_> = setup.server.requests().iter().map(number_of).collect();
    assert_eq!(numbers, [1, 1, 2]);
    assert_eq!(setup.exchanges(), 1);
}

#[tokio::test]
async fn a_late_response_never_brings_back_a_token_from_before_a_revocation() {
    let setup = Setup::new().await;
    setup.source.token().await.unwrap();
    setup.server.delay_requests(secs(600));
    let revocation = async {
        until(|| setup.server.counts().rotations == 1).await;
        setup.server.delay_requests(secs(0));
        setup.server.revoke_tokens();
        // The late response might bring the new token, so the request waits for it for one second.
        let time = async {
            while setup.exchanges() < 2 {
                setup.clock.advance(millis(10));
                sleep(millis(1)).await;
            }
        };
        tokio::join!(setup.good(), time);
        setup.clock.advance(secs(600));
    };
    let (late, ()) = tokio::join!(setup.get("/late"), revocation);
    assert_eq!(late.unwrap().status(), StatusCode::OK);
    assert_eq!(setup.counters().rotations_not_adopted_for(NotAdopted::OtherLineage), 1);

    setup.good().await;
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.refused), (2, 1), "the revoked token is not sent again");
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_response_to_a_caller_that_gives_up() {
    let setup = Setup::new().await;
    setup.source.token().await.unwrap();
    setup.server.delay_requests(secs(600));
    let slow = tokio::spawn({
        let setup = setup.clone();
        async move { setup.get("/slow").await }
    });
    until(|| setup.server.counts().rotations == 1).await;
    setup.server.delay_requests(secs(0));
    setup.server.revoke_tokens();
    let giving_up = async {
        until(|| setup.server.counts().refused == 1).await;
        sleep(millis(20)).await;
        assert_eq!(
            setup.exchanges(),
            1,
            "no exchange begins while the slow response might bring the new token"
        );
        slow.abort();
    };
    tokio::join!(setup.good(), giving_up); // and the clock does not move
    assert_eq!(setup.exchanges(), 2);
}

#[tokio::test]
async fn after_refusals_of_requests_that_cannot_be_sent_again_the_last_one_renews_the_token() {
    let setup = Setup::new().await;
    let api = setup.layer().with_replay(Off).layer(http());
    setup.source.token().await.unwrap();
    setup.server.revoke_tokens();
    let post = async || {
        let request = Request::post(setup.server.url("/orders")).body(Full::default()).unwrap();
        api.clone().oneshot(request).await.unwrap()
    };
    for response in join_all((0..20).map(|_| post())).await {
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.extensions().get(), Some(&Recovery::NotReplayable));
    }
    setup.source.settled().await;
    assert_eq!((setup.exchanges(), setup.server.counts().requests), (2, 20));
    assert_eq!(post().await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_revocation_between_two_requests_is_never_noticed() {
    let setup = Setup::new().await;
    for _ in 0..20 {
        setup.good().await;
        setup.good().await;
        setup.server.revoke_tokens();
    }
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.accepted, counts.refused), (20, 40, 19));
    assert_eq!(setup.source.status().renewal_budget, 5);
}

#[tokio::test]
async fn a_path_that_refuses_every_token_cannot_cause_a_storm() {
    let setup = Setup::new().await;
    setup.server.refuse_path("/forbidden");
    for _ in 0..50 {
        assert_eq!(setup.get("/forbidden").await.unwrap().status(), StatusCode::UNAUTHORIZED);
        setup.good().await;
    }
    assert_eq!(
        setup.exchanges(),
        1 + 5,
        "there are six exchanges: the first, and the budget of renewals"
    );
}
