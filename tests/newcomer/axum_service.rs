//! An axum service that calls an API behind OAuth 2.0 client credentials.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::{Router, routing::get};
use http::StatusCode;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::testkit::OAuthServer;
use tower_outbound_auth::{Auth, AuthLayer, Error};

#[derive(Clone)]
struct App {
    api: Auth<Client<HttpConnector, Body>>,
    orders: String,
}

fn app(endpoint: &str, id: &str, secret: &str, api: &str) -> Result<Router, Error> {
    let auth = AuthLayer::client_credentials(endpoint, id, secret, api)?;
    let hyper = Client::builder(TokioExecutor::new()).build_http();
    let app = App { api: auth.layer(hyper), orders: format!("{api}/orders") };
    Ok(Router::new().route("/orders", get(orders)).with_state(app))
}

async fn orders(State(app): State<App>) -> Result<Response, (StatusCode, String)> {
    let request = Request::get(&app.orders).body(Body::empty());
    let request =
        request.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let answer = app.api.oneshot(request).await;
    let answer = answer.map_err(|error| (StatusCode::BAD_GATEWAY, error.to_string()))?;
    Ok(answer.map(Body::new))
}

#[tokio::test]
async fn the_service_answers_with_the_answer_of_the_api() {
    let server = OAuthServer::start().await.unwrap();
    let (id, secret) = (server.client_id(), server.client_secret());
    let app = app(&server.endpoint(), id, secret, &server.url("")).unwrap();
    for _ in 0..2 {
        let request = Request::get("/orders").body(Body::empty()).unwrap();
        let answer = app.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        server.revoke_tokens();
    }
    assert_eq!(server.counts().exchanges, 2);
}
