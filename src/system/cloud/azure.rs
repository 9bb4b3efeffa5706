//! A managed identity of Azure: the token of a machine, an app or a container.
//!
//! ```
//! use tower_outbound_auth::system::{AzureManagedIdentity, UserAssignedIdentity};
//!
//! let id = UserAssignedIdentity::ClientId("5e29463d-71da-4fe0-8e69-999b57db23b0".into());
//! let identity = AzureManagedIdentity::new("https://vault.azure.net")?.with_identity(id)?;
//! assert_eq!(identity.endpoint().uri().path(), "/metadata/identity/oauth2/token");
//!
//! let scope = AzureManagedIdentity::new("https://vault.azure.net/.default").unwrap_err();
//! assert!(scope.to_string().contains("without `/.default`"));
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, StatusCode};

use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::encoding::percent;
use crate::endpoint::grant::Grant;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::exchange::identity::Identity;
use crate::scheme::presentation::Presentation;
use crate::scheme::value::{InvalidToken, bearer_value, plain_value};
use crate::secret::Secret;
use crate::system::cloud::answer::{not_reached, token};
use crate::system::cloud::user_assigned::{APP_SERVICE, Api, MACHINE, UserAssignedIdentity};

static METADATA: HeaderName = HeaderName::from_static("metadata");
static IDENTITY_HEADER: HeaderName = HeaderName::from_static("x-identity-header");

const PATH: &str = "/metadata/identity/oauth2/token";

const IS_THERE: &str = "is this a machine of Azure?";

/// What to add to an error that may come from another server.
const UNKNOWN: &str = "the answer has no code of Azure, so it may come from another server: is this a machine of Azure?";

/// The pause after a 410: Microsoft's own library asks every ten seconds, and the server is back after 70 s at the latest.
const WHILE_UPDATED: Duration = Duration::from_secs(10);

/// A managed identity of Azure, by the server that the platform gives to a machine or a container. A person keeps no
/// secret: App Service sets the one that its server wants.
///
/// - Exchange on a virtual machine: `GET http://169.254.169.254/metadata/identity/oauth2/token` with `Metadata: true`. On App
///   Service, Functions and Container Apps: see [`from_app_service_env`](AzureManagedIdentity::from_app_service_env).
/// - API: `Authorization: Bearer <token>`.
/// - The server keeps a token, and returns the same one until it has ended or nearly so. A token that the API refuses cannot be
///   replaced before that. New rights of the identity may need a new token: on App Service, after hours.
/// - A 404, a 410, a 429 and a 5xx pass, and are tried again. After a 410, the server is being updated: it is asked every ten
///   seconds or more. Another 4xx is a refusal.
/// - A newly assigned identity may be unknown for some minutes: the attempts go on.
///
/// For a service principal with a secret or a certificate, or for the workload identity of a pod, use
/// [`OAuth`](crate::system::OAuth). Azure Arc and Service Fabric are not supported.
///
/// `AuthLayer::azure_managed_identity` (feature `client`) makes the layer. For another client, make the source by
/// [`TokenSource::over_http`](crate::TokenSource::over_http); see [`TokenEndpoint::link_local_metadata`] about proxies.
///
/// Confirmed in Microsoft's documentation and libraries: the path, the headers, the parameters, `expires_in` and `expires_on` as
/// texts, and what each status means. It was not tried against Azure itself.
#[derive(Clone)]
pub struct AzureManagedIdentity {
    /// The URL without its query.
    server: TokenEndpoint,
    api: Api,
    resource: String,
    identity: Option<UserAssignedIdentity>,
    /// The header that App Service wants.
    credentials: Vec<Credential>,
    endpoint: TokenEndpoint,
}

impl AzureManagedIdentity {
    /// The identity of a virtual machine, for the API that `resource` names, such as `https://vault.azure.net`. It is the
    /// system-assigned one, or the only one.
    ///
    /// `resource` is the API's App ID URI, and is sent as it is: an added slash is another resource. It is no scope.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the resource is empty, or ends in `/.default`, as a scope
    /// does.
    pub fn new(resource: impl Into<String>) -> Result<AzureManagedIdentity, Error> {
        let server = TokenEndpoint::link_local_metadata(PATH)?;
        AzureManagedIdentity::of(server, MACHINE, resource.into(), None, Vec::new())
    }

