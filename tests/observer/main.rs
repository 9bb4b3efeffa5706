//! What observers are told, that a bad observer harms nobody, and what the metrics say.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod credentials;
#[cfg(feature = "store")]
#[path = "../support/failing_store.rs"]
mod failing_store;
mod harmless;
#[cfg(feature = "metrics")]
mod late;
#[path = "../support/log.rs"]
mod log;
#[cfg(feature = "metrics")]
mod metrics;
mod operator;
mod proofs;
#[cfg(feature = "metrics")]
mod recorder;
mod refreshes;
mod refusals;
mod rotations;
#[cfg(feature = "store")]
mod stores;
mod told;
#[path = "../support/until.rs"]
mod until;

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{Service, ServiceExt};
use tower_outbound_auth::{Auth, BoxError};

type Http = Client<HttpConnector, Full<Bytes>>;

fn http() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Sends a request, and returns the status that the caller got.
async fn get(api: &Auth<Http>, url: &str) -> Result<StatusCode, BoxError> {
    let request = Request::get(url).body(Full::default()).unwrap();
    let mut api = api.clone();
    Ok(api.ready().await?.call(request).await?.status())
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}
