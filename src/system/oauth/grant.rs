//! What an OAuth client shows to get a token: the grant (RFC 6749 section 1.3).

use std::borrow::Cow;

use crate::credential::Credential;
use crate::endpoint::request_context::RequestContext;
use crate::exchange::error::ExchangeError;
use crate::exchange::identity::Identity;
use crate::secret::Secret;
#[cfg(feature = "oauth")]
use crate::{
    error::Error,
    exchange::Exchange,
    system::oauth::key::{jwt_key::JwtKey, provider_claims as provider},
    system::self_signed::{SelfSigned, given},
};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The grant of an [`OAuth`](crate::system::OAuth) system.
///
/// There is no password grant: a client must not use it (RFC 9700 section 2.4). If an API has nothing else, a
/// [`Login`](crate::manual::login) can say it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum OAuthGrant {
    /// `client_credentials` (RFC 6749 section 4.4): the client acts for itself. This is the default.
    #[default]
    ClientCredentials,
    /// A grant that has the form of client credentials, and another name: `account_credentials`.
    Named(Cow<'static, str>),
    /// An assertion about a subject (RFC 7523 section 2.1). It comes from a file, a function, or another source. The client is
    /// optional.
    JwtBearer(Credential),
    /// (Feature `oauth`.) An assertion that is signed here, anew for each request (RFC 7523 section 2.1). The client is
    /// optional.
    #[cfg(feature = "oauth")]
    Signed(SelfSigned),
    /// A token in exchange for another one (RFC 8693).
    TokenExchange(TokenExchange),
    /// (Feature `store`.) A login that a person has made (RFC 6749 section 6). This credential has the login's first refresh token, and
    /// is only read. The newest one is kept in the source's [store](crate::token::SourceBuilder::store); without a store, in the
    /// memory of the process. If the credential gets another value, somebody has logged in again, and the new login is
    /// used. The client is optional. See [`manual::refresh_tokens`](crate::manual::refresh_tokens).
    #[cfg(feature = "store")]
    RefreshToken(Credential),
}

