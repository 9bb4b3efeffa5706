//! Without `for_tonic()`, feature `tonic` changes no error.

use std::error::Error as _;

use tonic::{Code, Status};
use tower::Layer;
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::{AuthLayer, Error, ErrorKind};

use crate::{EchoClient, World, world};

/// What a caller gets from the layer itself if the exchange fails with this error.
async fn status_after(world: &World, error: ExchangeError) -> Status {
    world.exchange.fail_next(1, error);
    let mut client = EchoClient::new(world.layer.layer(world.channel.clone()));
    client.call("Unary", "one").await.unwrap_err()
}

#[tokio::test]
async fn our_errors_are_unknown_to_a_generated_client_and_are_still_found() {
    for kind in [
        ExchangeErrorKind::Unreachable,
        ExchangeErrorKind::Refused,
        ExchangeErrorKind::Configuration,
        ExchangeErrorKind::Reentrant,
    ] {
        let status = status_after(&world().await, ExchangeError::new(kind, "no token")).await;
        assert_eq!(status.code(), Code::Unknown, "{kind}");
        let ours = Error::find(&status).unwrap();
        assert_eq!(ours.exchange().unwrap().kind(), kind);
        assert_eq!(status.message(), ours.to_string(), "the status has our text");
    }
    let world = world().await;
    let unbound = AuthLayer::new(world.source.clone());
    let mut client = EchoClient::new(unbound.layer(world.channel.clone()));
    let status = client.call("Unary", "one").await.unwrap_err();
    assert_eq!(status.code(), Code::Unknown);
    assert_eq!(Error::find(&status).unwrap().kind(), ErrorKind::ForeignOrigin);
}

#[tokio::test]
async fn the_source_of_our_error_is_the_exchange_s_source_and_no_status() {
    let error = ExchangeError::new(ExchangeErrorKind::Unreachable, "no token");
    let status = status_after(&world().await, error.clone()).await;
    assert!(Error::find(&status).unwrap().source().is_none());

    let cause = std::io::Error::other("the cable is cut");
    let status = status_after(&world().await, error.with_source(cause)).await;
    let source = Error::find(&status).unwrap().source().unwrap();
    assert!(source.is::<std::io::Error>(), "{source:?}");
}

/// tonic goes through all sources.
#[tokio::test]
async fn a_status_below_the_exchange_is_what_a_generated_client_shows() {
    let error = ExchangeError::new(ExchangeErrorKind::Unavailable, "no token");
    let error = error.with_source(Status::not_found("no such key"));
    let status = status_after(&world().await, error).await;
    assert_eq!((status.code(), status.message()), (Code::NotFound, "no such key"));
    let ours = Error::find(&status).unwrap().exchange().unwrap();
    assert_eq!((ours.kind(), &*ours.to_string()), (ExchangeErrorKind::Unavailable, "no token"));
}
