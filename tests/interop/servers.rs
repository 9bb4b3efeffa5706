//! The servers of `interop/`, one process each.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::Stdio;

use http::Request;
use http_body_util::{BodyExt, Full};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::{http, secs};

/// An authorization server, and an API that accepts its tokens.
pub(crate) struct Servers {
    provider: Server,
    api: Server,
}

/// The counts of the authorization server.
#[derive(Debug, Deserialize)]
pub(crate) struct TokenStats {
    pub(crate) token_calls: u32,
    /// Tokens issued, by grant type.
    pub(crate) grants: BTreeMap<String, u32>,
    /// Token calls that failed, by error code.
    pub(crate) errors: BTreeMap<String, u32>,
    /// Its address with TLS, if it has one.
    pub(crate) tls: Option<String>,
}

/// The counts of the authorization server that makes errors, by client.
#[derive(Deserialize)]
struct FaultStats {
    token_calls: BTreeMap<String, u32>,
}

/// The counts of the API.
#[derive(Debug, Deserialize)]
pub(crate) struct ApiStats {
    pub(crate) requests: u32,
    #[serde(rename = "2xx")]
    pub(crate) accepted: u32,
    #[serde(rename = "401")]
    pub(crate) unauthorized: u32,
    #[serde(rename = "403")]
    pub(crate) forbidden: u32,
}

impl Servers {
    pub(crate) async fn start() -> Servers {
        Servers::start_with(&[]).await
    }

    /// `env` is for the authorization server.
    pub(crate) async fn start_with(env: &[(&str, &str)]) -> Servers {
        Servers::start_between("oidc-provider", env).await
    }

    /// With an authorization server that makes errors when the test wants them.
    pub(crate) async fn start_with_faults() -> Servers {
        Servers::start_between("oauth2-mock-server", &[]).await
    }

    async fn start_between(provider: &str, env: &[(&str, &str)]) -> Servers {
        let provider = Server::start(provider, env).await;
        let api = Server::start("express-api", &[("ISSUER", &provider.url)]).await;
        Servers { provider, api }
    }

    /// Sets the error for this client; see `interop/oauth2-mock-server.mjs`.
    pub(crate) async fn set_fault(&self, client: &str, fault: &Value) {
        let url = format!("{}/faults/{client}", self.provider.url);
        let request = Request::post(url).body(Full::from(fault.to_string())).unwrap();
        let response = http().request(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }

    /// The token calls of this client.
    pub(crate) async fn token_calls_of(&self, client: &str) -> u32 {
        let stats: FaultStats = self.provider.stats().await;
        stats.token_calls[client]
    }

    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/token", self.provider.url)
    }

    pub(crate) fn api(&self) -> &str {
        &self.api.url
    }

    pub(crate) async fn token_stats(&self) -> TokenStats {
        self.provider.stats().await
    }

    pub(crate) async fn api_stats(&self) -> ApiStats {
        self.api.stats().await
    }
}

/// An echo service on grpcio; see `interop/grpc-server.py`.
pub(crate) struct GrpcServer {
    server: Server,
    pub(crate) url: String,
}

/// What the server saw.
#[derive(Debug, Deserialize)]
struct GrpcStats {
    grpc: String,
    /// By method and by the name of the token.
    calls: BTreeMap<String, BTreeMap<String, u32>>,
}

impl GrpcServer {
    pub(crate) async fn start() -> GrpcServer {
        let server = Server::start_with(&python(), "grpc-server.py", &[]).await;
        let url = server.stats::<GrpcStats>().await.grpc;
        GrpcServer { server, url }
    }

    /// How often a method was called, by the name of the token.
    pub(crate) async fn calls(&self, method: &str) -> BTreeMap<String, u32> {
        let mut stats: GrpcStats = self.server.stats().await;
        stats.calls.remove(method).unwrap_or_default()
    }
}

/// Installed by `interop/run`.
fn python() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/target/interop/bin/python").to_owned()
}

struct Server {
    url: String,
    /// Killed when it is dropped.
    _process: Child,
}

impl Server {
    /// Runs `interop/<name>.mjs`.
    async fn start(name: &str, env: &[(&str, &str)]) -> Server {
        Server::start_with("node", &format!("{name}.mjs"), env).await
    }

    /// Runs a file in `interop`, and waits until it prints its address.
    async fn start_with(program: &str, name: &str, env: &[(&str, &str)]) -> Server {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/interop");
        let test = std::thread::current().name().unwrap_or("test").replace("::", ".");
        let stem = name.split('.').next().unwrap();
        let log = format!("{}/{test}.{stem}.log", env!("CARGO_TARGET_TMPDIR"));
        let mut process = Command::new(program)
            .arg(format!("{folder}/{name}"))
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut lines = BufReader::new(process.stdout.as_mut().unwrap()).lines();
        let line = timeout(secs(60), lines.next_line()).await;
        let line = line.ok().and_then(|line| line.unwrap());
        let url = line.as_deref().and_then(|line| line.strip_prefix("listening "));
        let url = url.unwrap_or_else(|| panic!("{name} did not start: see {log}")).to_owned();
        Server { url, _process: process }
    }

    async fn stats<T: DeserializeOwned>(&self) -> T {
        let url = format!("{}/stats", self.url).parse().unwrap();
        let response = http().get(url).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&body).unwrap()
    }
}
