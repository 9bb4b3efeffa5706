//! `grpc-timeout` on the wire.

use std::time::Duration;

use bytes::Bytes;
use tonic::{Code, Request};
use tower_outbound_auth::{Error, ErrorKind};

use crate::{millis, world_with_delay};

/// What clients of tonic write.
fn micros(timeout: Option<&str>) -> u64 {
    timeout.and_then(|it| it.strip_suffix('u')).expect("in microseconds").parse().unwrap()
}

fn with_timeout(timeout: Duration) -> Request<Bytes> {
    let mut request = Request::new(Bytes::from_static(b"one"));
    request.set_timeout(timeout);
    request
}

#[tokio::test]
async fn the_server_gets_the_time_that_is_left_to_the_caller() {
    let world = world_with_delay(millis(300)).await;
    world.server.ledger.revoke("token-1");
    world.echo().call_with("Unary", with_timeout(Duration::from_secs(20))).await.unwrap();
    let calls = world.server.ledger.calls();
    let [first, second] = [0, 1].map(|nth| micros(calls[nth].timeout.as_deref()));
    // The clock has a resolution of 4 ms, so it may show this much less.
    assert!((10_000_000..=19_710_000).contains(&first), "300 ms for the token: {first}");
    assert!(second <= first - 290_000, "300 ms more for the successor: {second}");
}

#[tokio::test]
async fn the_caller_s_time_ends_while_the_token_endpoint_hangs() {
    let world = world_with_delay(Duration::from_secs(600)).await;
    let call = async { world.echo().call_with("Unary", with_timeout(millis(300))).await };
    let status = tokio::time::timeout(Duration::from_secs(60), call).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    assert_eq!(Error::find(&status).unwrap().kind(), ErrorKind::Timeout);
    assert_eq!(world.server.ledger.calls().len(), 0);
    assert_eq!(world.exchange.under_way(), 1, "the exchange is not cut short");
}

#[tokio::test]
async fn a_refused_call_whose_time_ends_during_the_renewal_gets_the_refusal() {
    let world = world_with_delay(Duration::from_secs(4)).await;
    world.source.token().await.unwrap();
    world.server.ledger.revoke("token-1");
    // The call itself must arrive in time, also on a busy machine.
    let status = world.echo().call_with("Unary", with_timeout(millis(1_500))).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(status.message(), "the token has expired");
    assert_eq!(
        world.source.token().await.unwrap().expose(),
        "token-1",
        "the renewal is still running"
    );
    world.source.settled().await;
    world.echo().call("Unary", "one").await.unwrap();
    assert_eq!(world.server.ledger.tokens(), ["token-1", "token-2"]);
}
