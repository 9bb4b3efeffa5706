//! OAuth 2.0 client credentials (RFC 6749 section 4.4), for Keycloak and most other servers.

use std::borrow::Cow;
use std::fmt;
use std::iter;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request, StatusCode};

use crate::basics::TARGET;
use crate::clock::Now;
use crate::credential::Credential;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::encoding::{form_body, is_ambiguous};
use crate::endpoint::failure::{Failure, is_refusal};
use crate::endpoint::grant::Grant;
use crate::endpoint::quotes::Credentials;
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
use crate::system::client::{flaw, with_client};
use crate::system::oauth::answer::{
    Meaning, check_type, failed, is_another_scope, knows_no_refresh_tokens,
    may_be_about_the_client, may_be_about_the_refresh_token, read_2xx, with_extra,
};
use crate::system::oauth::client_auth::{BasicEncoding, ClientAuth, basic};
use crate::system::oauth::hint::Hint;
use crate::system::oauth::params::Params;
use crate::system::oauth::refresh::REFRESH;

/// The names of the requests with the credentials. A name tells the encoding, and whether it is the second attempt.
/// (If the user chose the encoding, or if it makes no difference, the name is always the first one.)
const PERCENT: &str = "percent";
const RAW: &str = "raw";
const RAW_AFTER_PERCENT: &str = "raw after percent";
const PERCENT_AFTER_RAW: &str = "percent after raw";

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
pub struct ClientCredentials {
    endpoint: TokenEndpoint,
    /// Id and secret.
    credentials: [Credential; 2],
    auth: ClientAuth,
    grant: Cow<'static, str>,
    params: Params,
    token_member: Option<String>,
    /// Members of the answer for the caller: names or JSON pointers.
    extra: Vec<String>,
    strict_type: bool,
    /// With `Auto`: the last success used the raw encoding.
    raw: Hint,
    refresh: bool,
    /// The endpoint has answered that it does not support refresh tokens.
    without_refresh: Hint,
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
        client_id: impl Into<Credential>,
        client_secret: impl Into<Credential>,
    ) -> Result<ClientCredentials, Error>
    where
        E: TryInto<TokenEndpoint>,
        Error: From<E::Error>,
    {
        let credentials = [client_id.into(), client_secret.into()];
        for (credential, what) in credentials.iter().zip(["client id", "client secret"]) {
            credential.check(what, flaw)?;
        }
        Ok(ClientCredentials {
            endpoint: endpoint.try_into()?,
            credentials,
            auth: ClientAuth::default(),
            grant: "client_credentials".into(),
            params: Params::default(),
            token_member: None,
            extra: Vec::new(),
            strict_type: false,
            raw: Hint::default(),
            refresh: false,
            without_refresh: Hint::default(),
        })
    }

    /// Sets another way to authenticate the client. Default: Basic with [`BasicEncoding::Auto`].
    #[must_use]
    pub fn with_auth(self, auth: ClientAuth) -> ClientCredentials {
        ClientCredentials { auth, ..self }
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
        self.params.set_checked(name.into(), value.into())?;
        Ok(self)
    }

    /// Sends another `grant_type`, for a provider whose grant has the form of client credentials and a name of its own, such
    /// as `account_credentials`. Default: `client_credentials`.
    #[must_use]
    pub fn with_grant_type(self, grant_type: impl Into<Cow<'static, str>>) -> ClientCredentials {
        ClientCredentials { grant: grant_type.into(), ..self }
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
        ClientCredentials { refresh: true, ..self }
    }

    /// The member of the answer's JSON object that has the token. For a member of an inner object, give a JSON pointer such as
    /// `/data/token` (RFC 6901). Default: `access_token`, else `token`.
    ///
    /// `expires_in`, `expires_on` and `expires_at` are read from the object with the token, else from the top of the
    /// answer. A time may be seconds or milliseconds since 1970, or RFC 3339 with a time zone. A value that cannot be
    /// read counts as absent.
    #[must_use]
    pub fn with_token_member(self, member: impl Into<String>) -> ClientCredentials {
        ClientCredentials { token_member: Some(member.into()), ..self }
    }

    /// Keeps a member of the answer for the caller, such as Salesforce's `instance_url`: the name of a member at the top, or a
    /// JSON pointer such as `/team/id` (RFC 6901). [`AccessToken::extra`](crate::AccessToken::extra) finds it by the same
    /// text. A text, a number or a truth value is kept; without one, the member is absent. An address in it becomes no origin
    /// of the layer. See [`Issued::with_extra`](crate::exchange::Issued::with_extra) for the limits. Default: none.
    #[must_use]
    pub fn with_extra(mut self, member: impl Into<String>) -> ClientCredentials {
        self.extra.push(member.into());
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
        ClientCredentials { strict_type: true, ..self }
    }

    /// The token endpoint.
    #[must_use]
    pub fn endpoint(&self) -> &TokenEndpoint {
        &self.endpoint
    }

    fn with_param(mut self, name: &'static str, value: String) -> ClientCredentials {
        self.params.set(name, value);
        self
    }

    /// The name of the request with the credentials in the encoding that worked last.
    fn last_encoding(&self, now: Option<Now>) -> &'static str {
        if self.raw.holds(now) { RAW } else { PERCENT }
    }

    /// The request with the credentials.
    fn request(
        &self,
        cx: &RequestContext,
        name: &'static str,
    ) -> Result<ExchangeRequest, ExchangeError> {
        let params = iter::once(("grant_type", &*self.grant)).chain(self.params.iter());
        let raw = matches!(name, RAW | RAW_AFTER_PERCENT);
        Ok(self.post(cx, params.collect(), raw)?.named(name))
    }

    /// The request with a refresh token (RFC 6749 section 6). It has no scope, so that the scope stays the same.
    fn refresh_request(
        &self,
        cx: &RequestContext,
        refresh_token: &Secret,
    ) -> Result<ExchangeRequest, ExchangeError> {
        let mut params =
            vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        params.extend(self.params.get("resource").map(|resource| ("resource", resource)));
        let raw = self.raw.holds(Some(cx.now()));
        Ok(self.post(cx, params, raw)?.named(REFRESH))
    }

    /// A form with the client's authentication.
    fn post(
        &self,
        cx: &RequestContext,
        params: Vec<(&str, &str)>,
        raw: bool,
    ) -> Result<ExchangeRequest, ExchangeError> {
        let [id, secret] = &self.credentials;
        let (id, secret) = (cx.credential(id)?, cx.credential(secret)?);
        let mut params: Vec<(&str, &str)> = params; // these may borrow from the credentials
        let mut request = Request::post(self.endpoint.uri())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(ACCEPT, "application/json");
        match self.auth {
            ClientAuth::Post => {
                params.push(("client_id", id.expose()));
                params.push(("client_secret", secret.expose()));
            }
            ClientAuth::Basic(encoding) => {
                let encoding = if raw { BasicEncoding::Raw } else { encoding };
                request = request.header(AUTHORIZATION, basic(id.expose(), &secret, encoding));
            }
        }
        let body = Bytes::from_owner(form_body(&params));
        Ok(ExchangeRequest::new(request.body(body)?))
    }

    /// The id and the secret in the request.
    fn shown(&self, answer: &ExchangeAnswer) -> Result<[Secret; 2], ExchangeError> {
        let [id, secret] = &self.credentials;
        Ok([answer.credential(id)?, answer.credential(secret)?])
    }

    /// The name of the request that follows a refused one, if the endpoint may understand the other encoding. It
    /// depends on the refused encoding. The encoding that worked last does not matter, because another source of this
    /// scheme may have changed it.
    fn other_encoding(&self, refused: &ExchangeAnswer) -> Option<&'static str> {
        let auto = self.auth == ClientAuth::Basic(BasicEncoding::Auto);
        let ambiguous = |it: [Secret; 2]| it.iter().any(|text| is_ambiguous(text.expose()));
        let differ = self.shown(refused).is_ok_and(ambiguous);
        match refused.request_name() {
            PERCENT if auto && differ => Some(RAW_AFTER_PERCENT),
            RAW if auto && differ => Some(PERCENT_AFTER_RAW),
            _ => None,
        }
    }

    /// The endpoint refuses the refresh token, so the next request uses the credentials.
    fn fall_back(&self, answer: &ExchangeAnswer, failure: &Failure) -> Step {
        if knows_no_refresh_tokens(answer.status(), failure) {
            self.without_refresh.learn(answer.received());
            let system = self.identity().system();
            tracing::info!(target: TARGET, system, "the endpoint does not support refresh tokens: they are not used for a day");
        }
        Step::Again(self.last_encoding(answer.received()))
    }

    /// The endpoint refuses the credentials.
    fn read_failure(
        &self,
        answer: &ExchangeAnswer,
        failure: &Failure,
    ) -> Result<Step, ExchangeError> {
        let name = answer.request_name();
        if name == REFRESH && may_be_about_the_refresh_token(failure) {
            return Ok(self.fall_back(answer, failure));
        }
        let other = self.other_encoding(answer);
        if let Some(other) = other.filter(|_| may_be_about_the_client(answer, failure)) {
            return Ok(Step::Again(other));
        }
        if is_refusal(failure) {
            // The server may have changed, so what was learned about it is forgotten.
            self.raw.forget();
            self.without_refresh.forget();
        }
        let [id, secret] = self.shown(answer)?;
        Err(failed(answer, failure, &Credentials { id, secret, id_is_secret: false }))
    }
}

