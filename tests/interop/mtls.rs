//! oidc-provider knows a client by its certificate (`self_signed_tls_client_auth`), and binds tokens to it.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower_outbound_auth::endpoint::{ClientCertificate, HttpClient, TlsRoots};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{OAuth, OAuthClient};
use tower_outbound_auth::{AuthLayer, Credential, Origin, TokenSource};

use crate::callers::Api;
use crate::servers::Servers;

/// A certificate that is signed by its own key.
struct Pair {
    certificate: String,
    key: String,
    thumbprint: String,
}

impl Pair {
    fn of(name: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = certificate.self_signed(&key).unwrap();
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der()));
        Pair { certificate: certificate.pem(), key: key.serialize_pem(), thumbprint }
    }

    fn pem(&self) -> String {
        format!("{}{}", self.certificate, self.key)
    }
}

struct File(PathBuf);

impl File {
    fn with(text: &str) -> File {
        let file = File(std::env::temp_dir().join(format!("interop-mtls-{}", std::process::id())));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn a_token_is_bound_to_the_certificate_and_a_new_certificate_brings_a_new_token() {
    let [own, one, two, unknown] = ["localhost", "billing", "billing", "billing"].map(Pair::of);
    let tls = json!({
        "certificate": own.certificate,
        "key": own.key,
        "clients": [one.certificate, two.certificate],
    });
    let servers = Servers::start_with(&[("TTL", "3600"), ("TLS", &tls.to_string())]).await;
    let endpoint = format!("{}/token", servers.token_stats().await.tls.unwrap());
    let file = File::with(&one.pem());
    let system = OAuth::builder(endpoint)
        .client(OAuthClient::tls("mtls"))
        .certificate(ClientCertificate::new(Credential::file(&file.0)))
        .certificate_bound_tokens()
        .scope("api:write")
        .build()
        .unwrap();
    let client = HttpClient::new(TlsRoots::pem(own.certificate.as_bytes()).unwrap()).unwrap();
    let source = TokenSource::over_http(system, client);
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(servers.api()).unwrap());
    let api = Api::new(&layer, &servers);
    let mut token = source.token().await.unwrap();
    for pair in [&one, &two] {
        file.write(&pair.pem());
        token = source.reject(&token).await.unwrap();
        let claims = URL_SAFE_NO_PAD.decode(token.expose().split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["cnf"], json!({"x5t#S256": pair.thumbprint}));
        let response = api.post("/documents", "document".to_owned()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    file.write(&unknown.pem());
    let error = source.reject(&token).await.unwrap_err();
    let exchange = error.exchange().unwrap();
    assert_eq!(exchange.kind(), ExchangeErrorKind::Refused, "{error}");
    assert_eq!(exchange.code(), Some("invalid_client"), "{error}");
    let stats = servers.token_stats().await;
    assert_eq!((stats.token_calls, stats.grants["client_credentials"]), (4, 3), "{stats:?}");
}
