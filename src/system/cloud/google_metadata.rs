//! Google's metadata server: the token of the service account that a machine or a workload has.
//!
//! ```
//! use tower_outbound_auth::system::GoogleMetadata;
//!
//! let metadata = GoogleMetadata::new(&["https://www.googleapis.com/auth/pubsub"])?
//!     .with_account("svc@project.iam.gserviceaccount.com")?;
//! let path = "/computeMetadata/v1/instance/service-accounts/svc@project.iam.gserviceaccount.com/token";
//! assert_eq!(metadata.endpoint().uri().path(), path);
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```

use std::fmt;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, StatusCode};

use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::encoding::percent;
use crate::endpoint::grant::Grant;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::exchange::error::ExchangeError;
use crate::exchange::identity::Identity;
use crate::scheme::presentation::Presentation;
use crate::scheme::value::{InvalidToken, bearer_value};
use crate::secret::Secret;
use crate::system::cloud::answer::{not_reached, token};
use crate::system::oauth::builder::is_scope;

static FLAVOR: HeaderName = HeaderName::from_static("metadata-flavor");

/// What to add to an error that may come from another server.
const UNMARKED: &str = "the answer has no header `Metadata-Flavor: Google`, so it may come from another server: is this a machine \
                        of Google's cloud?";

/// The service account of a machine or a workload in Google's cloud, by its metadata server: Compute Engine, GKE with workload
/// identity, Cloud Run.
///
/// - Exchange: `GET http://169.254.169.254/computeMetadata/v1/instance/service-accounts/default/token` with
///   `Metadata-Flavor: Google`. No secret is sent, and no name is resolved. A 200 counts only if it has the same header:
///   otherwise another server has answered.
/// - API: `Authorization: Bearer <token>`.
/// - The server keeps a token until it has 5 minutes to live, and returns the same token until then. GKE's server may do so until
///   the last minute. So the first token may have a short life, and a renewal may bring the same token again. The next
///   renewal is then due at 80 to 90 % of the rest of its life. Each token causes two or three exchanges.
/// - A token that the API refuses cannot be replaced before that, because the server returns the same one.
/// - The environment is not read. For an emulator, there is [`with_endpoint`](GoogleMetadata::with_endpoint).
///
/// `AuthLayer::google_metadata` (feature `client`) makes the layer. For another client, make the source by
/// [`TokenSource::over_http`](crate::TokenSource::over_http); see [`TokenEndpoint::link_local_metadata`] about proxies.
///
/// Confirmed in Google's libraries: the path, the header in both directions, the scopes separated by commas. In copies of
/// Google's documentation: that tokens are kept until they have 5 minutes left. In a report about GKE: the last minute. From
/// memory: what a 403 means.
#[derive(Clone)]
pub struct GoogleMetadata {
    /// The root of another server.
    server: Option<TokenEndpoint>,
    account: String,
    /// Separated by commas.
    scopes: String,
    endpoint: TokenEndpoint,
}

impl GoogleMetadata {
    /// The default service account, with these scopes. Without a scope, the platform chooses them.
    ///
    /// A virtual machine has the scopes that are set for it, whatever is asked here (from memory).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if a scope is empty, or has a comma, a blank, a quotation
    /// mark, a backslash or a character that is not ASCII.
    pub fn new(scopes: &[&str]) -> Result<GoogleMetadata, Error> {
        if let Some(wrong) = scopes.iter().find(|it| !is_scope(it) || it.contains(',')) {
            return Err(Error::configuration(format!(
                "the scope {wrong:?} is empty, or has a comma, a blank, a quotation mark, a backslash or a character that is \
                 not ASCII: give the scopes one by one"
            )));
        }
        GoogleMetadata::of(None, "default".to_owned(), scopes.join(","))
    }