impl Grant for ClientCredentials {
    fn identity(&self) -> Identity {
        let identity = with_client(
            Identity::new("client_credentials").with("endpoint", self.endpoint.uri().to_string()),
            &self.credentials[0],
        );
        let identity = identity.with("grant_type", &*self.grant);
        let params = self.params.iter();
        params.fold(identity, |it, (name, value)| it.with("parameter", format!("{name}={value}")))
    }

    fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let now = Some(cx.now());
        let refresh = self.refresh && !self.without_refresh.holds(now);
        match (cx.step(), cx.refresh_token().filter(|_| refresh)) {
            (Some(name), _) => self.request(cx, name),
            (None, Some(refresh_token)) => self.refresh_request(cx, refresh_token),
            (None, None) => self.request(cx, self.last_encoding(now)),
        }
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return self.read_failure(&answer, &Failure::in_body(&answer).unwrap_or_default());
            }
            _ => return Err(answer.unavailable()),
        }
        let token = match read_2xx(&answer, self.token_member.as_deref())? {
            Meaning::Token(token) => token,
            Meaning::Failure(failure) => return self.read_failure(&answer, &failure),
        };
        let name = answer.request_name();
        match name {
            RAW_AFTER_PERCENT => self.raw.learn(answer.received()),
            PERCENT_AFTER_RAW => self.raw.forget(),
            _ => {}
        }
        check_type(token.token_type.as_deref(), self.strict_type)?;
        let granted = token.scope.clone();
        let issued = token.issued(name == REFRESH, self.refresh);
        let issued = with_extra(issued, &answer, &self.extra);
        let another = granted.zip(self.params.get("scope"));
        Ok(Step::Issued(match another {
            Some((granted, asked)) if is_another_scope(&granted, asked) => {
                issued.with_scope(granted)
            }
            _ => issued,
        }))
    }
}

impl Presentation for ClientCredentials {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        bearer_value(token)
    }
}

impl fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCredentials")
            .field("endpoint", &self.endpoint)
            .field("credentials", &self.credentials)
            .field("auth", &self.auth)
            .field("params", &self.params)
            .field("refresh", &self.refresh)
            .finish_non_exhaustive()
    }
}
