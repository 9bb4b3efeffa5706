//! A GitHub App, as one of its installations.
//!
//! ```
//! use tower_outbound_auth::Credential;
//! use tower_outbound_auth::system::{GithubApp, JwtKey};
//!
//! let key = JwtKey::new(Credential::file("/run/secrets/github-app.pem"));
//! let app = GithubApp::new("Iv23liabcdef", key, 12_345_678)?;
//! let path = "/app/installations/12345678/access_tokens";
//! assert_eq!(app.endpoint().uri().path(), path);
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, StatusCode};

use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::grant::Grant;
use crate::endpoint::members::Members;
use crate::endpoint::moment::moment;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::exchange::identity::Identity;
use crate::exchange::issued::Issued;
use crate::scheme::presentation::Presentation;
use crate::scheme::value::{InvalidToken, bearer_value};
use crate::secret::Secret;
use crate::system::oauth::clocks::difference;
use crate::system::oauth::key::jwt_key::JwtKey;
use crate::system::self_signed::SelfSigned;

/// A GitHub App, as one of its installations.
///
/// - Exchange: `POST {api}/app/installations/{installation}/access_tokens`, with a JWT of the app
///   ([`SelfSigned::github_app`]) as `Bearer`. The answer has `token` and `expires_at`, an hour later. The token is opaque: no
///   length is assumed, and it is not read as a JWT, although it may contain one.
/// - API: `Authorization: Bearer <token>`.
/// - A new token may be refused for some seconds, so the source needs a [settling time](GithubApp::SETTLING_TIME).
///   `AuthLayer::github_app` (feature `client`) sets it.
///
/// For GitHub Enterprise, make the layer by its parts:
///
#[cfg_attr(feature = "client", doc = "```")]
#[cfg_attr(not(feature = "client"), doc = "```ignore")]
/// use tower_outbound_auth::system::{GithubApp, JwtKey};
/// use tower_outbound_auth::{AuthLayer, Credential, Error};
///
/// fn enterprise() -> Result<AuthLayer, Error> {
///     let key = JwtKey::new(Credential::file("/run/secrets/github-app.pem"));
///     let app = GithubApp::new("12", key, 34)?.with_api("https://github.company.example/api/v3")?;
///     let endpoint = app.endpoint().clone();
///     let auth = AuthLayer::for_endpoint(app, &endpoint)?
///         .with_origin(endpoint.origin().clone())
///         .rebuild_source(|source| source.settling_time(GithubApp::SETTLING_TIME));
///     Ok(auth.erased())
/// }
/// # let _ = enterprise;
/// ```
pub struct GithubApp {
    endpoint: TokenEndpoint,
    installation: u64,
    app: SelfSigned,
    credentials: Vec<Credential>,
}

impl GithubApp {
    /// How long GitHub may refuse a new token: 5 s. GitHub's own library waits as long. Give it to
    /// [`SourceBuilder::settling_time`](crate::token::SourceBuilder::settling_time).
    pub const SETTLING_TIME: Duration = Duration::from_secs(5);

    /// The installation of an app, at `https://api.github.com`. `app` is the client id or the app id. `key` is an RSA key that
    /// GitHub has made for the app.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if `app` is empty, if `installation` is 0, or if the key is a
    /// value and is not usable.
    pub fn new(app: &str, key: JwtKey, installation: u64) -> Result<GithubApp, Error> {
        if installation == 0 {
            return Err(Error::configuration(
                "the installation id is 0: give the number at the end of the address of the installation's settings",
            ));
        }
        let app = SelfSigned::github_app(key, app)?;
        let own = [app.credential().clone()];
        let credentials = own.into_iter().chain(app.credentials().iter().cloned()).collect();
        let endpoint = endpoint("https://api.github.com", installation)?;
        Ok(GithubApp { endpoint, installation, app, credentials })
    }

    /// The root of another API: that of GitHub Enterprise, such as `https://github.company.example/api/v3`. Default:
    /// `https://api.github.com`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it is no safe URL, or has a query.
    pub fn with_api(self, root: &str) -> Result<GithubApp, Error> {
        Ok(GithubApp { endpoint: endpoint(root, self.installation)?, ..self })
    }

    /// The token endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    /// The error for an answer without a token.
    fn failed(&self, answer: &ExchangeAnswer) -> ExchangeError {
        let message = match answer.status() {
            StatusCode::UNAUTHORIZED => {
                let clocks = difference(answer).map_or_else(String::new, |it| format!("; {it}"));
                format!(
                    "GitHub refuses the JWT of the app: check that the key and the app id belong together, that the key was \
                     not deleted, and that the clock of this machine is right{clocks}"
                )
            }
            StatusCode::NOT_FOUND => format!(
                "GitHub knows no installation {} of this app: install the app, or correct the installation id, the app id or \
                 the address of the API",
                self.installation
            ),
            _ => return answer.unavailable(),
        };
        ExchangeError::new(ExchangeErrorKind::Refused, message).with_status(answer.status())
    }
}

fn endpoint(root: &str, installation: u64) -> Result<TokenEndpoint, Error> {
    TokenEndpoint::below(root, &format!("app/installations/{installation}/access_tokens"))
}

impl Grant for GithubApp {
    fn identity(&self) -> Identity {
        let identity = Identity::new("github_app");
        self.app.identify(identity.with("endpoint", self.endpoint.uri().to_string()))
    }

    fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let mut bearer = bearer_value(&cx.credential(self.app.credential())?)?;
        bearer.set_sensitive(true);
        let request = Request::post(self.endpoint.uri())
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, "application/vnd.github+json")
            // GitHub refuses requests without it.
            .header(USER_AGENT, env!("CARGO_PKG_NAME"))
            .body(Bytes::new())?;
        Ok(ExchangeRequest::new(request))
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        if !answer.status().is_success() {
            return Err(self.failed(&answer));
        }
        let members = Members::of(&answer)?;
        let token = members.text("token")?.ok_or_else(|| answer.malformed("has no `token`"))?;
        let issued = Issued::new(token).opaque();
        let expires_at = members.read("expires_at", moment)?;
        let expires_at = expires_at.and_then(|it| UNIX_EPOCH.checked_add(it));
        Ok(Step::Issued(match expires_at {
            Some(expires_at) => issued.with_expires_at(expires_at),
            None => issued,
        }))
    }
}

impl Presentation for GithubApp {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        bearer_value(token)
    }
}

/// The endpoint, and the place of the key.
impl fmt::Debug for GithubApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GithubApp")
            .field("endpoint", &self.endpoint)
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}
