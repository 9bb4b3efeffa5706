//! OAuth 2.0 client credentials (RFC 6749 section 4.4), as Keycloak and most others serve it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{ACCEPT, AGE, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::client_auth::{basic, flaw, form, is_ambiguous};
use super::jwt::{lenient_seconds, seconds};
use super::{
    BasicEncoding, ClientAuth, Endpoint, ExchangeAnswer, ExchangeRequest, Identity, InvalidToken,
    Scheme, Step, prefixed_value,
};
use crate::exchange::{ExchangeContext, ExchangeError, ExchangeErrorKind, Issued};
use crate::{Error, Secret};

static BEARER_HEADER: HeaderName = AUTHORIZATION;

/// Client id and secret for a bearer token.
///
/// - Exchange: `POST` of `grant_type=client_credentials` as a form, with `scope`, `audience` and
///   `resource` (RFC 8707) where they are given, the client authenticated by [`ClientAuth`].
/// - API: `Authorization: Bearer <token>` (RFC 6750 section 2.1).
/// - A 4xx with an OAuth `error` that only a change of configuration can mend is the server's verdict on
///   the credentials; everything else, a gateway's page above all, is taken for an outage.
///
/// Use it through [`AuthLayer::client_credentials`](crate::AuthLayer::client_credentials), or with
/// options:
///
#[cfg_attr(feature = "client", doc = "```")]
#[cfg_attr(not(feature = "client"), doc = "```ignore")]
/// use tower_outbound_auth::scheme::{ClientAuth, ClientCredentials};
/// use tower_outbound_auth::{AuthLayer, Origin};
///
/// # fn demo() -> Result<(), tower_outbound_auth::Error> {
/// let scheme = ClientCredentials::new("https://auth.example/token", "id", "secret")?
///     .with_auth(ClientAuth::Post)
///     .with_scope("reports:read");
/// let endpoint = scheme.endpoint().clone();
/// let layer = AuthLayer::for_endpoint(scheme, &endpoint)?
///     .with_origin(Origin::parse("https://api.example")?);
/// # let _ = layer;
/// # Ok(()) }
/// ```
pub struct ClientCredentials {
    endpoint: Endpoint,
    client_id: String,
    client_secret: Secret,
    auth: ClientAuth,
    params: Vec<(&'static str, String)>,
    /// With `Auto`: the raw encoding is the one that worked last, or is being tried.
    raw: AtomicBool,
    /// With `Auto`: this exchange has tried the other encoding already.
    tried_both: AtomicBool,
}

impl ClientCredentials {
    /// The scheme for one client of one endpoint.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the endpoint is no safe URL, or
    /// if the id or the secret is empty or has control characters (RFC 7617 section 2), such as the line
    /// break at the end of a file.
    pub fn new<E>(
        endpoint: E,
        client_id: impl Into<String>,
        client_secret: impl Into<Secret>,
    ) -> Result<ClientCredentials, Error>
    where
        E: TryInto<Endpoint>,
        Error: From<E::Error>,
    {
        let (client_id, client_secret) = (client_id.into(), client_secret.into());
        let secret = client_secret.expose();
        for (text, what) in [(&*client_id, "client id"), (secret, "client secret")] {
            if let Some(flaw) = flaw(text) {
                return Err(Error::configuration(format!("the {what} {flaw}")));
            }
        }
        Ok(ClientCredentials {
            endpoint: endpoint.try_into()?,
            client_id,
            client_secret,
            auth: ClientAuth::default(),
            params: Vec::new(),
            raw: AtomicBool::new(false),
            tried_both: AtomicBool::new(false),
        })
    }

    /// With another way to authenticate the client. Default: Basic, [`BasicEncoding::Auto`].
    #[must_use]
    pub fn with_auth(self, auth: ClientAuth) -> ClientCredentials {
        ClientCredentials { auth, ..self }
    }

    /// Asks for these scopes, separated by blanks (RFC 6749 section 3.3); ask for no more than is needed.
    /// Default: none, and the server decides. An empty text is not sent.
    #[must_use]
    pub fn with_scope(self, scope: impl Into<String>) -> ClientCredentials {
        self.with_param("scope", scope.into())
    }

    /// Asks for a token for this audience (not in the RFC; Auth0 and others want it).
    #[must_use]
    pub fn with_audience(self, audience: impl Into<String>) -> ClientCredentials {
        self.with_param("audience", audience.into())
    }

    /// Asks for a token for this resource, an absolute URI without fragment (RFC 8707 section 2).
    #[must_use]
    pub fn with_resource(self, resource: impl Into<String>) -> ClientCredentials {
        self.with_param("resource", resource.into())
    }

    /// The token endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// No parameter is sent twice, and an empty one not at all (RFC 6749 section 3.2).
    fn with_param(mut self, name: &'static str, value: String) -> ClientCredentials {
        self.params.retain(|(its_name, _)| *its_name != name);
        if !value.is_empty() {
            self.params.push((name, value));
        }
        self
    }

