//! `UNAUTHENTICATED` in real trailers: after the response began, it has no effect.

use tonic::Code;

use crate::world;

#[tokio::test]
async fn a_refusal_after_the_head_is_passed_on_and_renews_nothing() {
    let world = world().await;
    let status = world.echo().call("LateAfterHead", "one").await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "late"));
    assert_eq!((world.server.ledger.calls().len(), world.exchange.exchanges()), (1, 1));
}

#[tokio::test]
async fn a_refusal_in_the_middle_of_a_stream_is_passed_on_and_renews_nothing() {
    let world = world().await;
    let status = world.echo().server_stream("LateInTheMiddle", "one").await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "late"));
    assert_eq!((world.server.ledger.calls().len(), world.exchange.exchanges()), (1, 1));
}

#[tokio::test]
async fn a_caller_can_report_a_late_refusal_of_the_token() {
    let world = world().await;
    let before = world.source.token().await.unwrap();
    for _ in 0..3 {
        world.echo().call("LateAfterHead", "one").await.unwrap_err();
        world.source.reject(&before).await.unwrap();
    }
    assert_eq!(
        world.exchange.exchanges(),
        2,
        "all callers that report the same token cause one exchange"
    );
    world.echo().call("Unary", "one").await.unwrap();
    let carried = world.server.ledger.tokens();
    assert_eq!(carried.last().map(String::as_str), Some("token-2"));
}
