//! An exchange without a request: a token in a file, which a platform rewrites from time to time, as
//! Kubernetes does with a service-account token.
//!
//! ```text
//! cargo run --example token_file
//! ```

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_outbound_auth::exchange::{
    Exchange, ExchangeContext, ExchangeError, ExchangeErrorKind, Identity, Issued,
};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, BoxError, Origin, Recovery, TokenSource};

/// Reads the token from a file.
struct TokenFile {
    path: PathBuf,
}

impl Exchange for TokenFile {
    // Errors and logs begin with this name.
    fn identity(&self) -> Identity {
        Identity::new("token_file")
    }

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
    std::fs::write(path, "token-1\n")?;
    let source = TokenSource::new(HeaderScheme::bearer(), TokenFile { path: path.to_owned() });
    println!("{}\n", source.probe().await?); // what is in the file, before the first request

    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse("https://api.example")?);
    let mut api = ServiceBuilder::new().layer(layer).service(service_fn(api));
    println!(
        "{:<52} {:>6} {:>9} {:>15} {:>11}",
        "what happens", "status", "token", "sent again", "file reads"
    );
    for (what, token, good) in [
        ("the file has token-1", "token-1", 1),
        ("the same, once more: the file is not read", "token-1", 1),
        ("the platform writes token-2, and token-1 is revoked", "token-2", 2),
        ("the file is empty for a moment: token-2 stays in use", "", 2),
        ("the platform writes token-3, and token-2 is revoked", "token-3", 3),
    ] {
        std::fs::write(path, token)?;
        GOOD.store(good, Ordering::Relaxed);
        let request = Request::get("https://api.example/pods").body(Full::default())?;
        let response = api.ready().await?.call(request).await?;
        let sent_again = response.extensions().get() == Some(&Recovery::Replayed);
        let (status, reads) = (response.status(), source.status().counters.exchanges());
        let used = format!("token-{good}");
        println!("{what:<52} {:>6} {used:>9} {sent_again:>15} {reads:>11}", status.as_u16());
        assert_eq!(status, StatusCode::OK);
    }
    println!(
        "\nNext: make the file a symbolic link, or let the API refuse every token, and see what is printed."
    );
    Ok(())
}

/// The number of the only good token.
static GOOD: AtomicU32 = AtomicU32::new(1);

/// A function plays the API.
async fn api(request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, BoxError> {
    let good = format!("Bearer token-{}", GOOD.load(Ordering::Relaxed));
    let known = request.headers()[AUTHORIZATION] == *good;
    let status = if known { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    Ok(response)
}
