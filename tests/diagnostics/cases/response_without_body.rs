//! A client whose response has a body that is none: a refusal's could not be read to its end.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::ServiceBuilder;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, BoxError, TokenSource, assert_accepts};

fn main() {
    let client = tower::service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, BoxError>(Response::new(Vec::<u8>::new()))
    });
    let auth = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap());
    let service = ServiceBuilder::new().layer(auth).service(client);
    assert_accepts::<Full<Bytes>>(&service);
}
