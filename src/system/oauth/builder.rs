//! Makes an OAuth system, and checks that its parts fit together.

use std::sync::Arc;

use http::HeaderName;

use crate::credential::Credential;
#[cfg(feature = "client")]
use crate::endpoint::certificate::client_certificate::ClientCertificate;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::origin::Origin;
use crate::system::oauth::claims::check_claims;
use crate::system::oauth::client::OAuthClient;
use crate::system::oauth::details::checked_details;
use crate::system::oauth::discovery::Discovery;
#[cfg(feature = "oauth")]
use crate::system::oauth::dpop::{Dpop, sender::DpopSender};
use crate::system::oauth::ended::life;
use crate::system::oauth::grant::OAuthGrant;
use crate::system::oauth::params::Params;
use crate::system::oauth::system::OAuth;

/// Where the token endpoint is.
#[derive(Debug)]
enum Endpoint {
    At(TokenEndpoint),
    Of(Box<Discovery>),
}

/// What a provider demands of a grant and its parameters.
pub(crate) type Rule = fn(&OAuthGrant, &Params) -> Result<(), Error>;

/// Makes an [`OAuth`] system.
///
/// ```
/// use tower_outbound_auth::Credential;
/// use tower_outbound_auth::system::{OAuth, OAuthClient};
///
/// let system = OAuth::builder("https://idp.example/token")
///     .client(OAuthClient::with_secret("billing", Credential::file("/run/secrets/billing")))
///     .scope("reports:read")
///     .resource("https://reports.example/")
///     .build()?;
/// # let _ = system;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
#[derive(Debug)]
pub struct OAuthBuilder {
    endpoint: Result<Endpoint, Error>,
    /// The issuer, if it is known without discovery.
    issuer: Option<String>,
    rule: Option<Rule>,
    allowed: Vec<String>,
    client: Option<OAuthClient>,
    grant: OAuthGrant,
    scopes: Vec<String>,
    audiences: Vec<String>,
    resources: Vec<String>,
    details: Option<String>,
    parameters: Vec<(String, String)>,
    headers: Vec<(String, Credential)>,
    token_member: Option<String>,
    extra: Vec<String>,
    strict_type: bool,
    #[cfg(feature = "client")]
    certificate: Option<ClientCertificate>,
    bound_tokens: bool,
    refresh: bool,
    claims_challenges: bool,
    #[cfg(feature = "oauth")]
    dpop: Option<Dpop>,
}

impl OAuth {
    /// Describes a system with this token endpoint.
    pub fn builder<E>(endpoint: E) -> OAuthBuilder
    where
        E: TryInto<TokenEndpoint>,
        Error: From<E::Error>,
    {
        OAuthBuilder::of(endpoint.try_into().map_err(Error::from))
    }

    /// Describes a system by its issuer, whose metadata has the token endpoint (RFC 8414, OpenID Connect Discovery).
    ///
    /// The issuer is given without `/.well-known/…`. The first exchange asks for the metadata. It counts as fresh for one hour, or for its `max-age` (5 minutes to a day). The first
    /// exchange after that asks again, and uses the old metadata if that fails, for five minutes. The `issuer` in the metadata must
    /// equal this text letter for letter. For an address inside a cluster, which the metadata does not have, use
    /// [`OAuth::builder`] or [`OAuth::keycloak`]. The token endpoint must have the issuer's origin, or one of
    /// [`token_endpoint_origin`](OAuthBuilder::token_endpoint_origin). If it moves to another origin while the program runs, the
    /// old one is used, and a `WARN` event says so.
    ///
    /// ```
    /// use tower_outbound_auth::Credential;
    /// use tower_outbound_auth::system::{OAuth, OAuthClient};
    ///
    /// let system = OAuth::discover("https://idp.example/realms/main")
    ///     .client(OAuthClient::with_secret("billing", Credential::file("/run/secrets/billing")))
    ///     .build()?;
    /// # let _ = system;
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    #[must_use]
    pub fn discover(issuer: &str) -> OAuthBuilder {
        OAuthBuilder::at(Discovery::new(issuer).map(Box::new).map(Endpoint::Of))
    }
}

