//! Bodies of requests that are sent again for their proofs.

use bytes::Bytes;
use futures::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use tower::{Layer, ServiceExt};
use tower_outbound_auth::replay::{Same, Wrap};
use tower_outbound_auth::{BoxError, Recovery};

use super::server::HOST;
use super::{World, world};

type Boxed = BoxBody<Bytes, BoxError>;

fn stream_of(parts: usize, length: usize) -> Boxed {
    let part = move |nth: usize| {
        let letter = b'a' + u8::try_from(nth % 26).unwrap();
        Ok::<_, BoxError>(Frame::data(Bytes::from(vec![letter; length])))
    };
    BodyExt::boxed(StreamBody::new(stream::iter((0..parts).map(part))))
}

fn upload(body: Boxed) -> Request<Boxed> {
    Request::post(format!("{HOST}/upload")).body(body).unwrap()
}

async fn bytes(body: Boxed) -> Bytes {
    body.collect().await.unwrap().to_bytes()
}

/// The API wants a nonce, and has revoked the token.
async fn demanding() -> World {
    let world = world();
    world.source.token().await.unwrap();
    world.server.state().api.demand("n1");
    world.server.revoke("t1");
    world
}

#[tokio::test]
async fn a_boxed_stream_is_sent_whole_each_time() {
    let world = demanding().await;
    let service = world.layer.layer(world.server.clone());
    let response = service.oneshot(upload(stream_of(10, 100))).await.unwrap();
    assert_eq!(response.status(), 200);
    let expected = bytes(stream_of(10, 100)).await;
    assert_eq!(world.server.state().bodies, [expected.clone(), expected.clone(), expected]);
    assert_eq!((world.exchanges(), world.new_proofs()), (2, 1));
}

#[tokio::test]
async fn a_wrapped_stream_is_sent_again_for_its_proof_and_then_the_caller_gets_the_refusal() {
    let world = demanding().await;
    let service = world.layer.clone().with_replay(Wrap::new()).layer(world.server.clone());
    let response = service.clone().oneshot(upload(stream_of(10, 100))).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.extensions().get(), Some(&Recovery::NotReplayable));
    let expected = bytes(stream_of(10, 100)).await;
    assert_eq!(world.server.state().bodies, [expected.clone(), expected]);
    world.source.settled().await;
    let response = service.oneshot(upload(stream_of(10, 100))).await.unwrap();
    assert_eq!(response.status(), 200, "the token was renewed");
}

#[tokio::test]
async fn a_stream_that_was_not_kept_leaves_the_challenge_to_the_caller() {
    let world = world();
    world.server.state().api.demand("n1");
    let layer = world.layer.clone().with_replay(Same::new().with_cap(999));
    let service = layer.layer(world.server.clone());
    let response = service.clone().oneshot(upload(stream_of(10, 100))).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.extensions().get(), Some(&Recovery::ProofRefused));
    assert_eq!((world.exchanges(), world.new_proofs()), (1, 0));
    let response = service.oneshot(upload(stream_of(10, 100))).await.unwrap();
    assert_eq!(response.status(), 200, "the nonce was learned");
}

#[tokio::test]
async fn where_the_second_sending_fails_the_caller_gets_the_challenge() {
    let world = world();
    world.server.state().api.demand("n1");
    let server = world.server.clone();
    let failing = tower::service_fn(move |request: Request<Full<Bytes>>| {
        let server = server.clone();
        async move {
            let has_nonce = server.state().api.nonces.len() == 1;
            match has_nonce {
                true => Err::<Response<_>, BoxError>("reset".into()),
                false => Ok(server.oneshot(request).await?),
            }
        }
    });
    let response = world.layer.layer(failing).oneshot(super::get("/")).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.extensions().get(), Some(&Recovery::ResendFailed));
}
