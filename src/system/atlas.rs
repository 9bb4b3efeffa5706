//! Atlas: the headers `Client-Id` and `Client-Secret` for a JWT, which requests then carry as
//! `Token:`.

use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode};

use crate::basics::TARGET;
use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::failure::Failure;
use crate::endpoint::grant::Grant;
use crate::endpoint::quotes::Credentials;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::exchange::identity::Identity;
use crate::scheme::presentation::Presentation;
use crate::scheme::value::{InvalidToken, plain_value};
use crate::secret::Secret;
use crate::system::client::{flaw, with_client};
use crate::system::oauth::answer::{Meaning, read_2xx};
use crate::system::oauth::hint::Hint;
use crate::system::oauth::refresh::{REFRESH, RefreshTokenIn, is_absent, is_verdict};

static TOKEN: HeaderName = HeaderName::from_static("token");
static CLIENT_ID: HeaderName = HeaderName::from_static("client-id");
static CLIENT_SECRET: HeaderName = HeaderName::from_static("client-secret");

/// The name of the request that uses the credentials after a refresh token was refused.
const CREDENTIALS: &str = "credentials";

/// The Atlas document API.
///
/// - Exchange: `POST` to the product's own endpoint, with the credentials in the headers `Client-Id` and
///   `Client-Secret`, and without a body. A successful answer is JSON with `access_token` and `expires_in`.
/// - API: `Token: <token>`, without a prefix. HTTP clients remove `Authorization` when they follow a redirect to another host.
///   They do not remove `Token`. So the layer checks the origin of each request.
/// - A 400 or 401 with Atlas's JSON `error` means that Atlas refuses the credentials. So does a 2xx with an `error`
///   and without a token. A 400 or 401 without `error` may come from a gateway, so it counts as an outage. From the
///   third such answer in a row, the pauses are as long as after a refusal.
///
/// Use it through [`AuthLayer::atlas`](crate::AuthLayer::atlas), or, with a client of your own:
///
#[cfg_attr(feature = "client", doc = "```")]
#[cfg_attr(not(feature = "client"), doc = "```ignore")]
/// use tower_outbound_auth::endpoint::HttpClient;
/// use tower_outbound_auth::system::Atlas;
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
    endpoint: TokenEndpoint,
    /// Id and secret.
    credentials: [Credential; 2],
    refresh: Option<(TokenEndpoint, RefreshTokenIn)>,
    /// The endpoint has answered that there is no refresh endpoint.
    without_refresh: Hint,
}

impl Atlas {
    /// The scheme for one endpoint and one client.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the endpoint is no safe URL, or
    /// if the id or the secret is empty or has characters that cannot be in a header.
    pub fn new<E>(
        endpoint: E,
        client_id: impl Into<Credential>,
        client_secret: impl Into<Credential>,
    ) -> Result<Atlas, Error>
    where
        E: TryInto<TokenEndpoint>,
        Error: From<E::Error>,
    {
        let credentials = [client_id.into(), client_secret.into()];
        for (credential, what) in credentials.iter().zip(["Client-Id", "Client-Secret"]) {
            credential.check(what, header_flaw)?;
        }
        let endpoint = endpoint.try_into()?;
        Ok(Atlas { endpoint, credentials, refresh: None, without_refresh: Hint::default() })
    }

    /// Uses Atlas's refresh tokens at this endpoint. The credentials are then sent once, and not with every exchange:
    /// a request to this endpoint has only the refresh token.
    ///
    /// If the endpoint refuses a refresh token, the same exchange uses the credentials instead. If there is no such
    /// endpoint (404), exchanges use the credentials for a day, or until the credentials are refused. Default:
    /// refresh tokens are ignored, because the endpoint is not documented.
    ///
    /// ```
    /// use tower_outbound_auth::endpoint::TokenEndpoint;
    /// use tower_outbound_auth::system::{Atlas, RefreshTokenIn};
    ///
    /// let refresh = TokenEndpoint::parse("https://atlas.example/v1/docstream/refreshtoken")?;
    /// let atlas = Atlas::new("https://atlas.example/v1/docstream/authtoken", "id", "secret")?
    ///     .with_refresh(refresh, RefreshTokenIn::Json("refresh_token".into()));
    /// # let _ = atlas;
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    #[must_use]
    pub fn with_refresh(self, endpoint: TokenEndpoint, travels: RefreshTokenIn) -> Atlas {
        Atlas { refresh: Some((endpoint, travels)), ..self }
    }

