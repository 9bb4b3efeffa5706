//! What an operator asks. It has no credential and no token, but serve it on a port of its own. Copy this file.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tower_outbound_auth::TokenSource;

/// `/ready`: a 200 or a 503, with one line. `/status`: the same facts as JSON.
pub(crate) fn routes(source: TokenSource) -> Router {
    Router::new().route("/ready", get(ready)).route("/status", get(status)).with_state(source)
}

async fn ready(State(source): State<TokenSource>) -> Response {
    let status = source.status();
    let code = match status.is_ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, format!("{status}\n")).into_response()
}

async fn status(State(source): State<TokenSource>) -> Response {
    match serde_json::to_string(&source.status()) {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
