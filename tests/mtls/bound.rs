//! Tokens that are bound to the certificate, or are not.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower_outbound_auth::endpoint::{ClientCertificate, Grant};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::store::Key;
use tower_outbound_auth::system::{OAuth, OAuthBuilder, OAuthClient};
use tower_outbound_auth::{Credential, TokenSource};

use crate::server::{NOW, Server, Tokens};

/// The error of an exchange, if there is no token.
async fn error_of(server: &Server, system: OAuthBuilder) -> Option<String> {
    let (source, _) = server.source_of(system, server.client(), NOW);
    let error = source.token().await.err()?;
    let exchange = error.exchange().unwrap();
    assert_eq!(exchange.kind(), ExchangeErrorKind::Malformed, "{error}");
    Some(error.to_string())
}

#[tokio::test]
async fn a_token_that_is_bound_to_another_certificate_is_an_error() {
    let server = Server::start().await;
    let system =
        || server.system().certificate(ClientCertificate::new(server.authority.pair().pem()));
    server.issue(Tokens::Bound);
    assert_eq!(error_of(&server, system()).await, None);
    server.issue(Tokens::BoundToAnother);
    let error = error_of(&server, system()).await.unwrap();
    assert!(
        error.contains("is bound to another certificate than this client has shown"),
        "{error}"
    );
}

#[tokio::test]
async fn a_jwt_that_is_not_bound_is_an_error_only_if_bound_tokens_are_demanded() {
    let server = Server::start().await;
    let system =
        || server.system().certificate(ClientCertificate::new(server.authority.pair().pem()));
    for tokens in [Tokens::Opaque, Tokens::Bound, Tokens::UnboundJwt] {
        server.issue(tokens);
        assert_eq!(error_of(&server, system()).await, None, "{tokens:?}");
        let error = error_of(&server, system().certificate_bound_tokens()).await;
        assert_eq!(error.is_some(), tokens == Tokens::UnboundJwt, "{tokens:?}: {error:?}");
        if let Some(error) = error {
            assert!(error.contains("`tls_client_certificate_bound_access_tokens`"), "{error}");
        }
    }
}

#[tokio::test]
async fn the_tokens_of_a_client_with_a_secret_can_be_bound_too() {
    let server = Server::start().await;
    server.issue(Tokens::Bound);
    let pair = server.authority.pair();
    let system = server
        .system()
        .client(OAuthClient::with_secret("billing", "s3cret"))
        .certificate(ClientCertificate::new(pair.pem()))
        .certificate_bound_tokens();
    assert_eq!(error_of(&server, system).await, None);
    assert_eq!(server.certificates(), [pair.der]);
    assert_eq!(server.sent()[0].headers["authorization"], "Basic YmlsbGluZzpzM2NyZXQ=");
}

#[test]
fn another_place_of_the_certificate_is_another_identity_and_the_same_login() {
    let identity = |certificate: Option<&str>| {
        let system =
            OAuth::builder("https://idp.example/token").client(OAuthClient::tls("billing"));
        let file = certificate.map(|path| ClientCertificate::new(Credential::file(path)));
        let system = match file {
            Some(certificate) => system.certificate(certificate),
            None => system,
        };
        system.build().unwrap().identity()
    };
    let one = identity(Some("/one.pem"));
    assert_eq!(one, identity(Some("/one.pem")));
    for other in [identity(Some("/two.pem")), identity(None)] {
        assert_ne!(one, other);
        assert_eq!(Key::of(&one), Key::of(&other));
    }
}

/// The URIs that a system asks whose issuer has an alias for clients with certificates.
async fn asked(system: OAuthBuilder) -> Vec<String> {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = asked.clone();
    let client = tower::service_fn(move |request: Request<Full<Bytes>>| {
        log.lock().unwrap().push(request.uri().to_string());
        let metadata = r#"{"issuer":"https://idp.example","token_endpoint":"https://idp.example/token",
            "mtls_endpoint_aliases":{"token_endpoint":"https://idp.example/mtls/token"}}"#;
        let token = r#"{"access_token":"an-opaque-token","token_type":"Bearer"}"#;
        let is_token = request.uri().path().ends_with("/token");
        let body = if is_token { token } else { metadata };
        let response = Response::builder().header("content-type", "application/json");
        let response = response.body(Full::new(Bytes::from(body))).unwrap();
        async { Ok::<_, Infallible>(response) }
    });
    let _ = TokenSource::over_http(system.build().unwrap(), client).token().await;
    let asked = asked.lock().unwrap();
    asked.clone()
}

#[tokio::test]
async fn the_alias_of_the_token_endpoint_is_asked_if_there_is_a_certificate() {
    let system = || {
        let client = OAuthClient::with_secret("billing", "s3cret");
        OAuth::discover("https://idp.example").client(client)
    };
    let certificate = ClientCertificate::new("a certificate");
    for (system, path) in [
        (system(), "/token"),
        (system().certificate(certificate), "/mtls/token"),
        (system().certificate_bound_tokens(), "/mtls/token"),
        (system().client(OAuthClient::tls("billing")), "/mtls/token"),
    ] {
        let asked = asked(system).await;
        assert_eq!(asked.last().unwrap(), &format!("https://idp.example{path}"), "{asked:?}");
    }
}
