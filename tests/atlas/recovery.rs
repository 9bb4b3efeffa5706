//! The effects of a 401 from the API.

use futures::future::join_all;
use http::StatusCode;
use tower_outbound_auth::Recovery;
use tower_outbound_auth::exchange::Reason;

use super::{Setup, secs, until};

#[tokio::test]
async fn fifty_callers_without_a_token_cause_one_exchange() {
    let setup = Setup::new().await;
    setup.server.delay_exchanges(secs(1));
    let callers = join_all((0..50).map(|_| setup.get("/documents")));
    let server = async {
        until(|| setup.source.status().waiters == 50 && setup.exchanges() == 1).await;
        setup.clock.advance(secs(1));
    };
    let (responses, ()) = tokio::join!(callers, server);

    assert!(responses.into_iter().all(|response| response.unwrap().status() == StatusCode::OK));
    assert_eq!(setup.exchanges(), 1);
    assert_eq!(setup.server.counts().accepted, 50);
}

#[tokio::test]
async fn fifty_callers_of_a_revoked_token_cause_one_exchange() {
    let setup = Setup::new().await;
    setup.source.token().await.unwrap();
    setup.server.revoke_tokens();
    setup.server.delay_exchanges(secs(1));

    let body = |caller: usize| format!("document {caller} ").repeat(caller * 100);
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
async fn after_each_of_many_revocations_the_request_succeeds() {
    let setup = Setup::new().await;
    for _ in 0..20 {
        assert_eq!(setup.get("/documents").await.unwrap().status(), StatusCode::OK);
        setup.server.revoke_tokens();
    }
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.accepted, counts.refused), (20, 20, 19));
    assert_eq!(setup.source.status().renewal_budget, 5);
}

#[tokio::test]
async fn a_refused_token_that_is_issued_again_is_not_sent_again() {
    let setup = Setup::new().await;
    setup.source.token().await.unwrap();
    setup.server.set_sticky(true);
    setup.server.revoke_tokens();

    let response = setup.get("/documents").await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        response.body(),
        r#"{"error":"Invalid token"}"#,
        "the caller gets the server's answer"
    );
    assert_eq!(response.extensions().get(), Some(&Recovery::SameToken));
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.requests), (2, 1));
    assert_eq!(setup.source.status().counters.same_token, 1);
}

#[tokio::test]
async fn a_path_that_refuses_every_token_cannot_cause_a_storm() {
    let setup = Setup::new().await;
    setup.server.refuse_path("/forbidden");
    for _ in 0..50 {
        assert_eq!(setup.get("/forbidden").await.unwrap().status(), StatusCode::UNAUTHORIZED);
        assert_eq!(setup.get("/documents").await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(
        setup.exchanges(),
        1 + 5,
        "there are six exchanges: the first, and the budget of renewals"
    );
    let counts = setup.server.counts();
    assert_eq!(
        (counts.accepted, counts.refused),
        (50, 50 + 5),
        "each request is sent at most twice"
    );
    assert_eq!(setup.source.status().counters.exchanges_for(Reason::Refused), 5);
}

#[tokio::test]
async fn a_refusal_during_an_outage_goes_to_the_caller_and_later_requests_succeed() {
    let setup = Setup::new().await;
    setup.source.token().await.unwrap();
    setup.server.revoke_tokens();
    setup.server.begin_outage(None);
    for _ in 0..3 {
        let response = setup.get("/documents").await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.extensions().get(), Some(&Recovery::RenewalFailed));
    }
    assert_eq!(setup.exchanges(), 2, "there is one attempt per pause");

    setup.server.end_outage();
    setup.clock.advance(secs(1));
    assert_eq!(setup.get("/documents").await.unwrap().status(), StatusCode::OK);
    assert_eq!(setup.exchanges(), 3);
}