/// The tokens that an exchange shows (RFC 8693 section 2.1).
///
/// The subject's token may come from another source: `Credential::from(source)`. That source renews it by its own rules. If
/// the endpoint refuses the subject's token, that source renews it first, and the exchange is repeated once. These codes count as
/// such a refusal: `invalid_request` (RFC 8693 section 2.2.2), `invalid_grant`, `invalid_token` (Keycloak), `expired_token`. If
/// the second exchange is refused too, the error is [`Refused`](crate::exchange::ExchangeErrorKind::Refused).
///
/// ```
/// use tower_outbound_auth::system::{OAuthGrant, TokenExchange};
/// use tower_outbound_auth::TokenSource;
///
/// fn for_another_api(source: TokenSource) -> OAuthGrant {
///     OAuthGrant::TokenExchange(TokenExchange::of(source))
/// }
/// # let _ = for_another_api;
/// ```
#[derive(Clone, Debug)]
pub struct TokenExchange {
    subject: (Credential, Cow<'static, str>),
    actor: Option<(Credential, Cow<'static, str>)>,
    requested: Option<Cow<'static, str>>,
}

impl TokenExchange {
    /// An exchange of this subject's token, an access token.
    pub fn of(subject: impl Into<Credential>) -> TokenExchange {
        TokenExchange {
            subject: (subject.into(), ACCESS_TOKEN.into()),
            actor: None,
            requested: None,
        }
    }

    /// The type of the subject's token. Default: `urn:ietf:params:oauth:token-type:access_token`.
    #[must_use]
    pub fn subject_type(mut self, name: impl Into<Cow<'static, str>>) -> TokenExchange {
        self.subject.1 = name.into();
        self
    }

    /// The token of the party that acts for the subject, and its type. Default: none.
    #[must_use]
    pub fn actor(
        mut self,
        token: impl Into<Credential>,
        token_type: impl Into<Cow<'static, str>>,
    ) -> TokenExchange {
        self.actor = Some((token.into(), token_type.into()));
        self
    }

    /// The type of the token that is wanted. Default: not sent, and the server decides.
    #[must_use]
    pub fn requested_type(mut self, name: impl Into<Cow<'static, str>>) -> TokenExchange {
        self.requested = Some(name.into());
        self
    }
}

#[cfg(feature = "oauth")]
impl OAuthGrant {
    /// (Feature `oauth`.) A connected app of Salesforce acts for a user. `login` is the login host:
    /// `https://login.salesforce.com`, `https://test.salesforce.com`, or that of your domain. The token endpoint is
    /// `{login}/services/oauth2/token`.
    ///
    /// The answer states no life, so the token is renewed after the source's
    /// [default](crate::token::SourceBuilder::default_lifetime) of 5 min, and after a 401. For the member `instance_url`, see
    /// [`OAuthBuilder::extra`](crate::system::OAuthBuilder::extra).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if a text is empty, or if the key is a value and is not usable.
    pub fn salesforce(
        key: JwtKey,
        consumer_key: &str,
        username: &str,
        login: &str,
    ) -> Result<OAuthGrant, Error> {
        given("consumer key", consumer_key)?;
        given("user name", username)?;
        given("login host", login)?;
        let claims = provider::salesforce(consumer_key, username, login);
        Ok(OAuthGrant::Signed(SelfSigned::of("salesforce", key, claims)?))
    }

    /// (Feature `oauth`.) DocuSign: an integration acts for a user. `host` is `account.docusign.com`, or
    /// `account-d.docusign.com` for developers, without `https://`. The token endpoint is `https://{host}/oauth/token`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if a text is empty, if the host has a slash, or if the key is a
    /// value and is not usable.
    pub fn docusign(
        key: JwtKey,
        integration_key: &str,
        user: &str,
        host: &str,
        scopes: &[&str],
    ) -> Result<OAuthGrant, Error> {
        given("integration key", integration_key)?;
        given("user", user)?;
        given("host", host)?;
        given("list of scopes", &scopes.concat())?;
        if host.contains('/') {
            let message =
                "the host of DocuSign has a slash: give `account.docusign.com`, without `https://`";
            return Err(Error::configuration(message));
        }
        let claims = provider::docusign(integration_key, user, host, scopes);
        Ok(OAuthGrant::Signed(SelfSigned::of("docusign", key, claims)?))
    }
}

impl OAuthGrant {
    pub(crate) fn name(&self) -> &str {
        match self {
            OAuthGrant::ClientCredentials => "client_credentials",
            OAuthGrant::Named(name) => name,
            OAuthGrant::JwtBearer(_) => JWT_BEARER,
            #[cfg(feature = "oauth")]
            OAuthGrant::Signed(_) => JWT_BEARER,
            OAuthGrant::TokenExchange(_) => TOKEN_EXCHANGE,
            #[cfg(feature = "store")]
            OAuthGrant::RefreshToken(_) => "refresh_token",
        }
    }

    /// Whether the server knows only by the client who asks.
    pub(crate) fn needs_a_client(&self) -> bool {
        matches!(self, OAuthGrant::ClientCredentials | OAuthGrant::Named(_))
    }

    pub(crate) fn is_token_exchange(&self) -> bool {
        matches!(self, OAuthGrant::TokenExchange(_))
    }

    /// The credential with the first refresh token of a login.
    pub(crate) fn seed(&self) -> Option<&Credential> {
        match self {
            #[cfg(feature = "store")]
            OAuthGrant::RefreshToken(seed) => Some(seed),
            _ => None,
        }
    }

    pub(crate) fn credentials(&self) -> Vec<Credential> {
        match self {
            OAuthGrant::ClientCredentials | OAuthGrant::Named(_) => Vec::new(),
            OAuthGrant::JwtBearer(assertion) => vec![assertion.clone()],
            #[cfg(feature = "oauth")]
            OAuthGrant::Signed(it) => {
                [std::slice::from_ref(it.credential()), Exchange::credentials(it)].concat()
            }
            OAuthGrant::TokenExchange(it) => {
                let actor = it.actor.iter().map(|(token, _)| token.clone());
                [it.subject.0.clone()].into_iter().chain(actor).collect()
            }
            #[cfg(feature = "store")]
            OAuthGrant::RefreshToken(seed) => vec![seed.clone()],
        }
    }

    /// The parameters of the grant, after `grant_type`.
    ///
    /// # Errors
    ///
    /// If a credential has no value.
    pub(crate) fn params(
        &self,
        cx: &RequestContext,
    ) -> Result<Vec<(&'static str, Secret)>, ExchangeError> {
        let text = |text: &Cow<'static, str>| Secret::from(&**text);
        match self {
            OAuthGrant::ClientCredentials | OAuthGrant::Named(_) => Ok(Vec::new()),
            OAuthGrant::JwtBearer(assertion) => Ok(vec![("assertion", cx.credential(assertion)?)]),
            #[cfg(feature = "oauth")]
            OAuthGrant::Signed(it) => Ok(vec![("assertion", cx.credential(it.credential())?)]),
            OAuthGrant::TokenExchange(it) => {
                let mut params = vec![
                    ("subject_token", cx.credential(&it.subject.0)?),
                    ("subject_token_type", text(&it.subject.1)),
                ];
                if let Some((actor, actor_type)) = &it.actor {
                    params.push(("actor_token", cx.credential(actor)?));
                    params.push(("actor_token_type", text(actor_type)));
                }
                params.extend(it.requested.iter().map(|it| ("requested_token_type", text(it))));
                Ok(params)
            }
            // The source gives the newest one. An exchange without a source has only the first one.
            #[cfg(feature = "store")]
            OAuthGrant::RefreshToken(seed) => {
                let newest = cx.refresh_token().cloned().map_or_else(|| cx.credential(seed), Ok);
                Ok(vec![("refresh_token", newest?)])
            }
        }
    }

    /// Adds the grant, and whom its token is about.
    pub(crate) fn identify(&self, identity: Identity) -> Identity {
        let identity = identity.with("grant_type", self.name());
        match self {
            OAuthGrant::ClientCredentials | OAuthGrant::Named(_) => identity,
            OAuthGrant::JwtBearer(assertion) => identity.with("subject", assertion.id()),
            #[cfg(feature = "oauth")]
            OAuthGrant::Signed(it) => it.identify(identity),
            OAuthGrant::TokenExchange(it) => {
                let types = format!("{} {:?}", it.subject.1, it.requested);
                let identity = identity.with("subject", it.subject.0.id()).with("types", types);
                match &it.actor {
                    Some((actor, actor_type)) => {
                        identity.with("actor", actor.id()).with("actor_type", &**actor_type)
                    }
                    None => identity,
                }
            }
            #[cfg(feature = "store")]
            OAuthGrant::RefreshToken(seed) if seed.is_value() => identity.with("subject", "value"),
            #[cfg(feature = "store")]
            OAuthGrant::RefreshToken(seed) => identity.with("subject", seed.id()),
        }
    }
}
