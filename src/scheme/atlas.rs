//! Atlas: `Client-Id` and `Client-Secret` headers for a JWT, which then travels as `Token:`.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode};
use serde::Deserialize;

use super::client_auth::{flaw, identity_of};
use super::jwt::{lenient_seconds, lenient_text, seconds};
use super::refresh::{REFRESH, RefreshTokenIn, is_absent, is_verdict};
use super::{
    Endpoint, ExchangeAnswer, ExchangeRequest, Identity, InvalidToken, Scheme, Step, plain_value,
};
use crate::exchange::{ExchangeContext, ExchangeError, ExchangeErrorKind, Issued};
use crate::{Credential, Error, Secret, TARGET};

static TOKEN: HeaderName = HeaderName::from_static("token");
static CLIENT_ID: HeaderName = HeaderName::from_static("client-id");
static CLIENT_SECRET: HeaderName = HeaderName::from_static("client-secret");

/// The Atlas document API.
///
/// - Exchange: `POST` to the product's own endpoint, the credentials in the headers `Client-Id` and
///   `Client-Secret`, no body. A success is JSON with `access_token` and `expires_in`.
/// - API: `Token: <token>`, no prefix. Not `Authorization`: nothing in a client stack takes `Token` off
///   a request that is redirected to another host, so the layer's origin guard has to.
/// - A 400 or 401 with Atlas's JSON `error` is its verdict on the credentials. Without one it may come
///   from something in between, and is taken for an outage.
///
/// Use it through [`AuthLayer::atlas`](crate::AuthLayer::atlas), or, with a client of your own:
///
#[cfg_attr(feature = "client", doc = "```")]
#[cfg_attr(not(feature = "client"), doc = "```ignore")]
/// use tower_outbound_auth::exchange::HttpClient;
/// use tower_outbound_auth::scheme::Atlas;
/// use tower_outbound_auth::{AuthLayer, TokenSource};
///
/// let scheme = Atlas::new("http://127.0.0.1:8080/v1/docstream/authtoken", "id", "secret")?;
/// let origin = scheme.endpoint().origin().clone();
/// let source = TokenSource::over_http(scheme, HttpClient::plain()?);
/// let layer = AuthLayer::new(source).with_origin(origin);
/// # let _ = layer;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
pub struct Atlas {
    endpoint: Endpoint,
    /// Id and secret.
    credentials: [Credential; 2],
    refresh: Option<(Endpoint, RefreshTokenIn)>,
    /// The refresh endpoint is not there.
    without_refresh: AtomicBool,
}

impl Atlas {
    /// The scheme for one endpoint and one client.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the endpoint is no safe URL, or
    /// if the id or the secret is empty or has characters that cannot stand in a header.
    pub fn new<E>(
        endpoint: E,
        client_id: impl Into<Credential>,
        client_secret: impl Into<Credential>,
    ) -> Result<Atlas, Error>
    where
        E: TryInto<Endpoint>,
        Error: From<E::Error>,
    {
        let credentials = [client_id.into(), client_secret.into()];
        for (credential, what) in credentials.iter().zip(["Client-Id", "Client-Secret"]) {
            credential.check(what, header_flaw)?;
        }
        let endpoint = endpoint.try_into()?;
        let without_refresh = AtomicBool::new(false);
        Ok(Atlas { endpoint, credentials, refresh: None, without_refresh })
    }

    /// Spends the refresh tokens that Atlas hands out at this endpoint, so that the credentials travel
    /// once and not with every exchange. A request to it carries the refresh token alone.
    ///
    /// A refresh token that is not taken is followed by the credentials, in the same exchange; an
    /// endpoint that is not there (404) is not asked again. Default: refresh tokens are left alone, since
    /// the endpoint is not documented.
    ///
    /// ```
    /// use tower_outbound_auth::scheme::{Atlas, Endpoint, RefreshTokenIn};
    ///
    /// let refresh = Endpoint::parse("https://atlas.example/v1/docstream/refreshtoken")?;
    /// let atlas = Atlas::new("https://atlas.example/v1/docstream/authtoken", "id", "secret")?
    ///     .with_refresh(refresh, RefreshTokenIn::Json("refresh_token".into()));
    /// # let _ = atlas;
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    #[must_use]
    pub fn with_refresh(self, endpoint: Endpoint, travels: RefreshTokenIn) -> Atlas {
        Atlas { refresh: Some((endpoint, travels)), ..self }
    }

