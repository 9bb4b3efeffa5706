//! reqwest, written as people write it.

use tower_outbound_auth::testkit::OAuthServer;
use tower_outbound_auth::{AuthLayer, BoxError};

async fn orders(
    api: &reqwest_middleware::ClientWithMiddleware,
    url: &str,
) -> Result<u16, BoxError> {
    let response = api.post(url).body(r#"{"chairs":2}"#).send().await?;
    Ok(response.status().as_u16())
}

#[tokio::test]
async fn each_request_has_the_credential() {
    let server = OAuthServer::start().await.unwrap();
    let (id, secret) = (server.client_id(), server.client_secret());
    let auth =
        AuthLayer::client_credentials(server.endpoint(), id, secret, server.origin()).unwrap();
    let api = auth.reqwest_client(builder()).unwrap();
    for _ in 0..2 {
        assert_eq!(orders(&api, &server.url("/orders")).await.unwrap(), 200);
        server.revoke_tokens();
    }
    assert_eq!(server.counts().exchanges, 2);
}

/// In a service, `reqwest::Client::builder()`. This one needs no root certificates.
fn builder() -> reqwest::ClientBuilder {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider);
    let tls = tls.with_safe_default_protocol_versions().unwrap();
    let tls = tls.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls)
}
