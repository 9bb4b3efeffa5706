//! A type that is no scheme, given to the other constructors.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower_outbound_auth::{AuthLayer, BoxError, TokenSource};

struct Vendor;

fn layer(source: TokenSource<Vendor>) {
    let _ = AuthLayer::new(source);
}

fn main() {
    let client = tower::service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    });
    let _ = TokenSource::over_http(Vendor, client);
    let _ = TokenSource::fixed(Vendor, "abc");
    let _ = layer;
}
