//! The layers, each above and below ours. A layer that does not compile here cannot be used there.

use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderValue, StatusCode};
use http_body_util::Limited;
use tower::buffer::BufferLayer;
use tower::layer::layer_fn;
use tower::limit::{ConcurrencyLimitLayer, RateLimitLayer};
use tower::load_shed::LoadShedLayer;
use tower::retry::{Policy, RetryLayer};
use tower::timeout::TimeoutLayer;
use tower::util::{BoxCloneService, BoxCloneSyncService};
use tower::{Layer, ServiceBuilder};
use tower_http::decompression::DecompressionLayer;
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveHeadersLayer;
use tower_http::set_header::{SetRequestHeaderLayer, SetResponseHeaderLayer};
use tower_http::timeout::{RequestBodyTimeoutLayer, ResponseBodyTimeoutLayer};
use tower_http::trace::TraceLayer;
use tower_outbound_auth::replay::Wrap;

use super::*;

pub(crate) type Row = (&'static str, fn(&World) -> Stack);

macro_rules! above {
    ($($name:literal: $layer:expr,)*) => {{
        let rows: Vec<Row> = vec![$(($name, |world| {
            stack(Layer::layer(&$layer, world.layer.layer(api(world))))
        }),)*];
        rows
    }};
}

/// Like `above`, for layers that make another body.
macro_rules! above_streams {
    ($($name:literal: $layer:expr,)*) => {{
        let rows: Vec<Row> = vec![$(($name, |world| {
            let auth = world.layer.clone().with_replay(Wrap::new());
            stack(Layer::layer(&$layer, auth.layer(api(world))))
        }),)*];
        rows
    }};
}

macro_rules! below {
    ($($name:literal: $layer:expr,)*) => {{
        let rows: Vec<Row> = vec![$(($name, |world| {
            stack(world.layer.layer(Layer::layer(&$layer, api(world))))
        }),)*];
        rows
    }};
}

/// The rows that are the same above and below.
macro_rules! everywhere {
    ($place:ident) => {
        $place! {
            "Trace": TraceLayer::new_for_http(),
            "Timeout (tower)": TimeoutLayer::new(secs(60)),
            "Timeout (tower-http)": tower_http::timeout::TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, secs(60)),
            "Retry": RetryLayer::new(ServerErrors(1)),
            "Decompression": DecompressionLayer::new(),
            "ConcurrencyLimit": ConcurrencyLimitLayer::new(1),
            "Buffer": BufferLayer::new(1),
            "LoadShed": LoadShedLayer::new(),
            "FollowRedirect": FollowRedirectLayer::new(),
            "SetRequestId": SetRequestIdLayer::x_request_id(MakeRequestUuid),
            "PropagateRequestId": PropagateRequestIdLayer::x_request_id(),
            "SetRequestHeader": SetRequestHeaderLayer::overriding(X_SET, HeaderValue::from_static("1")),
            "SetResponseHeader": SetResponseHeaderLayer::overriding(X_SET, HeaderValue::from_static("1")),
            "SetSensitiveHeaders": SetSensitiveHeadersLayer::new([AUTHORIZATION]),
            "a limit of the response's body": layer_fn(|it| ServiceExt::<Request<Body>>::map_response(it, |it: Response<Body>| it.map(|it| Limited::new(it, 1_024)))),
            "BoxCloneService": layer_fn(BoxCloneService::<Request<Body>, _, _>::new),
            "BoxCloneSyncService": layer_fn(BoxCloneSyncService::<Request<Body>, _, _>::new),
            "ServiceExt::boxed_clone": layer_fn(ServiceExt::<Request<Body>>::boxed_clone),
        }
    };
}

const X_SET: HeaderName = HeaderName::from_static("x-set");

pub(crate) fn above() -> Vec<Row> {
    let mut rows = everywhere!(above);
    rows.extend(above! {
        "ResponseBodyTimeout": ResponseBodyTimeoutLayer::new(secs(60)),
        "RateLimit": RateLimitLayer::new(100, secs(1)),
    });
    rows.extend(above_streams! {
        "RequestBodyLimit": RequestBodyLimitLayer::new(1_024),
        "RequestBodyTimeout": RequestBodyTimeoutLayer::new(secs(60)),
    });
    rows
}

pub(crate) fn below() -> Vec<Row> {
    let mut rows = everywhere!(below);
    rows.extend(below! {
        // A refusal's body must be `Unpin`. The body of this layer is not, so it is boxed.
        "ResponseBodyTimeout, boxed": layer_fn(|it| ServiceExt::<Request<Body>>::map_response(ResponseBodyTimeoutLayer::new(secs(60)).layer(it), |it: Response<_>| it.map(Box::pin))),
        "Buffer over RateLimit": ServiceBuilder::new().buffer(8).rate_limit(100, secs(1)),
        "RequestBodyLimit": RequestBodyLimitLayer::new(1_024),
        "RequestBodyTimeout": RequestBodyTimeoutLayer::new(secs(60)),
        "another body": layer_fn(|it| ServiceExt::map_request(it, |it: Request<Body>| it.map(|it| Limited::new(it, 1_024)))),
    });
    rows
}

/// Sends a request again if the server failed, up to this many times.
#[derive(Clone)]
pub(crate) struct ServerErrors(pub(crate) usize);

impl<B: Clone, RB, E> Policy<Request<B>, Response<RB>, E> for ServerErrors {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<B>,
        result: &mut Result<Response<RB>, E>,
    ) -> Option<Self::Future> {
        let failed = result.as_ref().is_ok_and(|response| response.status().is_server_error());
        self.0 = self.0.checked_sub(1).filter(|_| failed)?;
        Some(std::future::ready(()))
    }

    fn clone_request(&mut self, request: &Request<B>) -> Option<Request<B>> {
        Some(request.clone())
    }
}

async fn heals(rows: Vec<Row>, place: &str) {
    for (name, make) in rows {
        let world = world();
        let mut stack = make(&world);
        assert_eq!(call(&mut stack, get("/")).await.unwrap().status(), 200, "{name} {place}");
        world.api.revoke("token-1");
        let answer = call(&mut stack, post("/", "text")).await.unwrap();
        assert_eq!(answer.status(), 200, "{name} {place}");
        assert_eq!(
            answer.into_body().collect().await.unwrap().to_bytes(),
            "text",
            "{name} {place}"
        );
        assert_eq!(world.api.tokens(), ["token-1", "token-1", "token-2"], "{name} {place}");
        let seen = world.api.seen();
        assert!(seen[1..].iter().all(|seen| seen.body == "text"), "{name} {place}: {seen:?}");
        assert_eq!(world.exchange.exchanges(), 2, "{name} {place}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_sent_again_under_each_layer() {
    heals(above(), "above").await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_sent_again_over_each_layer() {
    heals(below(), "below").await;
}
