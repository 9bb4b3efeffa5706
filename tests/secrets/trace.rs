//! tower-http's `Trace` with all headers: above the layer it sees no token, and below the layer it sees only
//! that there is one.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::trace::{DefaultMakeSpan, DefaultOnRequest, DefaultOnResponse, TraceLayer};
use tower_outbound_auth::system::Rotating;
use tower_outbound_auth::testkit::RotatingServer;
use tower_outbound_auth::{AuthLayer, BoxError};
use tracing::Level;

use crate::canary::{Canaries, shown};
use crate::log_of_all;

type Body = Full<Bytes>;

#[tokio::test]
async fn trace_layers_above_and_below_show_no_token() {
    log_of_all();
    let server = RotatingServer::start().await.unwrap();
    let scheme =
        Rotating::new(&server.api_root(), server.client_id(), server.client_secret()).unwrap();
    let endpoint = scheme.endpoint().clone();
    let layer = AuthLayer::for_endpoint(scheme, &endpoint).unwrap().with_origin(server.origin());
    let client = Client::builder(TokioExecutor::new()).build_http();
    let client = service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            let (head, body) = client.oneshot(request).await?.into_parts();
            Ok::<_, BoxError>(Response::from_parts(
                head,
                Body::new(body.collect().await?.to_bytes()),
            ))
        }
    });
    let headers = || {
        let span = DefaultMakeSpan::new().level(Level::INFO).include_headers(true);
        TraceLayer::new_for_http()
            .make_span_with(span)
            .on_request(DefaultOnRequest::new().level(Level::INFO))
    };
    let on_response = DefaultOnResponse::new().level(Level::INFO).include_headers(true);
    let above = headers().on_response(on_response);
    let api = above.layer(layer.layer(headers().layer(client)));
    let mut texts = String::new();
    for turn in 0..4 {
        if turn == 2 {
            server.revoke_tokens();
        }
        let request = Request::get(server.url("/traced")).header("x-visible", "here");
        let response = api.clone().oneshot(request.body(Body::default()).unwrap()).await.unwrap();
        texts += &shown(&response.into_parts().0);
    }
    let tokens = server.requests();
    let tokens = tokens.iter().map(|it| it.headers["authorization"].to_str().unwrap().to_owned());
    let mut canaries = Canaries::of(tokens.map(|token| token.replace("Bearer ", "")));
    canaries.add(layer.source().token().await.unwrap().expose());
    canaries.assert_absent("a response", &texts);
    let log = log_of_all().text();
    canaries.assert_absent("the log", &log);
    assert!(log.contains(r#""x-visible": "here""#), "headers are shown");
    assert!(
        log.contains(r#""authorization": Sensitive"#),
        "the log shows that there is a credential"
    );
}
