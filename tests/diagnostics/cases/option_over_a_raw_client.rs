//! `option_layer` over a client with an error of its own: the two sides have errors of two types.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::ServiceBuilder;
use tower::util::option_layer;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, TokenSource, assert_accepts};

fn main() {
    let client = tower::service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, std::io::Error>(Response::new(Full::<Bytes>::default()))
    });
    let auth = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap());
    let service = ServiceBuilder::new().layer(option_layer(Some(auth))).service(client);
    assert_accepts::<Full<Bytes>>(&service);
}
