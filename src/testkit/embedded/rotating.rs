//! An embedded server of an API that sends a new token in every answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use serde_json::{Value, json};

use super::EmbeddedServer;
use super::form::has_type;
use super::issuer::Issuer;
use super::protocol::{Protocol, bearer, error};
use super::successions::Successions;
use crate::testkit::server::{Answer, json, plain};

/// A server on a loopback socket that sends a new token in every answer. It is token endpoint and API in
/// one.
///
/// - `POST` of `{"apiKey": .., "clientSecret": ..}` as JSON to a path that ends in `/authenticate` is an
///   exchange. With the right credentials the answer has a JWT, in the place that
///   [`answer_with`](RotatingServer::answer_with) sets. Wrong ones get a 401, and missing ones a 400. The `apiKey` is
///   [`client_id`](EmbeddedServer::client_id).
/// - JWTs are signed with HS256; the key is the client secret's UTF-8. Their claims are `iss`, `sub`, `aud`,
///   `iat`, `exp` and `jti`.
/// - Every other path is the API: with a valid JWT as bearer token in `Authorization` it answers 200 and
///   `{"method": .., "path": .., "length": ..}` (`length` is that of the request's body), else 401. A 2xx
///   answer to a valid JWT has the next JWT in its own `Authorization` header, as `Bearer <jwt>`, with the
///   same `iss`, `sub` and `aud`. The old JWT stays valid unless there is a [grace
///   period](RotatingServer::set_grace).
///
#[cfg_attr(all(feature = "client", feature = "rotating"), doc = "```")]
#[cfg_attr(not(all(feature = "client", feature = "rotating")), doc = "```ignore")]
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Full;
/// use hyper_util::{client::legacy::Client, rt::TokioExecutor};
/// use tower::{Service, ServiceBuilder, ServiceExt};
/// use tower_outbound_auth::{AuthLayer, testkit::RotatingServer};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let server = RotatingServer::start().await?;
/// let (key, secret) = (server.client_id(), server.client_secret());
/// let layer = AuthLayer::rotating(&server.api_root(), key, secret)?;
/// let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
/// let mut api = ServiceBuilder::new().layer(layer).service(client);
///
/// for _ in 0..3 {
///     let request = Request::get(server.url("/v1/orders")).body(Full::default())?;
///     assert_eq!(api.ready().await?.call(request).await?.status(), 200);
/// }
/// assert_eq!((server.counts().exchanges, server.counts().rotations), (1, 3));
/// # Ok::<_, tower_outbound_auth::BoxError>(()) })?;
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
pub type RotatingServer = EmbeddedServer<RotatingProtocol>;

/// Where the answer to an exchange has the token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenPlace {
    /// In this member of a JSON object. The default, with `token`.
    Member(String),
    /// The body is a JSON string, the token in quotes.
    JsonString,
    /// The body is the token, as plain text.
    Text,
    /// In the `Authorization` header, as in answers of the API; the body is `{}`.
    Header,
}

/// The protocol of a [`RotatingServer`].
#[derive(Debug)]
pub struct RotatingProtocol {
    place: TokenPlace,
    bare: bool,
    grace: Option<Duration>,
    successions: Successions,
    /// What answers of the API have instead of a new token.
    hand_out: Option<Vec<HeaderValue>>,
}

impl RotatingServer {
    /// The URL before the path of the token endpoint, `/authenticate`.
    #[must_use]
    pub fn api_root(&self) -> String {
        self.url("")
    }

    /// From now on answers to exchanges have the token in this place.
    pub fn answer_with(&self, place: TokenPlace) {
        self.lock().protocol.place = place;
    }

    /// From now on `Authorization` headers of answers contain only the JWT, or `Bearer <jwt>`
    /// again.
    pub fn set_bare_tokens(&self, bare: bool) {
        self.lock().protocol.bare = bare;
    }

    /// From now on a token stays valid for this long after its first successor was issued, by the server's clock.
    /// With zero it is refused at once. With `None`, the default, it stays valid until it expires. Tokens whose
    /// successor was issued before this call are not affected.
    pub fn set_grace(&self, grace: Option<Duration>) {
        self.lock().protocol.grace = grace;
    }