    fn request(&self) -> Result<ExchangeRequest, ExchangeError> {
        let given = self.params.iter().map(|(_, value)| value.len()).sum::<usize>();
        let given = given + self.client_id.len() + self.client_secret.expose().len();
        // Sized at once: a buffer that grew would leave parts of the secret behind.
        let mut body = Zeroizing::new(String::with_capacity(3 * given + 256));
        body.push_str("grant_type=client_credentials");
        let mut add = |name: &str, value: &str| {
            body.push('&');
            body.push_str(name);
            body.push('=');
            body.push_str(&form(value));
        };
        for (name, value) in &self.params {
            add(name, value);
        }
        let mut request = Request::post(self.endpoint.uri())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        match self.auth {
            ClientAuth::Post => {
                add("client_id", &self.client_id);
                add("client_secret", self.client_secret.expose());
            }
            ClientAuth::Basic(encoding) => {
                let raw = encoding == BasicEncoding::Auto && self.raw.load(Ordering::Relaxed);
                let encoding = if raw { BasicEncoding::Raw } else { encoding };
                let value = basic(&self.client_id, &self.client_secret, encoding);
                request = request.header(AUTHORIZATION, value);
            }
        }
        let body = Bytes::from_owner(Zeroizing::new(std::mem::take(&mut *body).into_bytes()));
        Ok(ExchangeRequest::new(request.body(body)?))
    }

    /// The request in the other encoding, if it may be that which was refused: once per exchange.
    fn in_the_other_encoding(&self) -> Option<Result<ExchangeRequest, ExchangeError>> {
        let auto = self.auth == ClientAuth::Basic(BasicEncoding::Auto);
        let differ = is_ambiguous(&self.client_id) || is_ambiguous(self.client_secret.expose());
        if !auto || !differ {
            return None;
        }
        // Over to the other one; and back, if that is refused too.
        self.raw.fetch_xor(true, Ordering::Relaxed);
        let first = !self.tried_both.swap(true, Ordering::Relaxed);
        first.then(|| self.request())
    }
}

#[derive(Deserialize)]
struct Success {
    access_token: Secret,
    token_type: Option<String>,
    #[serde(default, deserialize_with = "lenient_seconds")]
    expires_in: Option<f64>,
}

#[derive(Deserialize)]
struct Failure {
    error: String,
}

impl Scheme for ClientCredentials {
    fn identity(&self) -> Identity {
        let identity = Identity::new("client_credentials")
            .with("endpoint", self.endpoint.uri().to_string())
            .with("client", self.client_id.clone());
        self.params.iter().fold(identity, |it, (name, value)| it.with(name, value.clone()))
    }

    fn exchange_request(&self, _: &ExchangeContext) -> Result<ExchangeRequest, ExchangeError> {
        self.tried_both.store(false, Ordering::Relaxed);
        self.request()
    }

    fn read_answer(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        match answer.status() {
            status if status.is_success() => read_success(&answer),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                match self.in_the_other_encoding() {
                    Some(request) => Ok(Step::Again(request?)),
                    None => Err(read_failure(&answer)),
                }
            }
            _ => Err(answer.unavailable()),
        }
    }

    fn header_name(&self) -> &HeaderName {
        &BEARER_HEADER
    }

    /// A bearer token has a syntax of its own (RFC 6750 section 2.1): `1*(ALPHA DIGIT -._~+/) *"="`.
    fn header_value(&self, token: &Secret) -> Result<HeaderValue, InvalidToken> {
        let text = token.expose().trim_end_matches('=');
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(InvalidToken);
        }
        prefixed_value("Bearer ", token)
    }
}

fn read_success(answer: &ExchangeAnswer) -> Result<Step, ExchangeError> {
    let Success { access_token, token_type, expires_in } = answer.json()?;
    // A type that is not understood must not be used (RFC 6749 section 7.1). One that is missing is no
    // other type.
    if token_type.is_some_and(|it| !it.eq_ignore_ascii_case("bearer")) {
        let message = "the token endpoint issued a token of another type than Bearer";
        return Err(ExchangeError::new(ExchangeErrorKind::Malformed, message));
    }
    let issued = Issued::new(access_token);
    let Some(expires_in) = expires_in else { return Ok(Step::Issued(issued)) };
    // An answer from a cache has spent a part of its life there (RFC 9111 section 4.2.3).
    let age = answer.headers().get(AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    let life = seconds(expires_in).saturating_sub(seconds(age.unwrap_or(0.0)));
    Ok(Step::Issued(issued.with_expires_in(life)))
}

/// RFC 6749 section 5.2: these are mended by a person, or not at all. Of the others, a second try may
/// succeed.
fn read_failure(answer: &ExchangeAnswer) -> ExchangeError {
    let Ok(Failure { error }) = serde_json::from_slice(answer.body()) else {
        return answer.unavailable();
    };
    match &*error {
        "invalid_client"
        | "unauthorized_client"
        | "unsupported_grant_type"
        | "invalid_scope"
        | "invalid_target"
        | "invalid_request"
        | "invalid_grant"
        | "access_denied" => answer.refused(&error),
        _ => answer.unavailable().with_code(&error),
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("endpoint", &self.endpoint)
            .field("auth", &self.auth)
            .field("params", &self.params)
            .finish_non_exhaustive()
    }
}
