//! An exchange without a request: a token in a file, which a platform rewrites from time to time, as
//! Kubernetes does with a service-account token.
//!
//! ```text
//! cargo run --example token_file
//! ```

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_outbound_auth::exchange::{
    Exchange, ExchangeContext, ExchangeError, ExchangeErrorKind, Issued,
};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, BoxError, Origin, TokenSource};

/// Reads the token from a file.
struct TokenFile {
    path: PathBuf,
}

impl Exchange for TokenFile {
    async fn exchange(&self, _: &ExchangeContext) -> Result<Issued, ExchangeError> {
        // tokio reads files on other threads, so this does not block.
        let text = tokio::fs::read_to_string(&self.path).await.map_err(|error| {
            let message = "cannot read the token file";
            ExchangeError::new(ExchangeErrorKind::Unavailable, message).with_source(error)
        })?;
        // An empty file is just being written. The old token stays in use, and the file is read again.
        let token = text.trim();
        if token.is_empty() {
            let message = "the token file is empty";
            return Err(ExchangeError::new(ExchangeErrorKind::Malformed, message));
        }
        // When to read the file again. If a JWT expires earlier, that time counts.
        Ok(Issued::new(token).with_expires_in(Duration::from_secs(60)))
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let folder = std::env::temp_dir().join(format!("token_file-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = use_file(&folder.join("token")).await;
    std::fs::remove_dir_all(&folder)?;
    outcome
}

async fn use_file(path: &Path) -> Result<(), BoxError> {
    std::fs::write(path, "first-token\n")?;

    let source = TokenSource::new(HeaderScheme::bearer(), TokenFile { path: path.to_owned() });
    let layer = AuthLayer::new(source).with_origin(Origin::parse("https://api.example")?);
    let mut api = ServiceBuilder::new().layer(layer).service(service_fn(api));

    for turn in 1..=2 {
        let request = Request::get("https://api.example/pods").body(Full::default())?;
        let response = api.ready().await?.call(request).await?;
        println!("turn {turn}: {}", response.status());
        assert_eq!(response.status(), StatusCode::OK);
        // The platform rotates the token. The API no longer accepts the old one, so one request is
        // refused.
        std::fs::write(path, "second-token\n")?;
        REVOKED.store(true, Ordering::Relaxed);
    }
    Ok(())
}

/// Whether the first token has been revoked.
static REVOKED: AtomicBool = AtomicBool::new(false);

/// A function plays the API.
async fn api(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, BoxError> {
    let revoked = REVOKED.load(Ordering::Relaxed);
    let good = if revoked { "Bearer second-token" } else { "Bearer first-token" };
    let known = request.headers()[AUTHORIZATION] == good;
    let status = if known { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}
