//! With `for_tonic()`, our errors are statuses. The tests check the caller's status of a generated client, and
//! its sources.

use std::error::Error as _;

use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::load_shed::error::Overloaded;
use tower::{Layer, ServiceBuilder};
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::system::{ClientCredentials, HeaderScheme};
use tower_outbound_auth::testkit::{OAuthServer, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, BoxError, Error, ErrorKind, Origin, TokenSource};

use crate::failing::{handed_on, status_of};
use crate::{EchoClient, world};

/// What a caller gets if the tokens come from this server.
async fn status_with(auth: &OAuthServer, channel: Channel) -> Status {
    let (endpoint, id, secret) = (auth.endpoint(), auth.client_id(), auth.client_secret());
    let scheme = ClientCredentials::new(endpoint, id, secret).unwrap();
    let client: Client<HttpConnector, _> = Client::builder(TokioExecutor::new()).build_http();
    let layer =
        AuthLayer::new(TokenSource::over_http(scheme, client)).with_origin(Origin::relative());
    let mut client = HealthClient::new(layer.for_tonic().layer(channel));
    client.check(HealthCheckRequest::default()).await.unwrap_err()
}

#[tokio::test]
async fn a_token_endpoint_that_is_down_is_unavailable_with_our_error_as_its_source() {
    let (world, auth) = (world().await, OAuthServer::start().await.unwrap());
    auth.begin_outage(None);
    let status = status_with(&auth, world.channel.clone()).await;
    assert_eq!(status.code(), Code::Unavailable);
    let ours = Error::find(&status).unwrap();
    assert_eq!((ours.kind(), ours.is_transient()), (ErrorKind::Exchange, true));
    assert_eq!(ours.exchange().unwrap().kind(), ExchangeErrorKind::Unavailable);
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
async fn a_failed_exchange_has_the_code_of_its_kind_and_its_cause_as_the_last_source() {
    for (kind, code) in [
        (ExchangeErrorKind::Unreachable, Code::Unavailable),
        (ExchangeErrorKind::Timeout, Code::Unavailable),
        (ExchangeErrorKind::Unavailable, Code::Unavailable),
        (ExchangeErrorKind::Refused, Code::Unauthenticated),
        (ExchangeErrorKind::Malformed, Code::Unavailable),
        (ExchangeErrorKind::Expired, Code::Unavailable),
        (ExchangeErrorKind::Panicked, Code::Unavailable),
        (ExchangeErrorKind::Reentrant, Code::Internal),
        (ExchangeErrorKind::Configuration, Code::FailedPrecondition),
    ] {
        let world = world().await;
        let cause = std::io::Error::other("the cable is cut");
        world.exchange.fail_next(1, ExchangeError::new(kind, "no token").with_source(cause));
        let status = world.echo().call("Unary", "one").await.unwrap_err();
        assert_eq!(status.code(), code, "{kind}");
        let ours = status.source().unwrap().downcast_ref::<Error>().unwrap();
        assert_eq!(ours.exchange().unwrap().kind(), kind);
        assert_eq!(status.message(), ours.to_string());
        assert!(
            ours.source().unwrap().is::<std::io::Error>(),
            "the source is the same as without `for_tonic()`"
        );
    }
}

#[tokio::test]
async fn a_service_for_tonic_gives_the_source_of_its_tokens() {
    let world = world().await;
    let service = world.layer.clone().for_tonic().layer(world.channel.clone());
    let source = service.source();
    HealthClient::new(service).check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(world.server.ledger.tokens(), [source.token().await.unwrap().expose()]);
}

#[tokio::test]
async fn our_code_counts_and_not_the_code_of_a_status_below_the_exchange() {
    let world = world().await;
    let error = ExchangeError::new(ExchangeErrorKind::Unavailable, "no token");
    world.exchange.fail_next(1, error.with_source(Status::not_found("no such key")));
    let status = world.echo().call("Unary", "one").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("no token"), "{status}");
}

#[tokio::test]
async fn a_set_up_that_cannot_work_is_a_failed_precondition() {
    let world = world().await;
    let auth = AuthLayer::new(world.source.clone()).for_tonic();
    let status = EchoClient::new(auth.layer(world.channel.clone())).call("Unary", "one").await;
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert_eq!(Error::find(&status).unwrap().kind(), ErrorKind::ForeignOrigin);
    assert!(status.message().contains("Origin::relative()"), "{status}");

    let error = ClientCredentials::new("ftp://auth.example/token", "id", "secret").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(status_of(error).code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_token_without_a_successor_is_unauthenticated() {
    let source = TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap();
    let error = source.reject(&source.token().await.unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuccessor);
    assert_eq!(status_of(error).code(), Code::Unauthenticated);
}

#[test]
fn a_wrongly_built_program_is_an_internal_error() {
    let source = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
    let error = futures::executor::block_on(source.token()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Runtime);
    assert_eq!(status_of(error).code(), Code::Internal);
}

#[tokio::test]
async fn our_code_is_found_through_the_layers_above() {
    let world = world().await;
    world.exchange.fail_next(1, ExchangeError::new(ExchangeErrorKind::Unreachable, "cut"));
    let stack = ServiceBuilder::new()
        .buffer(4)
        .timeout(std::time::Duration::from_secs(5))
        .layer(world.layer.clone().for_tonic())
        .service(world.channel.clone());
    let status = EchoClient::new(stack).call("Unary", "one").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let ours = Error::find(&status).unwrap().exchange().unwrap();
    assert_eq!((ours.kind(), &*ours.to_string()), (ExchangeErrorKind::Unreachable, "cut"));
}

#[tokio::test]
async fn the_channel_s_own_errors_are_untouched() {
    for before in [false, true] {
        let status = handed_on(Status::data_loss("its own"), before);
        let status = status.downcast::<Status>().unwrap();
        assert_eq!((status.code(), status.message()), (Code::DataLoss, "its own"));
        assert!(status.source().is_none());
        assert!(handed_on(Overloaded::new(), before).is::<Overloaded>());
        let other = handed_on("reset", before);
        assert_eq!((other.to_string(), other.source().is_none()), ("reset".to_owned(), true));
        // The channel has wrapped an error of ours. The channel's error counts.
        let ours = ClientCredentials::new("ftp://auth.example", "id", "secret").unwrap_err();
        assert!(handed_on(std::io::Error::other(ours), before).is::<std::io::Error>());
    }
    assert_eq!(status_of(Overloaded::new()).code(), Code::ResourceExhausted);
    assert_eq!(status_of("reset").code(), Code::Unknown);
}

/// The same error as without `for_tonic()`, and as from the channel alone.
#[tokio::test]
async fn an_unreachable_server_gives_the_channel_s_error() {
    let nobody = || Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
    let world = world().await;
    let with = world.layer.clone().for_tonic().layer(nobody());
    let mut texts = Vec::new();
    for status in [
        EchoClient::new(nobody()).call("Unary", "one").await.unwrap_err(),
        EchoClient::new(world.layer.layer(nobody())).call("Unary", "one").await.unwrap_err(),
        EchoClient::new(with).call("Unary", "one").await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::Unavailable);
        assert!(Error::find(&status).is_none());
        texts.push(BoxError::from(status).to_string());
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}
