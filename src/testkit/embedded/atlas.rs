//! An embedded Atlas server: the credentials and the token are in headers of their own.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use serde_json::Value;

use super::EmbeddedServer;
use super::form::{Form, has_type};
use super::issuer::{Issued, Issuer};
use super::protocol::{Protocol, RefreshProtocol, error, only_value};
use crate::testkit::server::{Answer, json};

/// An Atlas server on a loopback socket. It is token endpoint and API in one.
///
/// - `POST` to a path that ends in `/authtoken` is an exchange. The right `Client-Id` and
///   `Client-Secret` get a token and its `expires_in`, wrong ones a 401, and missing ones a 400.
/// - With [`with_refresh_tokens`](EmbeddedServer::with_refresh_tokens), `POST` to a path that ends in
///   `/refreshtoken` takes a refresh token from the header `Refresh-Token`, or from `refresh_token` in a
///   JSON object or a form. It must be in one of these only, and the request must not have the client's credentials:
///   otherwise 400. A refresh token that is not valid gets a 400 too, with the error `invalid_grant`.
/// - Every other path is the API: with a valid `Token` header it answers 200 and `{"method": ..,
///   "path": .., "length": ..}` (`length` is that of the request's body), else 401.
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

/// The protocol of an [`AtlasServer`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct AtlasProtocol;

impl Protocol for AtlasProtocol {
    const NAME: &'static str = "AtlasServer";
    const CLIENT_ID: &'static str = "atlas-test-client";
    const CLIENT_SECRET: &'static str = "atlas-test-secret-5f0e";
    const ENDPOINT: &'static str = "/v1/docstream/authtoken";

    fn is_exchange(path: &str) -> bool {
        path.ends_with("/authtoken") || path.ends_with("/refreshtoken")
    }

    fn is_refresh(request: &Request<Bytes>) -> bool {
        request.uri().path().ends_with("/refreshtoken")
    }

    fn exchange(&mut self, issuer: &mut Issuer, request: &Request<Bytes>) -> Answer {
        let issued = if Self::is_refresh(request) {
            refresh(issuer, request)
        } else {
            authenticate(issuer, request.headers())
        };
        match issued {
            Ok(issued) => json(StatusCode::OK, &issued.to_json()),
            Err((status, text)) => error(status, text),
        }
    }

    fn token(headers: &HeaderMap) -> Option<&str> {
        only_value(headers, "token")
    }

    fn refusal(_sent: bool) -> Answer {
        error(StatusCode::UNAUTHORIZED, "Invalid token")
    }
}

impl RefreshProtocol for AtlasProtocol {
    const REFRESH_ENDPOINT: &'static str = "/v1/docstream/refreshtoken";
}

type Error = (StatusCode, &'static str);

fn authenticate(issuer: &mut Issuer, headers: &HeaderMap) -> Result<Issued, Error> {
    let id = only_value(headers, "client-id");
    let secret = only_value(headers, "client-secret");
    let missing = (StatusCode::BAD_REQUEST, "Missing Client-Id or Client-Secret");
    let (id, secret) = id.zip(secret).ok_or(missing)?;
    if !issuer.knows(id, secret) {
        return Err((StatusCode::UNAUTHORIZED, "Invalid credentials"));
    }
    Ok(issuer.issue())
}

fn refresh(issuer: &mut Issuer, request: &Request<Bytes>) -> Result<Issued, Error> {
    if issuer.refresh_tokens.is_none() {
        return Err((StatusCode::NOT_FOUND, "Not found"));
    }
    // A request with a refresh token must not also have the credentials.
    if ["client-id", "client-secret"].iter().any(|name| request.headers().contains_key(*name)) {
        return Err((StatusCode::BAD_REQUEST, "Unexpected Client-Id or Client-Secret"));
    }
    let token = refresh_token(request);
    let token = token.ok_or((StatusCode::BAD_REQUEST, "Missing refresh token"))?;
    issuer.refresh(&token).ok_or((StatusCode::BAD_REQUEST, "invalid_grant"))
}

/// The refresh token, from the only place that has one.
fn refresh_token(request: &Request<Bytes>) -> Option<String> {
    let in_header = only_value(request.headers(), "refresh-token").map(str::to_owned);
    let in_body = if has_type(request.headers(), "application/json") {
        let body = serde_json::from_slice::<Value>(request.body()).unwrap_or_default();
        body["refresh_token"].as_str().map(str::to_owned)
    } else {
        Form::of(request).and_then(|form| form.get("refresh_token").map(str::to_owned))
    };
    in_header.xor(in_body)
}
