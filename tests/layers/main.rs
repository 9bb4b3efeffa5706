//! The usual layers around a client, above and below this crate's: with each one, a refused request is
//! sent again, and errors reach the caller. The tests run in memory, on tokio's paused clock, or over
//! sockets if bytes or load matter.
//!
//! | cannot be used | because | use instead |
//! |---|---|---|
//! | `RateLimit`, `BoxService` below | they are not `Clone` | a `Buffer` between, or a `BoxCloneSyncService` |
//! | `RequestBodyLimit`, `RequestBodyTimeout` above `Same` | they make another body | `with_replay(Wrap::new())`, or below |
//! | `option_layer` over a raw client | its two sides have errors of two types | `map_err` below it, or `with_exempt_if` |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // the helpers are tests as well

mod behaviour;
mod errors;
mod limits;
mod option;
mod order;
mod redirects;
#[path = "../promises/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the promises")]
mod support;
mod table;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use tower::util::BoxService;
use tower::{Service, ServiceExt, service_fn};
use tower_outbound_auth::BoxError;

use self::support::*;

/// Any stack. It is not `Clone`, because some layers are not.
type Stack = BoxService<Request<Body>, Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

fn stack<T, RB>(service: T) -> Stack
where
    T: Service<Request<Body>, Response = Response<RB>, Error: Into<BoxError>, Future: Send>,
    T: Send + 'static,
    RB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let boxed = |response: Response<RB>| response.map(|it| it.map_err(Into::into).boxed_unsync());
    BoxService::new(service.map_response(boxed).map_err(Into::into))
}

/// The API, for requests with any body that the layers above make.
fn api<B>(
    world: &World,
) -> impl Service<Request<B>, Response = Response<Body>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ Sync
+ use<B>
where
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let api = world.api.clone();
    service_fn(move |request: Request<B>| {
        let api = api.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            Ok::<_, BoxError>(api.oneshot(Request::from_parts(head, Body::new(body))).await?)
        }
    })
}

async fn call(
    stack: &mut Stack,
    request: Request<Body>,
) -> Result<Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError> {
    stack.ready().await?.call(request).await
}
