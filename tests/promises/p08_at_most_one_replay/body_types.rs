//! Which body types each strategy accepts, and what it makes of them.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::{BoxBody, UnsyncBoxBody};
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_outbound_auth::replay::{Off, ReplayBody, Rewrap, Same, Wrap};
use tower_outbound_auth::{BoxError, assert_accepts};

use super::refusing_api::*;
use crate::support::*;

/// The body type of a client that does not take streams as they are.
type Own = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::test(start_paused = true)]
async fn each_strategy_accepts_its_documented_body_types() {
    let (layer, (api, _rests)) = (world().layer, refuses(0));
    let same = layer.clone().layer(api.clone());
    assert_accepts::<Full<Bytes>>(&same);
    assert_accepts::<Empty<Bytes>>(&same);
    assert_accepts::<BoxBody<Bytes, BoxError>>(&same);
    assert_accepts::<UnsyncBoxBody<Bytes, BoxError>>(&same);
    let wrap = layer.clone().with_replay(Wrap::new()).layer(api.clone());
    assert_accepts::<Stream>(&wrap);
    assert_accepts::<Full<Bytes>>(&wrap);
    let off = layer.with_replay(Off).layer(api);
    assert_accepts::<Stream>(&off);
    assert_accepts::<Full<Bytes>>(&off);
}

/// No call has to name the type of its body.
#[tokio::test(start_paused = true)]
async fn the_compiler_infers_the_body_type_from_the_request() {
    async fn answers<B>(_: Request<B>) -> Result<Response<Body>, BoxError> {
        Ok(Response::new(Body::default()))
    }
    let layer = world().layer;
    let mut same = layer.clone().layer(service_fn(answers::<Body>));
    assert_eq!(same.ready().await.unwrap().call(get("/")).await.unwrap().status(), 200);
    let mut off = layer.clone().with_replay(Off).layer(service_fn(answers::<Stream>));
    assert_eq!(off.ready().await.unwrap().call(upload(one_two())).await.unwrap().status(), 200);
    let mut wrap =
        layer.clone().with_replay(Wrap::new()).layer(service_fn(answers::<ReplayBody<Stream>>));
    assert_eq!(wrap.ready().await.unwrap().call(upload(one_two())).await.unwrap().status(), 200);
    let own = Rewrap::new(|body: ReplayBody<Stream>| body.boxed_unsync());
    let mut rewrap = layer.with_replay(own).layer(service_fn(answers::<Own>));
    assert_eq!(rewrap.ready().await.unwrap().call(upload(one_two())).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn boxed_bodies_are_sent_again_and_keep_their_type() {
    let (api, _rests) = refuses(1);
    let service = world().layer.layer(api);
    let sync: BoxBody<Bytes, BoxError> = BoxBody::new(one_two());
    assert_eq!(text(service.clone().oneshot(upload(sync)).await.unwrap()).await, "onetwo");

    let (api, _rests) = refuses(1);
    let only = service_fn(move |request: Request<UnsyncBoxBody<Bytes, BoxError>>| {
        api.clone().oneshot(request)
    });
    let request = upload(UnsyncBoxBody::new(one_two()));
    assert_eq!(text(world().layer.layer(only).oneshot(request).await.unwrap()).await, "onetwo");
}

#[tokio::test(start_paused = true)]
async fn a_boxed_body_over_the_cap_is_sent_once() {
    for (cap, replayed) in [(3, true), (2, false)] {
        let (api, _rests) = refuses(1);
        let layer = world().layer.with_replay(Same::new().with_cap(cap));
        let answer = layer.layer(api).oneshot(upload(BoxBody::new(one_two()))).await.unwrap();
        assert_eq!(answer.status() == 200, replayed, "three bytes, a cap of {cap}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_caps_of_wrap_and_rewrap_can_be_set() {
    for (cap, replayed) in [(3, true), (2, false)] {
        let own = Rewrap::new(|body: ReplayBody<Stream>| body.boxed_unsync()).with_cap(cap);
        let ((wrapped, _a), (rewrapped, _b)) = (refuses(1), refuses(1));
        let layer = world().layer.with_replay(Wrap::new().with_cap(cap));
        let answer = layer.layer(wrapped).oneshot(upload(one_two())).await.unwrap();
        assert_eq!(answer.status() == 200, replayed, "Wrap, a cap of {cap}");
        let layer = world().layer.with_replay(own);
        let answer = layer.layer(rewrapped).oneshot(upload(one_two())).await.unwrap();
        assert_eq!(answer.status() == 200, replayed, "Rewrap, a cap of {cap}");
    }
}

#[tokio::test(start_paused = true)]
async fn rewrap_makes_a_stream_the_body_type_of_the_client() {
    let (api, _rests) = refuses(1);
    let client = service_fn(move |request: Request<Own>| api.clone().oneshot(request));
    let own = Rewrap::new(|body: ReplayBody<Stream>| body.boxed_unsync());
    let service = world().layer.with_replay(own).layer(client);
    assert_accepts::<Stream>(&service);
    assert_eq!(text(service.oneshot(upload(one_two())).await.unwrap()).await, "onetwo");
}
