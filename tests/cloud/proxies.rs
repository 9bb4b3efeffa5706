//! No proxy gets a request to a metadata server, whatever the environment or the client says.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::endpoint::HttpClient;
use tower_outbound_auth::system::{AzureManagedIdentity, GoogleMetadata};

use crate::google::FLAVOR;
use crate::imitation::{Imitation, response};

const NAMES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// A proxy that counts its connections, and answers none.
async fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::<AtomicUsize>::default();
    let counted = connections.clone();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(connection);
        }
    });
    (url, connections)
}

async fn exchange_with(server: &str, client: HttpClient) {
    let google = GoogleMetadata::new(&[]).unwrap().with_endpoint(server).unwrap();
    TokenSource::over_http(google, client.clone()).token().await.unwrap();
    let azure = AzureManagedIdentity::new("api://a").unwrap();
    let azure = azure.with_endpoint(format!("{server}/token")).unwrap();
    TokenSource::over_http(azure, client).token().await.unwrap();
}

/// This test runs itself again, in a process whose environment names a proxy.
#[tokio::test]
async fn a_proxy_that_the_environment_or_the_client_names_gets_no_connection() {
    if let Ok(server) = std::env::var("TEST_SERVER") {
        let proxy = std::env::var("HTTP_PROXY").unwrap();
        let plain = || HttpClient::plain().unwrap();
        for client in [plain(), plain().with_proxy_from_env(), plain().with_proxy(&proxy).unwrap()]
        {
            exchange_with(&server, client).await;
        }
        // The same proxy is used for https elsewhere.
        let other =
            tower_outbound_auth::system::Atlas::new("https://idp.example/t", "id", "secret");
        let client = plain().with_proxy_from_env();
        TokenSource::over_http(other.unwrap(), client).token().await.unwrap_err();
        return;
    }
    let body = r#"{"access_token":"token-1","expires_in":3599,"token_type":"Bearer"}"#;
    let server = Imitation::start(move |_| response(200, &[FLAVOR], body)).await;
    let (proxy, connections) = proxy().await;
    let mut run = Command::new(std::env::current_exe().unwrap());
    let name = "proxies::a_proxy_that_the_environment_or_the_client_names_gets_no_connection";
    run.args(["--exact", name, "--nocapture"]).env("TEST_SERVER", &server.root);
    run.envs(NAMES.map(|name| (name, &*proxy))).env_remove("no_proxy").env_remove("NO_PROXY");
    let run = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert_eq!(server.received().len(), 6);
    assert_eq!(connections.load(Ordering::SeqCst), 1, "only the request to https://idp.example");
}