impl OAuthBuilder {
    /// [`build`](OAuthBuilder::build) returns the error of the endpoint.
    pub(crate) fn of(endpoint: Result<TokenEndpoint, Error>) -> OAuthBuilder {
        OAuthBuilder::at(endpoint.map(Endpoint::At))
    }

    pub(crate) fn with_issuer(self, issuer: Option<String>) -> OAuthBuilder {
        OAuthBuilder { issuer, ..self }
    }

    pub(crate) fn with_rule(self, rule: Rule) -> OAuthBuilder {
        OAuthBuilder { rule: Some(rule), ..self }
    }

    fn at(endpoint: Result<Endpoint, Error>) -> OAuthBuilder {
        OAuthBuilder {
            endpoint,
            issuer: None,
            rule: None,
            allowed: Vec::new(),
            client: None,
            grant: OAuthGrant::default(),
            scopes: Vec::new(),
            audiences: Vec::new(),
            resources: Vec::new(),
            details: None,
            parameters: Vec::new(),
            headers: Vec::new(),
            token_member: None,
            extra: Vec::new(),
            strict_type: false,
            #[cfg(feature = "client")]
            certificate: None,
            bound_tokens: false,
            refresh: false,
            claims_challenges: false,
            #[cfg(feature = "oauth")]
            dpop: None,
        }
    }

    /// Allows the token endpoint that [`discover`](OAuth::discover) finds to have this origin too, such as
    /// `https://oauth2.googleapis.com`. Default: the issuer's only.
    #[must_use]
    pub fn token_endpoint_origin(mut self, origin: impl Into<String>) -> OAuthBuilder {
        self.allowed.push(origin.into());
        self
    }

    /// The client, and how it proves who it is. The last call wins. Default: none, which fits the grants with an assertion or a token
    /// only.
    #[must_use]
    pub fn client(self, client: OAuthClient) -> OAuthBuilder {
        OAuthBuilder { client: Some(client), ..self }
    }

    /// The grant. Default: [`OAuthGrant::ClientCredentials`].
    #[must_use]
    pub fn grant(self, grant: OAuthGrant) -> OAuthBuilder {
        OAuthBuilder { grant, ..self }
    }