    /// The identity of an app on App Service, Functions or Container Apps.
    ///
    /// The platform sets two variables of the environment. `IDENTITY_ENDPOINT` is the URL, and is read now. `IDENTITY_HEADER` is
    /// sent in the header `X-IDENTITY-HEADER`, and is read again before each exchange: it is a secret. The endpoint must be plain
    /// http to `localhost`, to a loopback address or to a link-local address, so nobody else gets the header.
    ///
    /// The environment is read only here: on a virtual machine use [`new`](AzureManagedIdentity::new). Functions on Linux with the
    /// consumption plan had an older form of the request, which is not supported.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if a variable is not set, if the endpoint is another address,
    /// or as for [`new`](AzureManagedIdentity::new).
    pub fn from_app_service_env(
        resource: impl Into<String>,
    ) -> Result<AzureManagedIdentity, Error> {
        let url = variable("IDENTITY_ENDPOINT")?;
        let server = TokenEndpoint::of_the_platform(url.expose())
            .map_err(|error| Error::configuration(format!("IDENTITY_ENDPOINT: {error}")))?;
        variable("IDENTITY_HEADER")?;
        let header = Credential::env("IDENTITY_HEADER");
        AzureManagedIdentity::of(server, APP_SERVICE, resource.into(), None, vec![header])
    }

    /// The user-assigned identity that gets the token. Default: the system-assigned one, or the only one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the id is empty.
    pub fn with_identity(
        self,
        identity: UserAssignedIdentity,
    ) -> Result<AzureManagedIdentity, Error> {
        given("id of the user-assigned identity", identity.id())?;
        let (server, api, resource) = (self.server, self.api, self.resource);
        AzureManagedIdentity::of(server, api, resource, Some(identity), self.credentials)
    }

    /// Another server, by its whole URL without a query: an emulator, or the metadata server of another cloud.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it is no safe URL (see [`TokenEndpoint`]), or has a query.
    /// Also beside [`from_app_service_env`](AzureManagedIdentity::from_app_service_env): only the endpoint of the environment gets the
    /// header of the environment.
    pub fn with_endpoint<E>(self, server: E) -> Result<AzureManagedIdentity, Error>
    where
        E: TryInto<TokenEndpoint>,
        Error: From<E::Error>,
    {
        if !self.credentials.is_empty() {
            return Err(Error::configuration(
                "`from_app_service_env` takes the endpoint from the environment, and only that endpoint gets its header: for \
                 another endpoint, use `new`",
            ));
        }
        let (server, api, resource) = (server.try_into()?, self.api, self.resource);
        AzureManagedIdentity::of(server, api, resource, self.identity, self.credentials)
    }

    /// The token endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    fn of(
        server: TokenEndpoint,
        api: Api,
        resource: String,
        identity: Option<UserAssignedIdentity>,
        credentials: Vec<Credential>,
    ) -> Result<AzureManagedIdentity, Error> {
        given("resource", &resource)?;
        if let Some(instead) = resource.strip_suffix("/.default") {
            return Err(Error::configuration(format!(
                "{resource:?} is a scope, and Azure's managed identities want a resource: give it without `/.default`, such as \
                 {instead:?}"
            )));
        }
        let mut query = format!("?api-version={}&resource={}", api.version, *percent(&resource));
        if let Some(identity) = &identity {
            query = format!("{query}&{}={}", identity.parameter(api), *percent(identity.id()));
        }
        let endpoint = server.join(&query)?;
        Ok(AzureManagedIdentity { server, api, resource, identity, credentials, endpoint })
    }

    /// The error for an answer without a token.
    fn failed(&self, answer: &ExchangeAnswer) -> ExchangeError {
        match answer.status() {
            StatusCode::NOT_FOUND => answer.passing(
                "Azure's identity endpoint is not there: it is being updated, or this is no machine of Azure, or the address is \
                 wrong",
            ),
            StatusCode::GONE => {
                let error = answer.passing(
                    "Azure's identity endpoint is being updated: it should be back within 70 s",
                );
                match error.retry_after() {
                    Some(_) => error,
                    None => error.with_retry_after(WHILE_UPDATED),
                }
            }
            status if status.is_client_error() => match answer.error_code() {
                Some(code) if is_about_the_request(status) => {
                    answer.refused(&code).map_message(|_| self.what_to_do(&code))
                }
                // Without a code, it may come from something in between.
                None if !is_paced(status) => {
                    answer.unavailable().map_message(|message| format!("{message}; {UNKNOWN}"))
                }
                _ => answer.unavailable(),
            },
            _ => answer.unavailable(),
        }
    }

    fn what_to_do(&self, code: &str) -> String {
        if code == "invalid_resource" {
            return format!(
                "Azure knows no resource {:?}: give the App ID URI of the API as Azure writes it",
                self.resource
            );
        }
        let identity = match &self.identity {
            None => "a managed identity, or name the user-assigned one that is meant".to_owned(),
            Some(identity) => format!("the identity {:?}, or correct its id", identity.id()),
        };
        format!(
            "Azure gives no token for this identity: assign to the machine or the app {identity}; and check the resource {:?}",
            self.resource
        )
    }
}

