//! OAuth 2.0 client credentials (RFC 6749 section 4.4), for Keycloak and most other servers.

use std::borrow::Cow;
use std::fmt;

use http::{HeaderName, HeaderValue};

use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::grant::Grant;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::exchange::error::ExchangeError;
use crate::exchange::identity::Identity;
use crate::scheme::presentation::Presentation;
use crate::scheme::value::InvalidToken;
use crate::secret::Secret;
use crate::system::oauth::client::OAuthClient;
use crate::system::oauth::client_auth::ClientAuth;
use crate::system::oauth::grant::OAuthGrant;
use crate::system::oauth::system::OAuth;

/// Client id and secret for a bearer token.
///
/// - Exchange: `POST` of `grant_type=client_credentials` as a form, with `scope`, `audience` and
///   `resource` (RFC 8707) if they are set. The client is authenticated by [`ClientAuth`].
/// - API: `Authorization: Bearer <token>` (RFC 6750 section 2.1).
/// - A success may be any 2xx. The token is the member `access_token`, else `token`, or
///   [the one that you name](ClientCredentials::with_token_member). Every type of token is sent as `Bearer`, except those that
///   need a proof (`DPoP`, `mac`, `pop`).
/// - OAuth codes that require a change of the configuration, such as `invalid_client`, count as a refusal of the
///   credentials, with a 400, 401, 403 or 2xx. The code is in `error`, `error.code`, `errors[0].code` or `errorCode`.
///   Every other failure, such as a gateway's page, counts as an outage. But from the third 4xx in a row that cannot
///   be read, the pauses are as long as after a refusal.
/// - The answer is JSON, or a form if its content type is `application/x-www-form-urlencoded`.
///
/// For tokens that are bound to a key (DPoP), and for another proof of the client than a secret, use [`OAuth`](crate::system::OAuth).
///
/// Use it through [`AuthLayer::client_credentials`](crate::AuthLayer::client_credentials), or with
/// options:
///
#[cfg_attr(feature = "client", doc = "```")]
#[cfg_attr(not(feature = "client"), doc = "```ignore")]
/// use tower_outbound_auth::system::{ClientAuth, ClientCredentials};
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
pub struct ClientCredentials(OAuth);

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
        client_id: impl Into<Credential>,
        client_secret: impl Into<Credential>,
    ) -> Result<ClientCredentials, Error>
    where
        E: TryInto<TokenEndpoint>,
        Error: From<E::Error>,
    {
        let client = OAuthClient::with_secret(client_id, client_secret);
        client.check()?;
        Ok(ClientCredentials(OAuth::new("client_credentials", endpoint.try_into()?, Some(client))))
    }

    /// Sets another way to authenticate the client. Default: Basic with [`BasicEncoding::Auto`](crate::system::BasicEncoding::Auto).
    #[must_use]
    pub fn with_auth(mut self, auth: ClientAuth) -> ClientCredentials {
        self.0.client = self.0.client.map(|client| client.auth(auth));
        self
    }

    /// Asks for these scopes, separated by blanks (RFC 6749 section 3.3). Ask only for scopes that you need. Default:
    /// none, and the server decides. An empty text is not sent. If the server grants another scope, this is no error;
    /// [`Status::granted_scope`](crate::token::Status::granted_scope) shows it.
    #[must_use]
    pub fn with_scope(self, scope: impl Into<String>) -> ClientCredentials {
        self.with_param("scope", scope.into())
    }

    /// Asks for a token for this audience (not in the RFC; Auth0 and others need it).
    #[must_use]
    pub fn with_audience(self, audience: impl Into<String>) -> ClientCredentials {
        self.with_param("audience", audience.into())
    }

    /// Asks for a token for this resource, an absolute URI without fragment (RFC 8707 section 2).
    #[must_use]
    pub fn with_resource(self, resource: impl Into<String>) -> ClientCredentials {
        self.with_param("resource", resource.into())
    }

    /// Adds a parameter of your provider, such as Auth0's `organization`. A parameter that is set again replaces the first
    /// one. An empty value is not sent. Requests with a refresh token do not have it.
    ///
    /// ```
    /// use tower_outbound_auth::system::ClientCredentials;
    ///
    /// let system = ClientCredentials::new("https://idp.example/token", "id", "secret")?
    ///     .with_parameter("organization", "org_17")?;
    /// assert!(system.with_parameter("client_secret", "hunter2").is_err());
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) for a parameter that belongs to the grant or to the
    /// authentication of the client: `grant_type`, `client_id`, `client_secret`, `client_assertion`,
    /// `client_assertion_type`, `assertion`, `refresh_token`, `subject_token`, `actor_token`, `username`, `password`,
    /// `code`, and what begins so.
    pub fn with_parameter(
        mut self,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<ClientCredentials, Error> {
        self.0.params.set_checked(name.into(), value.into())?;
        Ok(self)
    }

    /// Sends another `grant_type`, for a provider whose grant has the form of client credentials and a name of its own, such
    /// as `account_credentials`. Default: `client_credentials`.
    #[must_use]
    pub fn with_grant_type(self, grant_type: impl Into<Cow<'static, str>>) -> ClientCredentials {
        ClientCredentials(OAuth { grant: OAuthGrant::Named(grant_type.into()), ..self.0 })
    }

    /// Uses the refresh tokens that the endpoint issues (RFC 6749 section 6). If the endpoint refuses one, the same
    /// exchange uses the credentials instead. If the endpoint does not support refresh tokens, exchanges use the
    /// credentials for a day, or until the endpoint refuses the credentials.
    ///
    /// Default: refresh tokens are ignored, for three reasons. A server should not issue them with this grant
    /// (section 4.4.3). The client sends its credentials with each refresh token anyway. With some servers, the
    /// refresh token expires before the access token. Use this option if the server keeps a session for each grant.
    #[must_use]
    pub fn with_refresh_tokens(self) -> ClientCredentials {
        ClientCredentials(OAuth { refresh: true, ..self.0 })
    }

    /// The member of the answer's JSON object that has the token. For a member of an inner object, give a JSON pointer such as
    /// `/data/token` (RFC 6901). Default: `access_token`, else `token`.
    ///
    /// `expires_in`, `expires_on` and `expires_at` are read from the object with the token, else from the top of the
    /// answer. A time may be seconds or milliseconds since 1970, or RFC 3339 with a time zone. A value that cannot be
    /// read counts as absent.
    #[must_use]
    pub fn with_token_member(self, member: impl Into<String>) -> ClientCredentials {
        ClientCredentials(OAuth { token_member: Some(member.into()), ..self.0 })
    }

    /// Keeps a member of the answer for the caller, such as Salesforce's `instance_url`: the name of a member at the top, or a
    /// JSON pointer such as `/team/id` (RFC 6901). [`AccessToken::extra`](crate::AccessToken::extra) finds it by the same
    /// text. A text, a number or a truth value is kept; without one, the member is absent. An address in it becomes no origin
    /// of the layer. See [`Issued::with_extra`](crate::exchange::Issued::with_extra) for the limits. Default: none.
    #[must_use]
    pub fn with_extra(mut self, member: impl Into<String>) -> ClientCredentials {
        self.0.extra.push(member.into());
        self
    }

    /// Accepts only tokens of the type `Bearer`, in upper or lower case, and those without a type (RFC 6749 section 7.1). With
    /// another type the exchange fails as [`Malformed`](crate::exchange::ExchangeErrorKind::Malformed).
    ///
    /// Default: a token of a type such as `BearerToken`, `Application Access Token` or an empty text is also sent as
    /// `Bearer`, because servers that write this mean Bearer. Tokens of the types `DPoP`, `mac` and `pop` are never
    /// sent as `Bearer`.
    #[must_use]
    pub fn with_strict_token_type(self) -> ClientCredentials {
        ClientCredentials(OAuth { strict_type: true, ..self.0 })
    }

    /// The token endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.0.endpoint
    }

    fn with_param(mut self, name: &'static str, value: String) -> ClientCredentials {
        self.0.params.set(name, value);
        self
    }
}

impl Grant for ClientCredentials {
    fn identity(&self) -> Identity {
        self.0.identity()
    }

    fn credentials(&self) -> &[Credential] {
        self.0.credentials()
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        self.0.request(cx)
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        self.0.read(answer)
    }
}

impl Presentation for ClientCredentials {
    fn header_name(&self) -> &HeaderName {
        self.0.header_name()
    }

    fn header_value(
        &self,
        token: &Secret,
        token_type: Option<&str>,
    ) -> Result<HeaderValue, InvalidToken> {
        self.0.header_value(token, token_type)
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
