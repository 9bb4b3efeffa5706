//! The same without `assert_accepts`: the call itself says what is wrong.

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use tower::{ServiceBuilder, ServiceExt};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, BoxError, TokenSource};

async fn send() {
    let client = tower::service_fn(|_| async {
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    });
    let auth = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap());
    let service = ServiceBuilder::new().layer(auth).service(client);
    let frames = [Ok::<_, BoxError>(Frame::data(Bytes::new()))];
    let upload = StreamBody::new(futures_util::stream::iter(frames));
    let _ = service.oneshot(Request::new(upload)).await;
}

fn main() {
    let _ = send();
}
