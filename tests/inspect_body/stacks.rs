//! Where the layer stands among others.

use std::convert::Infallible;

use tower::{ServiceBuilder, ServiceExt};
use tower_http::compression::CompressionLayer;
use tower_http::decompression::DecompressionLayer;
use tower_outbound_auth::InspectBodyLayer;
use tower_outbound_auth::adapter::reqwest::HttpService;

use crate::*;

/// Long enough to be compressed.
const LONG: &str =
    r#"{"error":{"code":"invalid_session","text":"the session has expired, log in again"}}"#;

/// Refuses `token-1`, in a body that is compressed if the client accepts that.
fn compressing() -> impl Service<
    Request<Body>,
    Response = Response<UnsyncBoxBody<Bytes, BoxError>>,
    Error = Infallible,
    Future: Send,
> + Clone
+ Send {
    let api = service_fn(|request: Request<Body>| {
        let refused = token_of(request.headers()) == "token-1";
        let body = Body::from(if refused { LONG } else { "your orders" });
        let response = Response::builder().header("content-type", "application/json").body(body);
        ready(Ok::<_, Infallible>(response.unwrap()))
    });
    ServiceBuilder::new()
        .map_response(|response: Response<_>| {
            response.map(|body: tower_http::compression::CompressionBody<Body>| {
                body.map_err(Into::into).boxed_unsync()
            })
        })
        .layer(CompressionLayer::new())
        .service(api)
}

#[tokio::test(start_paused = true)]
async fn above_decompression_a_judge_reads_the_body() {
    let world = world();
    let service = ServiceBuilder::new()
        .layer(world.layer.clone())
        .layer(InspectBodyLayer::new(|_| true))
        .layer(DecompressionLayer::new())
        .service(compressing());
    assert_eq!(text(service.oneshot(get()).await.unwrap()).await, "your orders");
    assert_eq!(world.exchange.exchanges(), 2);
}

#[tokio::test(start_paused = true)]
async fn below_decompression_there_is_no_excerpt_and_the_body_is_whole() {
    let world = world();
    let service = ServiceBuilder::new()
        .layer(world.layer.clone())
        .layer(DecompressionLayer::new())
        .layer(InspectBodyLayer::new(|_| true))
        .service(compressing());
    let answer = service.oneshot(get()).await.unwrap();
    assert_eq!(text(answer).await, LONG);
    assert_eq!(world.exchange.exchanges(), 1);
}

#[tokio::test]
async fn over_a_reqwest_client_a_judge_reads_the_body() {
    let seen = Seen::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let counter = seen.clone();
    let app = axum::Router::new().fallback(move |headers: http::HeaderMap, body: Bytes| {
        let token = token_of(&headers);
        let answer = if token == "token-1" { EXPIRED } else { "your orders" };
        counter.lock().unwrap().push((token, body));
        ready(answer)
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    let builder = reqwest::Client::builder().no_proxy();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider);
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    let reqwest = HttpService::build(builder.tls_backend_preconfigured(tls)).unwrap();
    let world = world();
    let service = ServiceBuilder::new()
        .layer(world.layer.clone().with_origin(Origin::parse(&url).unwrap()))
        .layer(InspectBodyLayer::new(|_| true))
        .service(reqwest);
    let request = Request::post(format!("{url}/orders")).body(Body::from("an order")).unwrap();
    assert_eq!(text(service.oneshot(request).await.unwrap()).await, "your orders");
    let bodies: Vec<_> = seen.lock().unwrap().iter().map(|(_, body)| body.clone()).collect();
    assert_eq!(bodies, ["an order", "an order"]);
}