    /// The token endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    /// The request with the credentials.
    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let [id, secret] = &self.credentials;
        let request = Request::post(self.endpoint.uri())
            .header(&CLIENT_ID, header_value(cx, id, "Client-Id")?)
            .header(&CLIENT_SECRET, header_value(cx, secret, "Client-Secret")?)
            .body(Bytes::new())?;
        Ok(ExchangeRequest::new(request))
    }

    /// Atlas refuses the credentials.
    fn read_failure(
        &self,
        answer: &ExchangeAnswer,
        failure: &Failure,
    ) -> Result<Step, ExchangeError> {
        if answer.request_name() == REFRESH {
            return Ok(Step::Again(CREDENTIALS));
        }
        // Atlas may have been upgraded, so what was learned about it is forgotten.
        self.without_refresh.forget();
        let [id, secret] = &self.credentials;
        let (id, secret) = (answer.credential(id)?, answer.credential(secret)?);
        Err(match failure.shown(&Credentials { id, secret, id_is_secret: false }) {
            Some(code) => answer.refused(code).judged(),
            None => answer.unavailable().in_doubt(),
        })
    }
}

/// Why a text cannot be one of Atlas's credentials.
fn header_flaw(text: &str) -> Option<&'static str> {
    let other = "has a blank or another character that cannot be in a header";
    flaw(text).or_else(|| plain_value(&text.into()).is_err().then_some(other))
}

fn header_value(
    cx: &RequestContext,
    credential: &Credential,
    what: &str,
) -> Result<HeaderValue, ExchangeError> {
    let text = cx.credential(credential)?;
    let unusable = |_| {
        let why = header_flaw(text.expose()).unwrap_or("cannot be in a header");
        let message = format!("the {what} in {credential} {why}");
        ExchangeError::new(ExchangeErrorKind::Configuration, message)
    };
    let mut value = plain_value(&text).map_err(unusable)?;
    value.set_sensitive(true);
    Ok(value)
}

impl Grant for Atlas {
    fn identity(&self) -> Identity {
        with_client(
            Identity::new("atlas").with("endpoint", self.endpoint.uri().to_string()),
            &self.credentials[0],
        )
    }

    fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let known = self.refresh.as_ref().filter(|_| !self.without_refresh.holds(Some(cx.now())));
        match known.zip(cx.refresh_token()).filter(|_| cx.step().is_none()) {
            Some(((endpoint, travels), token)) => {
                travels.request(endpoint, token).or_else(|_| self.request(cx))
            }
            None => self.request(cx),
        }
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        let (status, refreshed) = (answer.status(), answer.request_name() == REFRESH);
        match status {
            _ if status.is_success() => match read_2xx(&answer, None)? {
                Meaning::Token(token) => {
                    Ok(Step::Issued(token.issued(refreshed, self.refresh.is_some())))
                }
                Meaning::Failure(failure) => self.read_failure(&answer, &failure),
            },
            _ if refreshed && is_absent(status) => {
                self.without_refresh.learn(answer.received());
                let system = self.identity().system();
                tracing::info!(target: TARGET, system, %status, "there is no refresh endpoint: refresh tokens are not used for a day");
                Ok(Step::Again(CREDENTIALS))
            }
            _ if refreshed && is_verdict(status) => Ok(Step::Again(CREDENTIALS)),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED => {
                self.read_failure(&answer, &Failure::in_body(&answer).unwrap_or_default())
            }
            _ => Err(answer.unavailable()),
        }
    }
}

impl Presentation for Atlas {
    fn header_name(&self) -> &HeaderName {
        &TOKEN
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
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