    /// Another service account of the machine, by its address. Default: `default`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it is empty, or has other characters than ASCII letters,
    /// digits and `@`, `.`, `-`, `_`.
    pub fn with_account(self, account: impl Into<String>) -> Result<GoogleMetadata, Error> {
        let account = account.into();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "@.-_".contains(c);
        if matches!(&*account, "" | "." | "..") || !account.chars().all(is_plain) {
            return Err(Error::configuration(
                "the service account is no address, such as svc@project.iam.gserviceaccount.com",
            ));
        }
        GoogleMetadata::of(self.server, account, self.scopes)
    }

    /// Another server, by its root, such as `http://127.0.0.1:8080`: an emulator. Google's libraries read the environment variable
    /// `GCE_METADATA_HOST` for that; this crate does not.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it is no safe URL (see [`TokenEndpoint`]), or has a query.
    pub fn with_endpoint<E>(self, server: E) -> Result<GoogleMetadata, Error>
    where
        E: TryInto<TokenEndpoint>,
        Error: From<E::Error>,
    {
        GoogleMetadata::of(Some(server.try_into()?), self.account, self.scopes)
    }

    /// The token endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    fn of(
        server: Option<TokenEndpoint>,
        account: String,
        scopes: String,
    ) -> Result<GoogleMetadata, Error> {
        let mut path = format!("/computeMetadata/v1/instance/service-accounts/{account}/token");
        if !scopes.is_empty() {
            path = format!("{path}?scopes={}", *percent(&scopes));
        }
        let endpoint = match &server {
            Some(server) => server.join(&path)?,
            None => TokenEndpoint::link_local_metadata(&path)?,
        };
        Ok(GoogleMetadata { server, account, scopes, endpoint })
    }

    /// The error for an answer without a token.
    fn failed(&self, answer: &ExchangeAnswer, is_google: bool) -> ExchangeError {
        let status = answer.status();
        let code = answer.error_code().unwrap_or_default();
        match status {
            StatusCode::NOT_FOUND if is_google => answer.refused(&code).map_message(|_| {
                format!(
                    "Google's metadata server knows no service account {:?} here: attach one to the machine or the workload, or \
                     correct its name",
                    self.account
                )
            }),
            StatusCode::FORBIDDEN if is_google => answer.refused(&code).map_message(|_| {
                "Google's metadata server denies the token: allow this workload to use the service account (on GKE: workload \
                 identity), and check whether the metadata server is concealed from it"
                    .to_owned()
            }),
            StatusCode::BAD_REQUEST if is_google => answer.refused(&code).map_message(|_| {
                "Google's metadata server refuses the request: check the scopes and the service account"
                    .to_owned()
            }),
            _ if status.is_client_error() && !is_google => {
                answer.unavailable().map_message(|message| format!("{message}; {UNMARKED}"))
            }
            _ => answer.unavailable(),
        }
    }
}

impl Grant for GoogleMetadata {
    fn identity(&self) -> Identity {
        let mut scopes: Vec<_> = self.scopes.split(',').collect();
        scopes.sort_unstable(); // a scope is a set (RFC 6749 section 3.3)
        let url = self.endpoint.uri().to_string();
        let url = url.split('?').next().unwrap_or_default();
        Identity::new("google_metadata").with("endpoint", url).with("scope", scopes.join(","))
    }

    fn request(&self, _: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let request = Request::get(self.endpoint.uri()).header(&FLAVOR, "Google");
        Ok(ExchangeRequest::new(request.body(Bytes::new())?))
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        let is_google = answer.headers().get(&FLAVOR).is_some_and(|it| it == "Google");
        match answer.status() {
            StatusCode::OK if is_google => token(&answer),
            StatusCode::OK => Err(answer.malformed(
                "has no header `Metadata-Flavor: Google`, so it comes from another server (a proxy, a captive portal, another \
                 cloud): check whether this is a machine of Google's cloud",
            )),
            _ => Err(self.failed(&answer, is_google)),
        }
    }

    fn failed(&self, _: &str, error: ExchangeError) -> Result<Step, ExchangeError> {
        Err(not_reached(&self.endpoint, error, "is this a machine of Google's cloud?"))
    }
}

impl Presentation for GoogleMetadata {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        bearer_value(token)
    }
}

/// The endpoint without its query.
impl fmt::Debug for GoogleMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleMetadata").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}
