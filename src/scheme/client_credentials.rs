//! OAuth 2.0 client credentials (RFC 6749 section 4.4), as Keycloak and most others serve it.

use std::fmt;
use std::iter;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Request, StatusCode};

use super::client_auth::{basic, flaw, form_body, identity_of, is_ambiguous};
use super::refresh::REFRESH;
use super::token_answer::{
    is_about_the_request, knows_no_refresh_tokens, read_failure, read_success,
};
use super::{
    BasicEncoding, ClientAuth, Endpoint, ExchangeAnswer, ExchangeRequest, Identity, InvalidToken,
    Scheme, Step, bearer_value,
};
use crate::exchange::{ExchangeContext, ExchangeError};
use crate::{Credential, Error, Secret, TARGET};

/// The names of the requests that show the credentials: in which encoding, and whether after the other.
/// (Where one encoding was chosen, or none is needed, it is always the first.)
const PERCENT: &str = "percent";
const RAW: &str = "raw";
const RAW_AFTER_PERCENT: &str = "raw after percent";
const PERCENT_AFTER_RAW: &str = "percent after raw";

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
    /// Id and secret.
    credentials: [Credential; 2],
    auth: ClientAuth,
    params: Vec<(&'static str, String)>,
    /// With `Auto`: the raw encoding is the one that worked last.
    raw: AtomicBool,
    refresh: bool,
    /// The endpoint does not know what a refresh token is.
    without_refresh: AtomicBool,
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
        E: TryInto<Endpoint>,
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
            params: Vec::new(),
            raw: AtomicBool::new(false),
            refresh: false,
            without_refresh: AtomicBool::new(false),
        })
    }

    /// With another way to authenticate the client. Default: Basic, [`BasicEncoding::Auto`].
    #[must_use]
    pub fn with_auth(self, auth: ClientAuth) -> ClientCredentials {
        ClientCredentials { auth, ..self }
    }

    /// Asks for these scopes, separated by blanks (RFC 6749 section 3.3); ask for no more than is needed.
    /// Default: none, and the server decides. An empty text is not sent. If the server grants another one,
    /// that is reported ([`Status::granted_scope`](crate::source::Status::granted_scope)), and no error.
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

    /// Spends the refresh tokens that the endpoint hands out (RFC 6749 section 6); if one is not taken,
    /// the credentials are shown instead, in the same exchange. An endpoint that knows no refresh tokens
    /// is found out, and asked in the other way from then on.
    ///
    /// Default: they are left alone. With this grant a server should not hand out any (section 4.4.3),
    /// the client shows its credentials all the same when it spends one, and some servers' refresh tokens
    /// end before the access token does. It pays where the server keeps a session per grant.
    #[must_use]
    pub fn with_refresh_tokens(self) -> ClientCredentials {
        ClientCredentials { refresh: true, ..self }
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

    fn param(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(its_name, _)| *its_name == name);
        found.map(|(_, value)| &**value)
    }

    /// The request that shows the credentials, in the encoding that worked last.
    fn first_request(&self) -> Result<ExchangeRequest, ExchangeError> {
        self.request(if self.raw.load(Ordering::Relaxed) { RAW } else { PERCENT })
    }

    fn request(&self, name: &'static str) -> Result<ExchangeRequest, ExchangeError> {
        let params = self.params.iter().map(|(name, value)| (*name, &**value));
        let params = iter::once(("grant_type", "client_credentials")).chain(params);
        let raw = matches!(name, RAW | RAW_AFTER_PERCENT);
        Ok(self.post(params.collect(), raw)?.named(name))
    }

    /// The request that spends a refresh token (RFC 6749 section 6). The scope is left out, and so stays
    /// what it was.
    fn refresh_request(&self, refresh_token: &Secret) -> Result<ExchangeRequest, ExchangeError> {
        let mut params =
            vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        params.extend(self.param("resource").map(|resource| ("resource", resource)));
        Ok(self.post(params, self.raw.load(Ordering::Relaxed))?.named(REFRESH))
    }

    /// A form, with the client authenticated.
    fn post(&self, params: Vec<(&str, &str)>, raw: bool) -> Result<ExchangeRequest, ExchangeError> {
        let [id, secret] = self.current()?;
        let mut params: Vec<(&str, &str)> = params;
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

    /// Id and secret as they are now.
    fn current(&self) -> Result<[Secret; 2], ExchangeError> {
        let [id, secret] = &self.credentials;
        Ok([id.current()?, secret.current()?])
    }

    /// The name of the request that follows one of this name which was refused, if the other encoding may
    /// be the one that the endpoint understands. It goes by the encoding that was refused: what worked last
    /// may be news from another source of this scheme.
    fn other_encoding(&self, refused: &str) -> Option<&'static str> {
        let auto = self.auth == ClientAuth::Basic(BasicEncoding::Auto);
        let ambiguous = |it: [Secret; 2]| it.iter().any(|text| is_ambiguous(text.expose()));
        let differ = self.current().is_ok_and(ambiguous);
        match refused {
            PERCENT if auto && differ => Some(RAW_AFTER_PERCENT),
            RAW if auto && differ => Some(PERCENT_AFTER_RAW),
            _ => None,
        }
    }

    /// The endpoint does not take the refresh token: the credentials are shown instead, once.
    fn fall_back(&self, answer: &ExchangeAnswer) -> Result<Step, ExchangeError> {
        if knows_no_refresh_tokens(answer) {
            self.without_refresh.store(true, Ordering::Relaxed);
            let system = self.identity().system();
            tracing::info!(target: TARGET, system, "refresh tokens are not taken, and left alone from now on");
        }
        Ok(Step::Again(self.first_request()?))
    }
}

impl Scheme for ClientCredentials {
    fn identity(&self) -> Identity {
        let identity = Identity::new("client_credentials")
            .with("endpoint", self.endpoint.uri().to_string())
            .with("client", identity_of(&self.credentials[0]));
        self.params.iter().fold(identity, |it, (name, value)| it.with(name, value.clone()))
    }

    fn credentials(&self) -> &[Credential] {
        &self.credentials
    }

    fn exchange_request(&self, cx: &ExchangeContext) -> Result<ExchangeRequest, ExchangeError> {
        let refresh = self.refresh && !self.without_refresh.load(Ordering::Relaxed);
        match cx.refresh_token().filter(|_| refresh) {
            Some(refresh_token) => self.refresh_request(refresh_token),
            None => self.first_request(),
        }
    }

    fn read_answer(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        let (status, name) = (answer.status(), answer.request_name());
        if status.is_success() {
            if let RAW_AFTER_PERCENT | PERCENT_AFTER_RAW = name {
                self.raw.store(name == RAW_AFTER_PERCENT, Ordering::Relaxed);
            }
            let scope = self.param("scope");
            return read_success(&answer, name == REFRESH, self.refresh, scope).map(Step::Issued);
        }
        match status {
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
                if name == REFRESH =>
            {
                self.fall_back(&answer)
            }
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                match self.other_encoding(name).filter(|_| !is_about_the_request(&answer)) {
                    Some(other) => Ok(Step::Again(self.request(other)?)),
                    None => Err(read_failure(&answer, &self.credentials[1].current()?)),
                }
            }
            _ => Err(answer.unavailable()),
        }
    }

    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret) -> Result<HeaderValue, InvalidToken> {
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