/// Whether a 4xx says that a later attempt is better.
fn is_paced(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    )
}

/// Whether a 4xx with a code says that a person must correct something.
fn is_about_the_request(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

/// A variable that App Service sets.
fn variable(name: &str) -> Result<Secret, Error> {
    match std::env::var(name).map(Secret::from) {
        Ok(value) if !value.expose().is_empty() => Ok(value),
        _ => Err(Error::configuration(format!(
            "the environment variable {name} is not set: App Service, Functions and Container Apps set it if the app has a \
             managed identity; on a virtual machine, use AzureManagedIdentity::new"
        ))),
    }
}

fn given(what: &str, text: &str) -> Result<(), Error> {
    match text.trim().is_empty() {
        true => Err(Error::configuration(format!("the {what} is empty"))),
        false => Ok(()),
    }
}

impl Grant for AzureManagedIdentity {
    fn identity(&self) -> Identity {
        let identity = Identity::new("azure_managed_identity")
            .with("endpoint", self.server.uri().to_string())
            .with("resource", self.resource.clone());
        match &self.identity {
            None => identity,
            Some(UserAssignedIdentity::ClientId(id)) => identity.with("client", id.clone()),
            Some(UserAssignedIdentity::ObjectId(id)) => identity.with("object_id", id.clone()),
            Some(UserAssignedIdentity::ResourceId(id)) => identity.with("resource_id", id.clone()),
        }
    }

    fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let request = Request::get(self.endpoint.uri());
        let request = match self.credentials.first() {
            None => request.header(&METADATA, "true"),
            Some(header) => request.header(&IDENTITY_HEADER, header_value(cx, header)?),
        };
        Ok(ExchangeRequest::new(request.body(Bytes::new())?))
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        match answer.status() {
            StatusCode::OK => token(&answer).map_err(|error| match error.kind() {
                // A page, or an answer without a token.
                ExchangeErrorKind::Malformed if answer.error_code().is_none() => {
                    error.map_message(|message| format!("{message}; {IS_THERE}"))
                }
                _ => error,
            }),
            _ => Err(self.failed(&answer)),
        }
    }

    fn failed(&self, _: &str, error: ExchangeError) -> Result<Step, ExchangeError> {
        Err(not_reached(&self.endpoint, error, IS_THERE))
    }
}

fn header_value(cx: &RequestContext, header: &Credential) -> Result<HeaderValue, ExchangeError> {
    let mut value = plain_value(&cx.credential(header)?).map_err(|_| {
        let message = format!("the value of {header} cannot be in a header");
        ExchangeError::new(ExchangeErrorKind::Configuration, message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

impl Presentation for AzureManagedIdentity {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        bearer_value(token)
    }
}

/// The endpoint without its query, and what the tokens are for.
impl fmt::Debug for AzureManagedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureManagedIdentity")
            .field("endpoint", &self.server)
            .field("resource", &self.resource)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}
