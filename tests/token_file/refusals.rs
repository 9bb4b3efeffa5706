//! The API refuses the token.

use http::StatusCode;
use tower_outbound_auth::Recovery;

use super::*;

#[tokio::test]
async fn a_refused_token_that_is_still_in_the_file_costs_one_look_and_the_caller_gets_the_401() {
    let setup = Setup::new().await;
    setup.server.revoke_tokens();
    let refused = setup.get().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.extensions().get(), Some(&Recovery::SameToken));
    assert_eq!(setup.looks(), 2);
    assert_eq!(setup.seen().len(), 2, "it is not sent again");
}

#[tokio::test]
async fn refusals_of_the_same_token_cause_five_looks_in_a_row_and_then_one_in_30_seconds() {
    let setup = Setup::new().await;
    setup.server.revoke_tokens();
    for _ in 0..100 {
        assert_eq!(setup.get().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(setup.looks(), 1 + 5);
    setup.clock.advance(secs(30));
    for _ in 0..10 {
        assert_eq!(setup.get().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(setup.looks(), 1 + 5 + 1);
    let counters = setup.source.status().counters;
    assert_eq!(counters.exchanges_failed, 0);
}

#[tokio::test]
async fn a_request_that_is_refused_after_a_rotation_is_sent_again_with_its_body() {
    let setup = Setup::new().await;
    let first = setup.seen()[0].clone();
    setup.server.revoke_tokens();
    let second = setup.rewrite().await;
    let request = Request::put(setup.server.url("/pods")).body(Full::from("the whole body"));
    let response = setup.send(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
    assert_eq!(setup.seen(), [first.clone(), first, second]);
    let bodies = setup.server.requests().into_iter().map(|request| request.body);
    assert_eq!(bodies.collect::<Vec<_>>(), ["", "the whole body", "the whole body"]);
    assert_eq!(setup.looks(), 2);
}
