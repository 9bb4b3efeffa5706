//! A scheme of your own in less than sixty lines (`sessions.rs`), with a small server.
//!
//! ```text
//! cargo run --example custom_scheme
//! ```

mod server;
mod sessions;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{Service, ServiceBuilder, ServiceExt};
use tower_outbound_auth::endpoint::TokenEndpoint;
use tower_outbound_auth::{AuthLayer, BoxError};

use self::sessions::Sessions;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let url = server::start().await?;

    let login = TokenEndpoint::parse(&format!("{url}/login"))?;
    let scheme = Sessions { login: login.clone(), password: "open sesame".into() };
    let layer = AuthLayer::for_endpoint(scheme, &login)?.with_origin(login.origin().clone());
    let source = layer.source().clone();
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut api = ServiceBuilder::new().layer(layer).service(client);

    for path in ["/orders", "/forget-all-sessions", "/orders"] {
        let request = Request::get(format!("{url}{path}")).body(Full::default())?;
        let status = api.ready().await?.call(request).await?.status();
        println!("{path}: {status}, logins so far: {}", source.status().counters.exchanges());
        assert!(status.is_success());
    }
    assert_eq!(source.status().counters.exchanges(), 2, "the first, and one for a lost session");
    Ok(())
}