    /// From now on every answer of the API, with any status, has exactly these `Authorization` headers and no successor. With an
    /// empty list it has none. With `None`, answers have successors again. Values that cannot be a header are left out.
    pub fn hand_out(&self, values: Option<Vec<String>>) {
        let to_headers = |values: Vec<String>| {
            values.into_iter().filter_map(|value| HeaderValue::try_from(value).ok()).collect()
        };
        self.lock().protocol.hand_out = values.map(to_headers);
    }
}

impl RotatingProtocol {
    fn header(&self, token: &str) -> Option<HeaderValue> {
        let prefix = if self.bare { "" } else { "Bearer " };
        HeaderValue::try_from(format!("{prefix}{token}")).ok()
    }

    /// The successor of a valid token. With a grace period, the server remembers that the token has a successor.
    fn succeed(&mut self, issuer: &mut Issuer, token: &str) -> Option<HeaderValue> {
        let now = issuer.clock.now();
        if let (Some(grace), Some(exp)) = (self.grace, issuer.mint.end_of(token, now)) {
            self.successions.add(token, exp, now, grace);
        }
        let successor = issuer.mint.succeed(issuer.lifetime, now);
        self.header(&successor)
    }
}

impl Default for RotatingProtocol {
    fn default() -> RotatingProtocol {
        RotatingProtocol {
            place: TokenPlace::Member("token".to_owned()),
            bare: false,
            grace: None,
            successions: Successions::default(),
            hand_out: None,
        }
    }
}

impl Protocol for RotatingProtocol {
    const NAME: &'static str = "RotatingServer";
    const CLIENT_ID: &'static str = "rotating-test-key";
    const CLIENT_SECRET: &'static str = "rotating-test-secret-c41a-0123456789";
    const ENDPOINT: &'static str = "/authenticate";

    fn key(secret: &str) -> Vec<u8> {
        secret.as_bytes().to_vec()
    }

    fn is_exchange(path: &str) -> bool {
        path.ends_with("/authenticate")
    }

    fn member(&self) -> &str {
        match &self.place {
            TokenPlace::Member(member) => member,
            _ => "token",
        }
    }

    fn exchange(&mut self, issuer: &mut Issuer, request: &Request<Bytes>) -> Answer {
        let body = has_type(request.headers(), "application/json")
            .then(|| serde_json::from_slice::<Value>(request.body()).ok())
            .flatten()
            .unwrap_or_default();
        let (Some(key), Some(secret)) = (body["apiKey"].as_str(), body["clientSecret"].as_str())
        else {
            return error(StatusCode::BAD_REQUEST, "Missing apiKey or clientSecret");
        };
        if !issuer.knows(key, secret) {
            return error(StatusCode::UNAUTHORIZED, "Invalid credentials");
        }
        let token = issuer.issue().access_token;
        match &self.place {
            TokenPlace::Member(member) => json(StatusCode::OK, &json!({member: token})),
            TokenPlace::JsonString => json(StatusCode::OK, &json!(token)),
            TokenPlace::Text => plain(StatusCode::OK, token),
            TokenPlace::Header => {
                let mut answer = json(StatusCode::OK, &json!({}));
                answer
                    .headers_mut()
                    .extend(self.header(&token).map(|value| (AUTHORIZATION, value)));
                answer
            }
        }
    }

    fn token(headers: &HeaderMap) -> Option<&str> {
        bearer(headers)
    }

    fn refusal(_sent: bool) -> Answer {
        error(StatusCode::UNAUTHORIZED, "Invalid token")
    }

    fn accepts(&self, issuer: &Issuer, token: &str) -> bool {
        issuer.accepts(token) && !self.successions.are_over(token, issuer.clock.now())
    }

    fn finish(&mut self, issuer: &mut Issuer, good_token: Option<&str>, answer: &mut Answer) {
        let values = match (&self.hand_out, good_token) {
            (Some(values), _) => values.clone(),
            (None, Some(token)) if answer.status().is_success() => {
                self.succeed(issuer, token).into_iter().collect()
            }
            _ => Vec::new(),
        };
        issuer.counts.rotations += values.len();
        for value in values {
            answer.headers_mut().append(AUTHORIZATION, value);
        }
    }
}
