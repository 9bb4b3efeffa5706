//! The parts of an OAuth system.

mod build;

use crate::credential::Credential;
#[cfg(feature = "client")]
use crate::endpoint::certificate::client_certificate::ClientCertificate;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::system::oauth::client::OAuthClient;
use crate::system::oauth::discovery::Discovery;
#[cfg(feature = "oauth")]
use crate::system::oauth::dpop::Dpop;
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
}

/// A scope has visible ASCII characters without `"` and `\` (RFC 6749 section 3.3).
pub(crate) fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\')
}