    /// Asks for one more scope (RFC 6749 section 3.3). A scope that was set before is not repeated. Default: none, and the
    /// server decides.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> OAuthBuilder {
        let scope = scope.into();
        if !self.scopes.contains(&scope) {
            self.scopes.push(scope);
        }
        self
    }

    /// Asks for a token for this audience (Auth0, RFC 8693 section 2.1). The audience of the client's assertion is another one:
    /// [`OAuthClient::audience`](crate::system::OAuthClient). Only a token exchange may have several. An empty one is not
    /// sent.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> OAuthBuilder {
        self.audiences.push(audience.into());
        self
    }

    /// Asks for a token for one more resource, an absolute URI without a fragment (RFC 8707 section 2). It is sent as it is: no
    /// slash is added. It is sent with a refresh token too.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> OAuthBuilder {
        self.resources.push(resource.into());
        self
    }

    /// Asks for these rights: a JSON array of objects, each with a `type` (RFC 9396 section 2).
    #[must_use]
    pub fn authorization_details(self, json: impl Into<String>) -> OAuthBuilder {
        OAuthBuilder { details: Some(json.into()), ..self }
    }

    /// Adds a parameter of your provider. The same name again replaces it. An empty value is not sent. A parameter that has a method
    /// here is checked as by that method.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> OAuthBuilder {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// Adds a header to the requests to the token endpoint, such as a gateway's key.
    #[must_use]
    pub fn endpoint_header(
        mut self,
        name: impl Into<String>,
        value: impl Into<Credential>,
    ) -> OAuthBuilder {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The member of the answer that has the token; see
    /// [`ClientCredentials::with_token_member`](crate::system::ClientCredentials::with_token_member).
    #[must_use]
    pub fn token_member(self, member: impl Into<String>) -> OAuthBuilder {
        OAuthBuilder { token_member: Some(member.into()), ..self }
    }

    /// Keeps a member of the answer for the caller; see
    /// [`ClientCredentials::with_extra`](crate::system::ClientCredentials::with_extra).
    #[must_use]
    pub fn extra(mut self, member: impl Into<String>) -> OAuthBuilder {
        self.extra.push(member.into());
        self
    }

    /// Accepts only the type `Bearer`; see
    /// [`ClientCredentials::with_strict_token_type`](crate::system::ClientCredentials::with_strict_token_type).
    #[must_use]
    pub fn strict_token_type(self) -> OAuthBuilder {
        OAuthBuilder { strict_type: true, ..self }
    }

    /// Uses the refresh tokens that the endpoint issues; see
    /// [`ClientCredentials::with_refresh_tokens`](crate::system::ClientCredentials::with_refresh_tokens).
    #[must_use]
    pub fn refresh_tokens(self) -> OAuthBuilder {
        OAuthBuilder { refresh: true, ..self }
    }

    /// Answers an API that demands claims: a 401 with `insufficient_claims`, as Microsoft Entra's claims challenge. Default: the
    /// caller gets the 401 at once, with [`Insufficient::Claims`](crate::scheme::Insufficient::Claims).
    ///
    /// - The claims go into the next exchange as the parameter `claims`, and the request is sent again with its token. They are
    ///   merged into the [`parameter`](OAuthBuilder::parameter) `claims`, if there is one.
    /// - They are for one token. Its successor is asked for without them.
    /// - If an API demands the same claims of a token that was issued for them, the caller gets the 401. Other claims cause at
    ///   most one exchange a minute, whatever an API demands.
    /// - If a layer has [a judge](crate::AuthLayer::with_judge), that judge decides alone, and claims are left to the caller.
    ///
    /// Entra demands claims only of clients that declare their capability: see [`manual::providers`](crate::manual::providers).
    /// [`manual::step_up`](crate::manual::step_up) says what an API can cause by this.
    #[must_use]
    pub fn claims_challenges(self) -> OAuthBuilder {
        OAuthBuilder { claims_challenges: true, ..self }
    }

    /// (Feature `client`.) Shows this certificate to the token endpoint (mutual TLS, RFC 8705). The client of the token endpoint
    /// must be [`HttpClient`](crate::endpoint::HttpClient), which the presets use. Default: no certificate.
    ///
    /// With [`OAuthClient::tls`], the certificate says who the client is. Beside a secret or a private key, it only binds the
    /// tokens. [`OAuth::discover`] takes the `token_endpoint` of `mtls_endpoint_aliases`, if the metadata has aliases (RFC 8705
    /// section 5).
    ///
    /// - A token that is bound to another certificate than was shown is an error
    ///   ([`Malformed`](crate::exchange::ExchangeErrorKind::Malformed)). Only a JWT says what it is bound to (`cnf`).
    /// - A token is renewed after 80 % of what was left of the certificate's life when the token was issued, if that comes before its
    ///   own renewal. A JWT that is not bound is excepted.
    /// - After a refusal of the client, a new pair in its files ends the pause.
    /// - The API must see the certificate too: see [`ClientCertificate`], and [`manual::mtls`](crate::manual::mtls).
    #[cfg(feature = "client")]
    #[must_use]
    pub fn certificate(self, certificate: ClientCertificate) -> OAuthBuilder {
        OAuthBuilder { certificate: Some(certificate), ..self }
    }

    /// Demands tokens that are bound to the certificate: a JWT without the certificate's thumbprint (`cnf` with `x5t#S256`) is an
    /// error, [`Malformed`](crate::exchange::ExchangeErrorKind::Malformed). So a change at the provider that takes the
    /// protection away is noticed at once. A token that is no JWT is accepted, because its binding cannot be seen. Default:
    /// not demanded, because many providers know clients by certificates and bind no tokens.
    ///
    /// The system needs a [`certificate`](OAuthBuilder::certificate), or a client of the token endpoint that shows one. `build`
    /// does not know that client. So without a certificate, only `AuthLayer::oauth`, whose client shows none, and a file say that
    /// it is missing.
    #[must_use]
    pub fn certificate_bound_tokens(self) -> OAuthBuilder {
        OAuthBuilder { bound_tokens: true, ..self }
    }

    /// (Feature `oauth`.) Binds the tokens to a key (RFC 9449). See [`Dpop`]. Default: Bearer tokens.
    #[cfg(feature = "oauth")]
    #[must_use]
    pub fn dpop(self, dpop: Dpop) -> OAuthBuilder {
        OAuthBuilder { dpop: Some(dpop), ..self }
    }

    /// The system.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): a part is wrong by itself, or two parts do not fit together.
    /// The text names them.
    pub fn build(self) -> Result<OAuth, Error> {
        let params = self.params()?;
        let headers = self.checked_headers()?;
        let allowed = self.allowed.iter().map(|origin| Origin::parse(origin));
        let allowed = allowed.collect::<Result<Vec<_>, _>>()?;
        let (endpoint, discovery) = match self.endpoint? {
            Endpoint::At(_) if !allowed.is_empty() => {
                return Err(Error::configuration(
                    "`token_endpoint_origin` and a token endpoint that is given do not fit together: it is for `discover`",
                ));
            }
            Endpoint::At(endpoint) => (endpoint, None),
            Endpoint::Of(discovery) => {
                let is_tls =
                    self.client.as_ref().is_some_and(OAuthClient::is_tls) || self.bound_tokens;
                #[cfg(feature = "client")]
                let is_tls = is_tls || self.certificate.is_some();
                (discovery.url().clone(), Some(discovery.allowing(allowed).for_tls(is_tls)))
            }
        };
        if let Some(client) = &self.client {
            client.check()?;
        }
        #[cfg(feature = "client")]
        if self.certificate.is_some() && endpoint.uri().scheme_str() != Some("https") {
            return Err(Error::configuration(
                "`certificate` and an endpoint without TLS do not fit together: a certificate is shown in TLS only",
            ));
        }
        if self.client.is_none() && self.grant.needs_a_client() {
            let grant = self.grant.name();
            return Err(Error::configuration(format!(
                "the grant `{grant}` and no client do not fit together: call `client`"
            )));
        }
        if self.claims_challenges {
            params.get("claims").map_or(Ok(()), check_claims)?;
        }
        #[cfg(feature = "oauth")]
        if let Some(dpop) = &self.dpop {
            dpop.check(self.strict_type)?;
        }
        if let Some(rule) = self.rule {
            rule(&self.grant, &params)?;
        }
        // The audience of an assertion is the issuer, if it is known.
        let audience = match &discovery {
            Some(discovery) => discovery.issuer().to_owned(),
            None => self.issuer.unwrap_or_else(|| endpoint.uri().to_string()),
        };
        #[cfg(feature = "oauth")]
        let is_public = self.client.as_ref().is_none_or(OAuthClient::is_public);
        let client = self.client.map(|client| client.for_audience(&audience)).transpose()?;
        let mut system = OAuth::new("oauth", endpoint, client);
        let shown = self.grant.credentials().into_iter().map(|it| match &self.grant {
            OAuthGrant::JwtBearer(_) | OAuthGrant::TokenExchange(_) => it.in_time(life),
            _ => it,
        });
        system.credentials.extend(shown);
        system.credentials.extend(headers.iter().map(|(_, value)| value.clone()));
        #[cfg(feature = "client")]
        system.credentials.extend(self.certificate.iter().flat_map(ClientCertificate::credentials));
        #[cfg(feature = "oauth")]
        system.credentials.extend(self.dpop.iter().flat_map(|it| it.keys.credentials()).cloned());
        Ok(OAuth {
            discovery,
            grant: self.grant,
            params,
            headers,
            token_member: self.token_member,
            extra: self.extra,
            strict_type: self.strict_type,
            #[cfg(feature = "client")]
            certificate: self.certificate,
            bound_tokens: self.bound_tokens,
            refresh: self.refresh,
            claims: self.claims_challenges.then(Arc::default),
            #[cfg(feature = "oauth")]
            dpop: self.dpop.map(|dpop| DpopSender::new(dpop, is_public)),
            ..system
        })
    }

    fn params(&self) -> Result<Params, Error> {
        let mut params = Params::default();
        self.scopes.iter().try_for_each(|scope| check_scope(scope))?;
        params.set("scope", self.scopes.join(" "));
        for audience in &self.audiences {
            params.add("audience", audience);
        }
        let audiences = params.iter().filter(|(name, _)| *name == "audience").count();
        if audiences > 1 && !self.grant.is_token_exchange() {
            return Err(Error::configuration(
                "several audiences and a grant other than a token exchange do not fit together: only RFC 8693 section 2.1 \
                 allows them",
            ));
        }
        for resource in &self.resources {
            check_resource(resource)?;
            params.add("resource", resource);
        }
        if let Some(details) = &self.details {
            params.set("authorization_details", checked_details(details)?);
        }
        for (name, value) in &self.parameters {
            params.set_checked(name.clone(), checked(name, value)?)?;
        }
        Ok(params)
    }

    fn checked_headers(&self) -> Result<Vec<(HeaderName, Credential)>, Error> {
        let checked = self.headers.iter().map(|(name, value)| {
            let is_ours = |name: &HeaderName| {
                let name = name.as_str();
                [
                    "authorization",
                    "dpop",
                    "host",
                    "cookie",
                    "accept",
                    "connection",
                    "transfer-encoding",
                ]
                .contains(&name)
                    || name.starts_with("content-")
            };
            match name.parse::<HeaderName>() {
                Ok(name) if !is_ours(&name) => Ok((name, value.clone())),
                Ok(_) => Err(Error::configuration(format!(
                    "the header `{name}` of the token endpoint is set by the crate or by the client"
                ))),
                Err(_) => Err(Error::configuration(format!("{name:?} is no name of a header"))),
            }
        });
        checked.collect()
    }
}

