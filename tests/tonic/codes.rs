//! Our errors as statuses: what a caller of a generated client gets, and what is below it.

use std::error::Error as _;

use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::{Layer, ServiceBuilder};
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::system::{ClientCredentials, HeaderScheme};
use tower_outbound_auth::testkit::{OAuthServer, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, Error, ErrorKind, Origin, TokenSource};

use crate::{EchoClient, world};

/// What a caller gets where tokens come from this server.
async fn status_with(auth: &OAuthServer, channel: Channel) -> Status {
    let (endpoint, id, secret) = (auth.endpoint(), auth.client_id(), auth.client_secret());
    let scheme = ClientCredentials::new(endpoint, id, secret).unwrap();
    let client: Client<HttpConnector, _> = Client::builder(TokioExecutor::new()).build_http();
    let layer =
        AuthLayer::new(TokenSource::over_http(scheme, client)).with_origin(Origin::relative());
    let mut client = HealthClient::new(layer.layer(channel));
    client.check(HealthCheckRequest::default()).await.unwrap_err()
}

#[tokio::test]
async fn a_token_endpoint_that_is_down_is_unavailable_with_our_error_below() {
    let (world, auth) = (world().await, OAuthServer::start().await.unwrap());
    auth.begin_outage(None);
    let status = status_with(&auth, world.channel.clone()).await;
    assert_eq!(status.code(), Code::Unavailable);
    let ours = Error::find(&status).unwrap();
    assert_eq!((ours.kind(), ours.is_transient()), (ErrorKind::Exchange, true));
    assert!(ours.retry_after().is_some());
    assert_eq!(status.message(), ours.to_string(), "our own text");
    assert_eq!(world.server.ledger.calls().len(), 0, "nothing was sent");
}

#[tokio::test]
async fn credentials_that_are_refused_are_unauthenticated() {
    let (world, auth) = (world().await, OAuthServer::start().await.unwrap());
    auth.refuse_credentials(true);
    let status = status_with(&auth, world.channel.clone()).await;
    assert_eq!(status.code(), Code::Unauthenticated);
    let ours = Error::find(&status).unwrap();
    assert_eq!(ours.exchange().unwrap().kind(), ExchangeErrorKind::Refused);
    assert!(!format!("{status:?}").contains(auth.client_secret()));
}

#[tokio::test]
async fn a_failed_exchange_has_the_code_of_its_kind_and_its_cause_at_the_end_of_the_chain() {
    for (kind, code) in [
        (ExchangeErrorKind::Unreachable, Code::Unavailable),
        (ExchangeErrorKind::Timeout, Code::Unavailable),
        (ExchangeErrorKind::Malformed, Code::Unavailable),
        (ExchangeErrorKind::Refused, Code::Unauthenticated),
        (ExchangeErrorKind::Configuration, Code::FailedPrecondition),
    ] {
        let world = world().await;
        let cause = std::io::Error::other("the cable is cut");
        world.exchange.fail_next(1, ExchangeError::new(kind, "no token").with_source(cause));
        let status = world.echo().call("Unary", "one").await.unwrap_err();
        assert_eq!(status.code(), code, "{kind}");
        let ours = Error::find(&status).unwrap();
        let below = ours.source().unwrap().downcast_ref::<Status>().unwrap();
        assert_eq!((below.code(), below.message()), (code, &*ours.to_string()));
        assert!(below.source().unwrap().is::<std::io::Error>(), "the former source");
    }
}

#[tokio::test]
async fn a_set_up_that_cannot_work_is_a_failed_precondition() {
    let world = world().await;
    let auth = AuthLayer::new(world.source.clone());
    let status = EchoClient::new(auth.layer(world.channel.clone())).call("Unary", "one").await;
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(Error::find(&status).unwrap().kind(), ErrorKind::ForeignOrigin);
    assert!(status.message().contains("Origin::relative()"), "{status}");

    let error = ClientCredentials::new("ftp://auth.example/token", "id", "secret").unwrap_err();
    assert_eq!(Status::from_error(error.into()).code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_token_without_a_successor_is_unauthenticated() {
    let source = TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap();
    let error = source.reject(&source.token().await.unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuccessor);
    assert_eq!(Status::from_error(error.into()).code(), Code::Unauthenticated);
}

#[test]
fn a_program_that_is_put_together_wrongly_is_an_internal_error() {
    let source = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
    let error = futures::executor::block_on(source.token()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Runtime);
    assert_eq!(Status::from_error(error.into()).code(), Code::Internal);
}

#[tokio::test]
async fn our_code_is_found_through_the_layers_above() {
    let world = world().await;
    world.exchange.fail_next(1, ExchangeError::new(ExchangeErrorKind::Unreachable, "cut"));
    let stack = ServiceBuilder::new()
        .buffer(4)
        .timeout(std::time::Duration::from_secs(5))
        .layer(world.layer.clone())
        .service(world.channel.clone());
    let status = EchoClient::new(stack).call("Unary", "one").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(Error::find(&status).is_some());
}
