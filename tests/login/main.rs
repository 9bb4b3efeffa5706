//! Systems as data: real-world shapes of logins, each in a file of at most fifteen lines, against an imitation of the
//! system that checks what it gets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod faults;
mod files;
mod hostile;
mod imitation;
#[path = "../support/log.rs"]
mod log;
mod mistakes;
mod shapes;
mod systems;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{BoxError, Layer, ServiceExt};
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::system::Config;

use self::imitation::Imitation;

/// A file from `shapes`.
fn shape(name: &str) -> String {
    let path = format!("{}/tests/login/shapes/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// A folder for the secrets of one test.
struct Secrets(PathBuf);

impl Secrets {
    fn new() -> Secrets {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("login-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Secrets(folder)
    }

    /// Replaces each reference of the file by a file with a known value, and the host by that of the server. The path or the
    /// name of a reference is in `values`.
    fn put_into(&self, file: &str, values: &[(&str, &str)], server: &Imitation) -> String {
        let hosts =
            file.split("https://").skip(1).map(|rest| rest.split(['/', '"']).next().unwrap());
        let mut text = file.to_owned();
        for host in hosts {
            text = text.replace(&format!("https://{host}"), &server.root);
        }
        for (place, value) in values {
            let path = self.0.join(place.replace(['/', ':'], "_"));
            std::fs::write(&path, value).unwrap();
            assert!(text.contains(place), "{place} in {text}");
            text = text.replace(place, &format!("file:{}", path.display()));
        }
        text
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The layer of a file whose API is the server itself.
fn layer(file: &str, server: &Imitation) -> AuthLayer {
    let file = format!("api = \"{}\"\n{file}", server.root);
    let config: Config = toml::from_str(&file).unwrap_or_else(|error| panic!("{error}"));
    AuthLayer::from_config(config).unwrap()
}

async fn get(layer: &AuthLayer, url: &str) -> Result<Response<hyper::body::Incoming>, BoxError> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = Request::get(url).body(Full::default()).unwrap();
    tokio::time::timeout(Duration::from_secs(20), layer.layer(client).oneshot(request))
        .await
        .unwrap()
}