/// The value of a parameter that is given by its name.
fn checked(name: &str, value: &str) -> Result<String, Error> {
    match name {
        _ if value.is_empty() => {}
        "scope" => value.split(' ').try_for_each(check_scope)?,
        "resource" => check_resource(value)?,
        "authorization_details" => return checked_details(value),
        _ => {}
    }
    Ok(value.to_owned())
}

fn check_scope(scope: &str) -> Result<(), Error> {
    match is_scope(scope) {
        true => Ok(()),
        false => Err(Error::configuration(format!(
            "the scope {scope:?} has a blank, a quotation mark, a backslash or a character that is not ASCII (RFC 6749 \
             section 3.3): call `scope` once for each"
        ))),
    }
}

fn check_resource(resource: &str) -> Result<(), Error> {
    match is_absolute(resource) {
        true => Ok(()),
        false => Err(Error::configuration(format!(
            "the resource {resource:?} is no absolute URI, or has a fragment (RFC 8707 section 2)"
        ))),
    }
}

/// A scope has visible ASCII characters without `"` and `\` (RFC 6749 section 3.3).
pub(crate) fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\')
}

/// An absolute URI (RFC 3986 section 4.3) begins with a scheme. It is checked no further, because it may be a URN.
fn is_absolute(uri: &str) -> bool {
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme
        && uri.len() > scheme.len() + 1
        && uri.chars().all(|c| c.is_ascii_graphic() && c != '#')
}
