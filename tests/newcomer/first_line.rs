//! The first line of a log says what to do.

use tower_outbound_auth::testkit::OAuthServer;
use tower_outbound_auth::{AuthLayer, BoxError};

/// What a service logs at its start.
async fn start(url: &str, secret: &str) -> Result<String, BoxError> {
    let auth =
        AuthLayer::client_credentials(url, "oauth-test-client", secret, "http://127.0.0.1:1")?;
    Ok(auth.source().probe().await?.to_string())
}

#[tokio::test]
async fn a_mistake_in_the_configuration_is_named_with_the_way_out() {
    let server = OAuthServer::start().await.unwrap();
    let (endpoint, secret) = (server.endpoint(), server.client_secret());
    let good = start(&endpoint, secret).await.unwrap();
    assert!(
        good.starts_with("client_credentials: a token of type bearer, which expires in "),
        "{good}"
    );

    let nobody = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/token", socket.local_addr().unwrap())
    };
    let wrong_path = server.url("/no/such/path");
    for (url, secret, advice) in [
        (&*endpoint, "wrong", "check the client id and the secret"),
        (&*wrong_path, secret, "check its address"),
        (&*nobody, secret, "check the port, and whether the server runs"),
        ("http://idp.example/token", secret, "https"),
    ] {
        let line = start(url, secret).await.unwrap_err().to_string();
        assert!(line.contains(advice) && !line.contains('\n'), "{url}: {line}");
    }
}