    /// The token endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The request that shows the credentials.
    fn request(&self) -> Result<ExchangeRequest, ExchangeError> {
        let [id, secret] = &self.credentials;
        let request = Request::post(self.endpoint.uri())
            .header(&CLIENT_ID, header_value(id, "Client-Id")?)
            .header(&CLIENT_SECRET, header_value(secret, "Client-Secret")?)
            .body(Bytes::new())?;
        Ok(ExchangeRequest::new(request))
    }

    fn read_success(&self, answer: &ExchangeAnswer) -> Result<Issued, ExchangeError> {
        let Success { access_token, expires_in, refresh_token } = answer.json_object()?;
        let mut issued = Issued::new(access_token);
        if let Some(expires_in) = expires_in {
            issued = issued.with_expires_in(seconds(expires_in));
        }
        Ok(match refresh_token.filter(|_| self.refresh.is_some()) {
            Some(refresh_token) => issued.with_refresh_token(refresh_token),
            None if answer.request_name() == REFRESH => issued.keeping_refresh_token(),
            None => issued,
        })
    }
}

/// Why a text cannot be one of Atlas's credentials.
fn header_flaw(text: &str) -> Option<&'static str> {
    let other = "has a blank or another character that cannot stand in a header";
    flaw(text).or_else(|| plain_value(&text.into()).is_err().then_some(other))
}

fn header_value(credential: &Credential, what: &str) -> Result<HeaderValue, ExchangeError> {
    let text = credential.current()?;
    let unusable = |_| {
        let why = header_flaw(text.expose()).unwrap_or("cannot stand in a header");
        let message = format!("the {what} in {credential} {why}");
        ExchangeError::new(ExchangeErrorKind::Configuration, message)
    };
    let mut value = plain_value(&text).map_err(unusable)?;
    value.set_sensitive(true);
    Ok(value)
}

#[derive(Deserialize)]
struct Success {
    access_token: Secret,
    #[serde(default, deserialize_with = "lenient_seconds")]
    expires_in: Option<f64>,
    #[serde(default, deserialize_with = "lenient_text")]
    refresh_token: Option<Secret>,
}

impl Scheme for Atlas {
    fn identity(&self) -> Identity {
        Identity::new("atlas")
            .with("endpoint", self.endpoint.uri().to_string())
            .with("client", identity_of(&self.credentials[0]))
    }

    fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    fn exchange_request(&self, cx: &ExchangeContext) -> Result<ExchangeRequest, ExchangeError> {
        let known = self.refresh.as_ref().filter(|_| !self.without_refresh.load(Ordering::Relaxed));
        match known.zip(cx.refresh_token()) {
            Some(((endpoint, travels), token)) => {
                travels.request(endpoint, token).or_else(|_| self.request())
            }
            None => self.request(),
        }
    }

    fn read_answer(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        match answer.status() {
            StatusCode::OK | StatusCode::CREATED => self.read_success(&answer).map(Step::Issued),
            status
                if answer.request_name() == REFRESH
                    && (is_verdict(status) || is_absent(status)) =>
            {
                if is_absent(status) {
                    self.without_refresh.store(true, Ordering::Relaxed);
                    let system = self.identity().system();
                    tracing::info!(target: TARGET, system, %status, "the refresh endpoint is not there, and left alone from now on");
                }
                self.request().map(Step::Again)
            }
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
                Err(match answer.error_text(&self.credentials[1].current()?) {
                    Some(code) => answer.refused(&code),
                    None => answer.unavailable(),
                })
            }
            _ => Err(answer.unavailable()),
        }
    }

    fn header_name(&self) -> &HeaderName {
        &TOKEN
    }

    fn header_value(&self, token: &Secret) -> Result<HeaderValue, InvalidToken> {
        plain_value(token)
    }
}

impl fmt::Debug for Atlas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Atlas")
            .field("endpoint", &self.endpoint)
            .field("credentials", &self.credentials)
            .field("refresh", &self.refresh)
            .finish_non_exhaustive()
    }
}
