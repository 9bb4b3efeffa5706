//! A client like those that tonic generates, and a server of grpcio: what Python counted by token, and what
//! callers got.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::stream;
use http::Response;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tonic::Code;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::{Layer, ServiceBuilder};
use tower_outbound_auth::exchange::{Issued, from_fn};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{Auth, AuthLayer, Origin, TokenSource};

use crate::echo::EchoClient;
use crate::secs;
use crate::servers::GrpcServer;

/// Later than all of these tests.
const GOOD: u64 = 9_999_999_999;
const EXPIRED: u64 = 1;

struct World {
    server: GrpcServer,
    channel: Channel,
    source: TokenSource<HeaderScheme>,
    layer: AuthLayer<HeaderScheme>,
}

/// The layer treats each token `t1`, `t2` … as valid for five minutes. `end` is when Python stops to
/// accept it.
async fn world(end: impl Fn(u64) -> u64 + Send + Sync + 'static) -> World {
    let server = GrpcServer::start().await;
    let channel = Endpoint::from_shared(server.url.clone()).unwrap().connect().await.unwrap();
    let count = AtomicU64::new(1);
    let tokens = from_fn(move || {
        let number = count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(Issued::new(format!("t{number}.{}", end(number)))))
    });
    let source = TokenSource::new(HeaderScheme::bearer(), tokens);
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::relative());
    World { server, channel, source, layer }
}

/// The first token has already expired when it arrives.
async fn first_expired() -> World {
    world(|number| if number == 1 { EXPIRED } else { GOOD }).await
}

impl World {
    fn echo(&self) -> EchoClient<Auth<Channel>> {
        EchoClient::new(self.layer.layer(self.channel.clone()))
    }

    fn exchanges(&self) -> u64 {
        self.source.status().counters.exchanges()
    }
}

fn counts<const N: usize>(counts: [(&str, u32); N]) -> BTreeMap<String, u32> {
    counts.map(|(token, count)| (token.to_owned(), count)).into()
}

#[tokio::test]
#[ignore = "needs python: run interop/run"]
async fn all_four_kinds_of_calls_recover_from_an_expired_token() {
    let words: Vec<_> = ["one", "two", "three"].map(str::to_owned).into();
    for method in ["Unary", "ServerStream", "ClientStream", "Bidi", "Challenge"] {
        let world = first_expired().await;
        let mut client = world.echo();
        match method {
            "ServerStream" => {
                assert_eq!(client.server_stream(method, "one").await.unwrap(), ["one"; 3]);
            }
            "ClientStream" => {
                assert_eq!(client.client_stream(&words).await.unwrap(), "one two three");
            }
            "Bidi" => {
                let messages = stream::iter(words.clone().into_iter().map(Bytes::from));
                let mut answers = client.bidi(messages).await.unwrap();
                for word in &words {
                    assert_eq!(answers.message().await.unwrap().unwrap(), word.as_bytes());
                }
                assert!(answers.message().await.unwrap().is_none());
            }
            _ => assert_eq!(client.call(method, "one").await.unwrap(), "one"),
        }
        assert_eq!(world.server.calls(method).await, counts([("t1", 1), ("t2", 1)]), "{method}");
        assert_eq!(world.exchanges(), 2);
    }
}

#[tokio::test]
#[ignore = "needs python: run interop/run"]
async fn other_statuses_pass_untouched() {
    for (method, code, text) in [
        ("LateAfterHead", Code::Unauthenticated, "late"),
        ("LateInTheMiddle", Code::Unauthenticated, "late"),
        ("Scope", Code::Unauthenticated, "not enough"),
        ("Denied", Code::PermissionDenied, "no"),
    ] {
        let world = first_expired().await;
        let status = world.echo().server_stream(method, "one").await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, text), "{method}");
        assert_eq!(world.server.calls(method).await, counts([("t1", 1)]), "{method}");
        assert_eq!(world.exchanges(), 1, "{method}");
    }
}

/// The layer needs to know where the status is on the wire.
#[tokio::test]
#[ignore = "needs python: run interop/run"]
async fn a_refusal_at_once_is_in_the_head_with_its_challenge_and_a_late_one_is_not() {
    for (method, in_head, challenge) in [
        ("Unary", true, false),
        ("ServerStream", true, false),
        ("ClientStream", true, false),
        ("Bidi", true, false),
        ("Challenge", true, true),
        ("Denied", true, false),
        ("LateAfterHead", false, false),
        ("LateInTheMiddle", false, false),
    ] {
        let world = world(|_| EXPIRED).await;
        let heads = Arc::new(Mutex::new(Vec::new()));
        let noted = heads.clone();
        let stack = ServiceBuilder::new()
            .layer(world.layer.clone())
            .map_response(move |response: Response<Body>| {
                noted.lock().unwrap().push((response.status(), response.headers().clone()));
                response
            })
            .service(world.channel.clone());
        EchoClient::new(stack).server_stream(method, "one").await.unwrap_err();
        let heads = heads.lock().unwrap();
        assert!(!heads.is_empty());
        for (status, headers) in &*heads {
            assert_eq!(status.as_u16(), 200);
            assert_eq!(headers.contains_key("grpc-status"), in_head, "{method}: {headers:?}");
            assert_eq!(headers.contains_key("www-authenticate"), challenge, "{method}");
        }
    }
}

/// Python stops to accept each token after two seconds. The layer learns this only by a refusal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs python: run interop/run"]
async fn fifty_callers_do_not_notice_expired_tokens() {
    const CALLERS: u32 = 50;
    const CALLS_EACH: u32 = 30;
    let (world, began) = (world(|_| unix_time() + 2).await, unix_time());
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let mut client = world.echo();
        callers.spawn(async move {
            for number in 0..CALLS_EACH {
                let message = format!("{number} of {caller}");
                assert_eq!(client.call("Unary", &message).await.unwrap(), message);
                sleep(Duration::from_millis(200)).await;
            }
        });
    }
    callers.join_all().await;
    let calls: u32 = world.server.calls("Unary").await.values().sum();
    let refused = calls - CALLERS * CALLS_EACH;
    println!("{calls} calls, {refused} of them refused, {} exchanges", world.exchanges());
    // A token lives for more than one second.
    let most = unix_time() - began + 2;
    assert!((3..=most).contains(&world.exchanges()), "{} exchanges", world.exchanges());
    assert!(refused > 0 && u64::from(refused) < u64::from(CALLERS) * world.exchanges());
}

fn unix_time() -> u64 {
    #[allow(clippy::disallowed_methods)] // the ban is for `src`
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap_or(secs(0)).as_secs()
}
