//! An embedded OAuth 2.0 server: client credentials (RFC 6749) and bearer tokens (RFC 6750).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use serde_json::{Value, json};

use super::EmbeddedServer;
use super::form::{Form, decode};
use super::issuer::Issuer;
use super::protocol::{Protocol, RefreshProtocol, bearer, error};
use crate::testkit::server::{Answer, json};

/// An OAuth 2.0 server on a loopback socket. It is token endpoint and API in one.
///
/// - `POST` of a form to a path that ends in `/protocol/openid-connect/token` (Keycloak's path) is an exchange. The client
///   authenticates by Basic, with its id and secret percent-encoded, form-encoded or raw, or by `client_id` and `client_secret`
///   in the form. With `grant_type=client_credentials` the answer has a token, its `token_type`, its `expires_in` and the
///   requested `scope`.
/// - Errors are those of RFC 6749 section 5.2: `invalid_request` (the body is no form, a parameter occurs twice, or the secret is
///   in both places), `invalid_client` (a 401), `unsupported_grant_type`.
/// - With [`with_refresh_tokens`](EmbeddedServer::with_refresh_tokens), the same path takes
///   `grant_type=refresh_token` from the authenticated client. A wrong refresh token is an `invalid_grant`.
/// - Every other path is the API: with a valid bearer token in `Authorization` it answers 200 and
///   `{"method": .., "path": .., "length": ..}` (`length` is that of the request's body), else 401
///   and a challenge.
///
#[cfg_attr(feature = "client", doc = "```")]
#[cfg_attr(not(feature = "client"), doc = "```ignore")]
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::{Service, ServiceBuilder, ServiceExt};
/// use tower_outbound_auth::{AuthLayer, testkit::OAuthServer};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let server = OAuthServer::start().await?.with_client("my id", "50% & more");
/// let (id, secret) = (server.client_id(), server.client_secret());
/// let layer = AuthLayer::client_credentials(server.endpoint(), id, secret, server.origin())?;
/// let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// let mut api = ServiceBuilder::new().layer(layer).service(client);
///
/// let request = Request::get(server.url("/v1/reports")).body(Full::default())?;
/// assert_eq!(api.ready().await?.call(request).await?.status(), 200);
/// assert_eq!(server.counts().exchanges, 1);
/// # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
pub type OAuthServer = EmbeddedServer<OAuthProtocol>;

/// The protocol of an [`OAuthServer`].
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct OAuthProtocol;

impl Protocol for OAuthProtocol {
    const NAME: &'static str = "OAuthServer";
    const CLIENT_ID: &'static str = "oauth-test-client";
    const CLIENT_SECRET: &'static str = "oauth-test-secret-93b2";
    const ENDPOINT: &'static str = "/realms/test/protocol/openid-connect/token";

    fn is_exchange(path: &str) -> bool {
        path.ends_with("/protocol/openid-connect/token")
    }

    fn is_refresh(request: &Request<Bytes>) -> bool {
        Form::of(request).is_some_and(|form| form.get("grant_type") == Some("refresh_token"))
    }

    fn exchange(&mut self, issuer: &mut Issuer, request: &Request<Bytes>) -> Answer {
        let mut answer = match grant(issuer, request) {
            Ok(token) => json(StatusCode::OK, &token),
            Err(code @ "invalid_client") => challenge(code, r#"Basic realm="test""#),
            Err(code) => error(StatusCode::BAD_REQUEST, code),
        };
        answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }

    fn token(headers: &HeaderMap) -> Option<&str> {
        bearer(headers)
    }

    fn refusal(sent: bool) -> Answer {
        if sent {
            challenge("invalid_token", r#"Bearer realm="test", error="invalid_token""#)
        } else {
            challenge("unauthorized", r#"Bearer realm="test""#)
        }
    }
}

impl RefreshProtocol for OAuthProtocol {
    const REFRESH_ENDPOINT: &'static str = OAuthProtocol::ENDPOINT;
}

/// The answer with the token, or the error code of RFC 6749 section 5.2.
fn grant(issuer: &mut Issuer, request: &Request<Bytes>) -> Result<Value, &'static str> {
    let form = Form::of(request).ok_or("invalid_request")?;
    authenticate(issuer, request.headers(), &form)?;
    let issued = match form.get("grant_type").ok_or("invalid_request")? {
        "client_credentials" => issuer.issue(),
        "refresh_token" if issuer.refresh_tokens.is_some() => {
            let token = form.get("refresh_token").ok_or("invalid_request")?;
            issuer.refresh(token).ok_or("invalid_grant")?
        }
        _ => return Err("unsupported_grant_type"),
    };
    let mut token = issued.to_json();
    token["token_type"] = json!("Bearer");
    if let Some(scope) = form.get("scope") {
        token["scope"] = json!(scope);
    }
    Ok(token)
}

/// Authenticates the client by the header or by the form, but not by both (RFC 6749 section 2.3). A `client_id` in
/// addition to the header is allowed.
fn authenticate(issuer: &Issuer, headers: &HeaderMap, form: &Form) -> Result<(), &'static str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let known = match (values.next(), values.next(), form.get("client_secret")) {
        (Some(value), None, None) => knows_basic(issuer, value),
        (None, _, secret) => {
            let id = form.get("client_id");
            id.zip(secret).is_some_and(|(id, secret)| issuer.knows(id, secret))
        }
        _ => return Err("invalid_request"),
    };
    known.then_some(()).ok_or("invalid_client")
}

/// Encoded as in RFC 6749 section 2.3.1, or not encoded, as many clients do it.
fn knows_basic(issuer: &Issuer, value: &HeaderValue) -> bool {
    let pair = || {
        let (scheme, pair) = value.to_str().ok()?.split_once(' ')?;
        let pair = scheme.eq_ignore_ascii_case("basic").then(|| STANDARD.decode(pair).ok())??;
        String::from_utf8(pair).ok()
    };
    let Some(pair) = pair() else { return false };
    let encoded = || {
        let (id, secret) = pair.split_once(':')?;
        Some(issuer.knows(&decode(id)?, &decode(secret)?))
    };
    // Not split at the colon, because a raw id may contain one.
    let raw = || {
        let secret = pair.strip_prefix(&issuer.client.id)?.strip_prefix(':')?;
        Some(issuer.knows(&issuer.client.id, secret))
    };
    encoded() == Some(true) || raw() == Some(true)
}

fn challenge(code: &str, challenge: &'static str) -> Answer {
    let mut answer = error(StatusCode::UNAUTHORIZED, code);
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    answer
}
