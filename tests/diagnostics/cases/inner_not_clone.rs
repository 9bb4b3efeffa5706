//! A client that is not `Clone`: the layer needs a second one to send a request again.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::util::BoxService;
use tower::{Layer, ServiceBuilder};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, BoxError, TokenSource};

fn main() {
    let client = tower::service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    });
    let auth = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap());
    let _ = auth.layer(BoxService::new(client));
    let _ = ServiceBuilder::new().layer(auth).service(BoxService::new(client));
}
