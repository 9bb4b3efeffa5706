//! A stream under the default strategy, which keeps the body's type and cannot make another one of it.

use bytes::Bytes;
use futures_util::stream::Iter;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use tower::ServiceBuilder;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, BoxError, TokenSource, assert_accepts};

type Upload = StreamBody<Iter<std::vec::IntoIter<Result<Frame<Bytes>, BoxError>>>>;

fn main() {
    let client = tower::service_fn(|_: Request<Upload>| async {
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    });
    let auth = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap());
    let service = ServiceBuilder::new().layer(auth).service(client);
    assert_accepts::<Upload>(&service);
}
