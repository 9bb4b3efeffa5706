//! The stacks through which a request can go.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use tower::{Layer, ServiceExt};
use tower_outbound_auth::adapter::reqwest::AuthMiddleware;
use tower_outbound_auth::{AuthLayer, BoxError, Scheme};

use crate::canary::shown;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Stack {
    Http1,
    Http2,
    Reqwest,
    Middleware,
}

impl Stack {
    pub(crate) const ALL: [Stack; 4] =
        [Stack::Http1, Stack::Http2, Stack::Reqwest, Stack::Middleware];

    /// Posts to `url`. Returns the `Debug` of the response, and its body.
    pub(crate) async fn post<S: Scheme>(
        self,
        layer: &AuthLayer<S>,
        url: &str,
    ) -> Result<String, BoxError> {
        match self {
            Stack::Http1 | Stack::Http2 => {
                let http2 = matches!(self, Stack::Http2);
                let mut client = Client::builder(TokioExecutor::new());
                let client = client.http2_only(http2).build_http();
                let request = Request::post(url).body(Full::new(Bytes::from("what is sent")))?;
                let response = layer.layer(client).oneshot(request).await?;
                assert_eq!(response.version() == Version::HTTP_2, http2);
                let head = shown(&response);
                Ok(head + &text(&response.into_body().collect().await?.to_bytes()))
            }
            Stack::Reqwest => {
                let client = layer.reqwest(builder())?;
                let request = Request::post(url).body("what is sent")?.try_into()?;
                let response = client.oneshot(request).await?;
                Ok(shown(&response) + &text(&response.bytes().await?))
            }
            Stack::Middleware => {
                let client = builder().redirect(layer.reqwest_redirects()).build()?;
                let client = reqwest_middleware::ClientBuilder::new(client);
                let client = client.with(AuthMiddleware::new(layer)).build();
                let response = client.post(url).body("what is sent").send().await?;
                Ok(shown(&response) + &text(&response.bytes().await?))
            }
        }
    }
}

fn text(body: &Bytes) -> String {
    String::from_utf8_lossy(body).into_owned()
}

/// A builder of a client for loopback. It trusts no certificate.
pub(crate) fn builder() -> reqwest::ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    reqwest::ClientBuilder::new().no_proxy().tls_backend_preconfigured(config)
}
