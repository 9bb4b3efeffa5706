//! The layer among other layers.

use std::time::Duration;

use tokio::task::JoinSet;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tower::ServiceBuilder;

use crate::until::until;
use crate::{EchoClient, world};

#[tokio::test]
async fn interceptors_timeouts_and_limits_around_the_layer_work() {
    let world = world().await;
    let channel = world.server.endpoint().timeout(Duration::from_secs(5)).connect_lazy();
    let stack = ServiceBuilder::new()
        .timeout(Duration::from_secs(10))
        .layer(world.layer.clone())
        .concurrency_limit(4)
        .service(channel);
    world.server.ledger.revoke("token-1");
    let mut client = HealthClient::with_interceptor(stack, |mut request: Request<()>| {
        // A credential of the caller's own is replaced.
        let evil = MetadataValue::from_static("Bearer evil");
        request.metadata_mut().insert("authorization", evil);
        Ok(request)
    });
    client.check(HealthCheckRequest::default()).await.unwrap();
    assert_eq!(world.server.ledger.tokens(), ["token-1", "token-2"]);
}

#[tokio::test]
async fn an_overload_below_stays_resource_exhausted() {
    let world = world().await;
    let stack = ServiceBuilder::new()
        .layer(world.layer.clone().for_tonic())
        .load_shed()
        .concurrency_limit(1)
        .service(world.channel.clone());
    world.source.token().await.unwrap();
    let (mut first, mut second) = (EchoClient::new(stack.clone()), EchoClient::new(stack));
    let slow = tokio::spawn(async move { first.call("Slow", "one").await });
    until(|| world.server.ledger.calls().len() == 1).await; // the first call is under way
    let status = second.call("Unary", "two").await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert_eq!(slow.await.unwrap().unwrap(), "one");
    assert_eq!(world.server.ledger.calls().len(), 1);
}

#[tokio::test]
async fn behind_a_limit_of_one_a_revoked_token_costs_one_exchange() {
    let world = world().await;
    let stack = ServiceBuilder::new()
        .layer(world.layer.clone())
        .concurrency_limit(1)
        .service(world.channel.clone());
    world.source.token().await.unwrap();
    world.server.ledger.revoke("token-1");
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let mut client = EchoClient::new(stack.clone());
        callers.spawn(async move { client.call("Unary", "one").await.unwrap() });
    }
    assert_eq!(callers.join_all().await, ["one"; 50]);
    assert_eq!(world.exchange.exchanges(), 2);
    assert_eq!(world.server.ledger.count("token-2"), 50);
}
