//! Atlas: `Client-Id` and `Client-Secret` headers for a JWT, which then travels as `Token:`.

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
use crate::endpoint::token_endpoint::Endpoint;
use crate::error::Error;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::exchange::identity::Identity;
use crate::scheme::presentation::Presentation;
use crate::scheme::value::{InvalidToken, plain_value};
use crate::secret::Secret;
use crate::system::oauth::answer::{Meaning, read_2xx};
use crate::system::oauth::client_auth::{flaw, identity_of};
use crate::system::oauth::hint::Hint;
use crate::system::oauth::refresh::{REFRESH, RefreshTokenIn, is_absent, is_verdict};

static TOKEN: HeaderName = HeaderName::from_static("token");
static CLIENT_ID: HeaderName = HeaderName::from_static("client-id");
static CLIENT_SECRET: HeaderName = HeaderName::from_static("client-secret");

/// The name of a further request, which shows the credentials.
const CREDENTIALS: &str = "credentials";

/// The Atlas document API.
///
/// - Exchange: `POST` to the product's own endpoint, the credentials in the headers `Client-Id` and
///   `Client-Secret`, no body. A success is JSON with `access_token` and `expires_in`.
/// - API: `Token: <token>`, no prefix. Not `Authorization`: nothing in a client stack takes `Token` off
///   a request that is redirected to another host, so the layer's origin guard has to.
/// - A 400 or 401 with Atlas's JSON `error`, or a 2xx with one and without a token, is its verdict on the
///   credentials. A 400 or 401 without one may come from something in between. It is taken for an outage,
///   and paced as a refusal from the third in a row on.
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
    endpoint: Endpoint,
    /// Id and secret.
    credentials: [Credential; 2],
    refresh: Option<(Endpoint, RefreshTokenIn)>,
    /// The refresh endpoint is not there.
    without_refresh: Hint,
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
        Ok(Atlas { endpoint, credentials, refresh: None, without_refresh: Hint::default() })
    }

    /// Spends the refresh tokens that Atlas hands out at this endpoint, so that the credentials travel
    /// once and not with every exchange. A request to it carries the refresh token alone.
    ///
    /// A refresh token that is not taken is followed by the credentials, in the same exchange. An endpoint
    /// that is not there (404) is not asked for a day, or until the credentials are refused. Default:
    /// refresh tokens are left alone, since the endpoint is not documented.
    ///
    /// ```
    /// use tower_outbound_auth::endpoint::Endpoint;
    /// use tower_outbound_auth::system::{Atlas, RefreshTokenIn};
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
    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let [id, secret] = &self.credentials;
        let request = Request::post(self.endpoint.uri())
            .header(&CLIENT_ID, header_value(cx, id, "Client-Id")?)
            .header(&CLIENT_SECRET, header_value(cx, secret, "Client-Secret")?)
            .body(Bytes::new())?;
        Ok(ExchangeRequest::new(request))
    }

    /// Atlas says no.
    fn read_failure(
        &self,
        answer: &ExchangeAnswer,
        failure: &Failure,
    ) -> Result<Step, ExchangeError> {
        if answer.request_name() == REFRESH {
            return Ok(Step::Again(CREDENTIALS));
        }
        // Atlas may be another release by now: nothing that was learned of it counts.
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
    let other = "has a blank or another character that cannot stand in a header";
    flaw(text).or_else(|| plain_value(&text.into()).is_err().then_some(other))
}

fn header_value(
    cx: &RequestContext,
    credential: &Credential,
    what: &str,
) -> Result<HeaderValue, ExchangeError> {
    let text = cx.credential(credential)?;
    let unusable = |_| {
        let why = header_flaw(text.expose()).unwrap_or("cannot stand in a header");
        let message = format!("the {what} in {credential} {why}");
        ExchangeError::new(ExchangeErrorKind::Configuration, message)
    };
    let mut value = plain_value(&text).map_err(unusable)?;
    value.set_sensitive(true);
    Ok(value)
}

impl Grant for Atlas {
    fn identity(&self) -> Identity {
        Identity::new("atlas")
            .with("endpoint", self.endpoint.uri().to_string())
            .with("client", identity_of(&self.credentials[0]))
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
                tracing::info!(target: TARGET, system, %status, "the refresh endpoint is not there, and left alone for a day");
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
