//! An embedded Atlas server: credentials in headers, and the token in one of its own.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::json;

use super::EmbeddedServer;
use super::issuer::Issuer;
use super::protocol::{Protocol, only_value};
use crate::testkit::server::{Answer, json};

/// An Atlas server on a loopback socket, token endpoint and API in one.
///
/// - `POST` to a path that ends in `/authtoken` is an exchange: with the right `Client-Id` and
///   `Client-Secret` it is answered with a token and its `expires_in`; with others, 401; without, 400.
/// - Every other path is the API: with a good `Token` header it answers 200 and
///   `{"method": .., "path": .., "length": ..}` (of the body it got), else 401.
///
#[cfg_attr(feature = "client", doc = "```")]
#[cfg_attr(not(feature = "client"), doc = "```ignore")]
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::{Service, ServiceBuilder, ServiceExt};
/// use tower_outbound_auth::{AuthLayer, testkit::AtlasServer};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let server = AtlasServer::start().await?;
/// let layer = AuthLayer::atlas(server.endpoint(), server.client_id(), server.client_secret())?;
/// let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// let mut api = ServiceBuilder::new().layer(layer).service(client);
///
/// for revoked in [false, true] {
///     if revoked {
///         server.revoke_tokens();
///     }
///     let request = Request::get(server.url("/v1/documents")).body(Full::default())?;
///     assert_eq!(api.ready().await?.call(request).await?.status(), 200);
/// }
/// let counts = server.counts();
/// assert_eq!((counts.exchanges, counts.accepted, counts.refused), (2, 2, 1));
/// # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
pub type AtlasServer = EmbeddedServer<AtlasProtocol>;

/// What an [`AtlasServer`] speaks.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct AtlasProtocol;

impl Protocol for AtlasProtocol {
    const NAME: &'static str = "AtlasServer";
    const CLIENT_ID: &'static str = "atlas-test-client";
    const CLIENT_SECRET: &'static str = "atlas-test-secret-5f0e";
    const ENDPOINT: &'static str = "/v1/docstream/authtoken";

    fn is_exchange(path: &str) -> bool {
        path.ends_with("/authtoken")
    }

    fn exchange(&mut self, issuer: &mut Issuer, request: &Request<Bytes>) -> Answer {
        let id = only_value(request.headers(), "client-id");
        let secret = only_value(request.headers(), "client-secret");
        let (Some(id), Some(secret)) = (id, secret) else {
            return error(StatusCode::BAD_REQUEST, "Missing Client-Id or Client-Secret");
        };
        if !issuer.knows(id, secret) {
            return error(StatusCode::UNAUTHORIZED, "Invalid credentials");
        }
        json(StatusCode::OK, &issuer.issue().to_json())
    }

    fn token(headers: &HeaderMap) -> Option<&str> {
        only_value(headers, "token")
    }

    fn refusal(_sent: bool) -> Answer {
        error(StatusCode::UNAUTHORIZED, "Invalid token")
    }
}

fn error(status: StatusCode, error: &str) -> Answer {
    json(status, &json!({"error": error}))
}
