//! `Wrap` over a client that takes another body: the client sees a `ReplayBody`.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::ServiceBuilder;
use tower_outbound_auth::replay::Wrap;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, BoxError, TokenSource, assert_accepts};

#[derive(Clone)]
struct Client;

impl tower::Service<Request<Full<Bytes>>> for Client {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = std::future::Ready<Result<Response<Full<Bytes>>, BoxError>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), BoxError>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        std::future::ready(Ok(Response::default()))
    }
}

fn main() {
    let source = TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap();
    let auth = AuthLayer::new(source).with_replay(Wrap::new());
    let service = ServiceBuilder::new().layer(auth).service(Client);
    assert_accepts::<Full<Bytes>>(&service);
}
