//! Bodies of requests. To tonic, all are streams of unknown size.

use std::time::Duration;

use bytes::Bytes;
use futures::channel::mpsc;
use tonic::Code;
use tower::Layer;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

use crate::echo::{EchoClient, text};
use crate::{millis, world};

/// Five bytes before each message.
const PREFIX: usize = 5;

#[tokio::test]
async fn a_bidirectional_stream_that_is_refused_early_continues_message_by_message() {
    let world = world().await;
    let ledger = &world.server.ledger;
    ledger.revoke("token-1");
    ledger.read_before_refusing(2 * (PREFIX + 1)); // the messages have one letter each
    let (messages, receiver) = mpsc::unbounded::<Bytes>();
    let say = |letter: char| messages.unbounded_send(Bytes::from(letter.to_string())).unwrap();
    say('a');
    say('b');
    let mut answers = world.echo().bidi(receiver).await.unwrap();
    let mut answered = String::new();
    for letter in 'c'..='g' {
        answered += &text(&answers.message().await.unwrap().unwrap());
        say(letter);
    }
    drop(messages);
    while let Some(answer) = answers.message().await.unwrap() {
        answered += &text(&answer);
    }
    assert_eq!(answered, "abcdefg");
    let calls = ledger.calls();
    assert_eq!(ledger.tokens(), ["token-1", "token-2"]);
    assert_eq!(calls[1].messages.concat(), "abcdefg", "each message arrives once, in order");
}

#[tokio::test]
async fn a_refused_upload_of_many_messages_is_sent_again_whole() {
    let world = world().await;
    world.server.ledger.revoke("token-1");
    world.source.token().await.unwrap();
    let messages: Vec<_> = (0..2_000).map(|n| format!("message {n} {}", "x".repeat(10))).collect();
    let joined = world.echo().client_stream(&messages).await.unwrap();
    assert_eq!(joined, messages.join(" "));
    assert_eq!(world.server.ledger.calls()[1].messages, messages);
}

#[tokio::test]
async fn an_upload_above_the_cap_gets_the_refusal_and_the_token_is_renewed_for_the_next_call() {
    let world = world().await;
    world.server.ledger.revoke("token-1");
    world.server.ledger.read_before_refusing(80 * 1024);
    let messages = vec!["x".repeat(10_000); 20];
    let status = world.echo().client_stream(&messages).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "the token has expired"));
    world.echo().call("Unary", "one").await.unwrap();
    let uploads = world.server.ledger.calls().into_iter().filter(|it| it.method == "ClientStream");
    assert_eq!((uploads.count(), world.exchange.exchanges()), (1, 2));
}

/// Promise 5. Its body is one frame without a stated size, but it can be sent again.
#[tokio::test]
async fn a_unary_call_does_not_wait_for_a_successor_while_its_token_is_usable() {
    let (world, clock) = (world().await, ManualClock::new());
    let exchange = ScriptedExchange::new().with_delay(Duration::from_secs(1), clock.clone());
    let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone());
    let layer = AuthLayer::new(source.clock(clock.clone()).build()).with_origin(Origin::relative());
    let mut client = EchoClient::new(layer.layer(world.channel.clone()));
    let first = async {
        while exchange.under_way() == 0 {
            tokio::time::sleep(millis(5)).await;
        }
        clock.advance(Duration::from_secs(1));
    };
    assert_eq!(futures::join!(client.call("Unary", "one"), first).0.unwrap(), "one");
    clock.advance(Duration::from_secs(3_300)); // of an hour: a renewal is due, but the exchange hangs
    let second = client.call("Unary", "two");
    let second = tokio::time::timeout(Duration::from_secs(5), second).await.expect("no wait");
    assert_eq!((second.unwrap(), exchange.under_way()), ("two".to_owned(), 1));
    assert_eq!(world.server.ledger.tokens(), ["token-1", "token-1"]);
}
