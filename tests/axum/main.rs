//! The reverse proxy of the example `axum_proxy`: what its end users, the API and its operator can rely on.
//! The tests use the example's own file. The API is a function, or a server on a socket if the bytes
//! matter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // the helpers are tests as well

mod answers;
mod headers;
#[path = "../../examples/axum_proxy/proxy.rs"]
mod proxy;
mod streams;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::Full;
use tower::util::{BoxCloneSyncService, Oneshot};
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::scheme::Presentation;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::ScriptedExchange;
use tower_outbound_auth::{AuthLayer, BoxError, Origin, TokenSource};

use self::proxy::{Proxy, forward};

type Log = Arc<Mutex<Vec<http::request::Parts>>>;

/// A proxy in memory. The API's answers have unboxed bodies.
struct Setup {
    exchange: ScriptedExchange,
    source: TokenSource<HeaderScheme>,
    log: Log,
    app: Router,
}

/// The API answers with this function, which gets the request's token (`token-1`, `token-2`, and so
/// on).
fn proxy_of(
    answer: impl Fn(&str) -> http::response::Builder + Clone + Send + Sync + 'static,
) -> Setup {
    let (exchange, log) = (ScriptedExchange::new(), Log::default());
    let source = TokenSource::new(HeaderScheme::bearer(), exchange.clone());
    let api = service_fn({
        let log = log.clone();
        move |request: Request<Body>| {
            let (head, _) = request.into_parts();
            let token = head.headers["authorization"].to_str().unwrap().replace("Bearer ", "");
            log.lock().unwrap().push(head);
            let answer = answer(&token).body(Full::new(Bytes::from("the body is the API's")));
            async move { Ok::<_, BoxError>(answer?) }
        }
    });
    let app = app(bound(&source, "https://api.example").layer(api), "https://api.example");
    Setup { exchange, source, log, app }
}

fn bound<S: Presentation>(source: &TokenSource<S>, api: &str) -> AuthLayer<S> {
    AuthLayer::new(source.clone()).with_origin(Origin::parse(api).unwrap())
}

/// The proxy for an API at this origin.
fn app<T, RB>(api: T, origin: &str) -> Router
where
    T: tower::Service<Request<Body>, Response = http::Response<RB>, Error = BoxError>,
    T: Clone + Send + Sync + 'static,
    T::Future: Send,
    RB: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let origin: http::Uri = origin.parse().unwrap();
    let (scheme, authority) =
        (origin.scheme().unwrap().clone(), origin.authority().unwrap().clone());
    let answers = |response: http::Response<RB>| response.map(Body::new);
    let boxed = BoxCloneSyncService::new(api.clone().map_response(answers));
    drop(Proxy { api: boxed, scheme: scheme.clone(), authority: authority.clone() }); // this type fits too
    Router::new().fallback(forward).with_state(Proxy { api, scheme, authority })
}

impl Setup {
    fn send(&self, request: Request<Body>) -> Oneshot<Router, Request<Body>> {
        self.app.clone().oneshot(request)
    }

    /// The headers of the requests that the API got.
    fn seen(&self) -> Vec<HeaderMap> {
        self.log.lock().unwrap().iter().map(|head| head.headers.clone()).collect()
    }
}

fn ok() -> http::response::Builder {
    Response::builder()
}

fn status(status: StatusCode) -> http::response::Builder {
    Response::builder().status(status)
}

fn get(path: &str) -> http::request::Builder {
    Request::get(path).header("host", "proxy.example")
}

async fn text(response: Response) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    String::from_utf8(bytes.into()).unwrap()
}
