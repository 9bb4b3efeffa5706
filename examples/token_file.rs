//! A token in a file, which a platform rewrites from time to time, as Kubernetes does with a service-account token.
//!
//! ```text
//! cargo run --example token_file
//! ```

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_outbound_auth::{AuthLayer, BoxError, Recovery};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let folder = std::env::temp_dir().join(format!("token_file-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let outcome = use_file(&folder.join("token")).await;
    std::fs::remove_dir_all(&folder)?;
    outcome
}

async fn use_file(path: &Path) -> Result<(), BoxError> {
    let layer = AuthLayer::token_file(path, "https://api.example")?;
    let source = layer.source().clone();
    if let Err(error) = source.probe().await {
        println!("{error}\n"); // the file need not be there at the start
    }
    std::fs::write(path, "token-1\n")?;
    source.retry_now(); // or a second later
    println!("{}\n", source.probe().await?); // what is in the file, before the first request

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
        "\nWithout a refusal, the file is read once a minute while there are requests. Next: make the file a symbolic link, \
         or let the API refuse every token, and see what is printed."
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
