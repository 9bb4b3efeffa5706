//! What a refusal is, and that calls of all four kinds are sent again.

use tokio::task::JoinSet;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tower::Layer;

use crate::world;

#[tokio::test]
async fn all_four_kinds_of_calls_recover_from_a_token_that_was_revoked() {
    let world = world().await;
    let words: Vec<_> = ["one", "two", "three"].map(str::to_owned).into();
    for (round, method) in ["Unary", "ServerStream", "ClientStream", "Bidi"].iter().enumerate() {
        let mut client = world.echo();
        world.server.ledger.revoke(world.source.token().await.unwrap().expose());
        match *method {
            "Unary" => assert_eq!(client.call("Unary", "one").await.unwrap(), "one"),
            "ServerStream" => {
                assert_eq!(client.server_stream(method, "one").await.unwrap(), ["one"; 3]);
            }
            "ClientStream" => {
                assert_eq!(client.client_stream(&words).await.unwrap(), "one two three");
            }
            _ => {
                let messages = words.clone().into_iter().map(bytes::Bytes::from);
                let mut answers = client.bidi(futures::stream::iter(messages)).await.unwrap();
                for word in &words {
                    assert_eq!(answers.message().await.unwrap().unwrap(), word.as_bytes());
                }
                assert!(answers.message().await.unwrap().is_none());
            }
        }
        let calls = world.server.ledger.calls();
        let [.., refused, accepted] = &*calls else { panic!("two calls") };
        assert_eq!((&*refused.method, &*accepted.method), (*method, *method));
        assert_eq!(refused.messages, <[&str; 0]>::default());
        let sent = if method.starts_with(['U', 'S']) { &words[..1] } else { &words };
        assert_eq!(accepted.messages, sent, "each message arrives once, in order");
        assert_eq!((calls.len(), world.exchange.exchanges()), (2 * (round + 1), round + 2));
    }
}

#[tokio::test]
async fn generated_clients_work_with_the_layer_and_recover() {
    let world = world().await;
    let mut client = HealthClient::new(world.layer.layer(world.channel.clone()));
    world.server.ledger.revoke("token-1");
    client.check(HealthCheckRequest::default()).await.unwrap();
    world.server.ledger.revoke("token-2");
    let mut watch = client.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    let status = watch.message().await.unwrap().unwrap().status();
    assert_eq!(status, ServingStatus::Serving);
    assert_eq!(world.server.ledger.tokens(), ["token-1", "token-2", "token-2", "token-3"]);
}

#[tokio::test]
async fn many_callers_cost_one_exchange_at_the_start_and_one_after_a_revocation() {
    let world = world().await;
    for exchanges in 1..=2 {
        let mut callers = JoinSet::new();
        for caller in 0..50 {
            let mut client = world.echo();
            callers.spawn(async move {
                let message = format!("message of {caller}");
                assert_eq!(client.call("Unary", &message).await.unwrap(), message);
            });
        }
        callers.join_all().await;
        assert_eq!(world.exchange.exchanges(), exchanges);
        world.server.ledger.revoke("token-1");
    }
    assert_eq!(world.server.ledger.count("token-1"), 100, "50 accepted, 50 refused");
    assert_eq!(world.server.ledger.count("token-2"), 50);
}

#[tokio::test]
async fn a_call_is_also_sent_again_after_a_401_of_a_proxy() {
    let world = world().await;
    world.server.ledger.refuse_by_http();
    world.server.ledger.revoke("token-1");
    assert_eq!(world.echo().call("Unary", "one").await.unwrap(), "one");
    assert_eq!(world.server.ledger.tokens(), ["token-1", "token-2"]);
}

#[tokio::test]
async fn a_server_that_refuses_every_token_gets_two_calls_and_its_status_is_passed_on() {
    let world = world().await;
    for token in ["token-1", "token-2"] {
        world.server.ledger.revoke(token);
    }
    let status = world.echo().call("Unary", "one").await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (tonic::Code::Unauthenticated, "the token has expired")
    );
    assert_eq!(world.server.ledger.tokens(), ["token-1", "token-2"]);
}

#[tokio::test]
async fn a_denied_call_renews_nothing() {
    let world = world().await;
    let status = world.echo().call("Denied", "one").await.unwrap_err();
    assert_eq!((status.code(), status.message()), (tonic::Code::PermissionDenied, "not yours"));
    assert_eq!((world.server.ledger.calls().len(), world.exchange.exchanges()), (1, 1));
}
