//! Tokens that are signed here, without a request: the API knows the public half of the key.
//!
//! A [`SelfSigned`] is an [`Exchange`], so a source signs the next token ahead of the end of the last one, once for all
//! requests. A key that is rotated on disk signs the next token.
//!
//! ```
//! use tower_outbound_auth::system::{JwtKey, SelfSigned};
//! use tower_outbound_auth::{AuthLayer, Credential, Origin};
//!
//! let key = JwtKey::new(Credential::file("/run/secrets/AuthKey.p8")).with_key_id("2X9R4HXF34");
//! let tokens = SelfSigned::app_store_connect(key, "57246542-96fe-1a63-e053-0824d011072a")?;
//! let auth = AuthLayer::new(tokens.source())
//!     .with_origin(Origin::parse("https://api.appstoreconnect.apple.com")?);
//! assert_eq!(auth.source().status().counters.exchanges(), 0);
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```

use std::fmt;
use std::time::Duration;

use crate::credential::Credential;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::exchange::context::ExchangeContext;
use crate::exchange::error::ExchangeError;
use crate::exchange::identity::{FILE, Identity};
use crate::exchange::issued::Issued;
use crate::system::header::HeaderScheme;
use crate::system::oauth::key::assertion::Assertion;
use crate::system::oauth::key::claims::ClaimSet;
use crate::system::oauth::key::jwt_key::JwtKey;
use crate::system::oauth::key::provider_claims as provider;
use crate::token::source::TokenSource;

/// The longest life of a token of [`SelfSigned::new`].
const LONGEST_LIFE: Duration = Duration::from_secs(86_400);

/// A JWT that a private key of this service signs: a token by itself, or the assertion of an
/// [`OAuthGrant`](crate::system::OAuthGrant).
///
/// As a token, it is an [`Exchange`] without a request:
///
/// - The token lives from `iat` to `exp`, by the clock of this machine.
/// - After a 401, one more token is signed, and the request is sent again. A second 401 goes to the caller. The usual cause is
///   a wrong clock (see [`ClockDifference`](crate::ClockDifference)), or a public key that the API does not know. (RS256 and EdDSA sign the same claims to the same token. So
///   without `jti`, there is another token only in the next second, and the first 401 may go to the caller.)
/// - The key is read before each signature. If it is rotated, the next token has the new key. If there is no usable key, the
///   exchange fails with [`Configuration`](crate::exchange::ExchangeErrorKind::Configuration), and the last token is used until
///   it ends.
///
/// Some APIs want a second header, which is always the same. A layer of `tower_http` below this one sets it:
///
/// ```
/// use http::{HeaderName, HeaderValue};
/// use tower::ServiceBuilder;
/// use tower_http::set_header::SetRequestHeaderLayer;
/// use tower_outbound_auth::system::{JwtKey, SelfSigned};
/// use tower_outbound_auth::{AuthLayer, Credential, Origin};
///
/// let key = JwtKey::new(Credential::file("/run/secrets/snowflake.p8"));
/// let auth = AuthLayer::new(SelfSigned::snowflake(key, "myorg-account1", "reports")?.source())
///     .with_origin(Origin::parse("https://myorg-account1.snowflakecomputing.com")?);
/// let token_type = SetRequestHeaderLayer::overriding(
///     HeaderName::from_static("x-snowflake-authorization-token-type"),
///     HeaderValue::from_static("KEYPAIR_JWT"),
/// );
/// let stack = ServiceBuilder::new().layer(auth).layer(token_type);
/// # let _ = stack;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct SelfSigned {
    system: &'static str,
    key: JwtKey,
    assertion: Assertion,
    /// The assertion as a credential of a grant.
    credential: Credential,
}

impl SelfSigned {
    /// Tokens of any API: `iss`, `iat`, `exp`, a random `jti`, and the claims that you
    /// [add](SelfSigned::with_claim). The header has `typ` (`JWT`), `alg`, and `kid` if the key has one.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_outbound_auth::Credential;
    /// use tower_outbound_auth::system::{JwtKey, SelfSigned};
    ///
    /// let key = JwtKey::new(Credential::file("/run/secrets/billing.pem"));
    /// let tokens = SelfSigned::new(key, "billing", Duration::from_secs(300))?
    ///     .with_claim("sub", "billing")?
    ///     .with_claim("aud", "https://ledger.example")?;
    /// assert!(tokens.with_claim("aud", "https://other.example").is_err());
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the issuer is empty, if the life is not between 10 s and a
    /// day, or if the key is a value and is not usable.
    pub fn new(
        key: JwtKey,
        issuer: impl Into<String>,
        life: Duration,
    ) -> Result<SelfSigned, Error> {
        let issuer = issuer.into();
        if !(Duration::from_secs(10)..=LONGEST_LIFE).contains(&life) {
            return Err(Error::configuration(
                "the life of a token that is signed here is not between 10 s and a day",
            ));
        }
        given("issuer", &issuer)?;
        SelfSigned::of("self_signed", key, provider::plain(&issuer, life.as_secs()))
    }

    /// Adds a claim whose value is a text, such as `sub`, `aud` or `scope`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the token has this claim already.
    pub fn with_claim(
        self,
        name: &'static str,
        value: impl Into<String>,
    ) -> Result<SelfSigned, Error> {
        SelfSigned::of(
            self.system,
            self.key,
            self.assertion.claims().clone().with_claim(name, value)?,
        )
    }

    /// A Google service account's own token for one API. `audience` is `https://SERVICE/`, such as
    /// `https://pubsub.googleapis.com/`. The life is an hour.
    ///
    /// `key` is the account's file as a whole ([`JwtKey`] reads it), or its `private_key`
    /// [with](JwtKey::with_key_id) its `private_key_id`. `email` is its `client_email`. For a user for whom the account acts, use
    /// [`GoogleServiceAccount`](crate::system::GoogleServiceAccount).
    ///
    /// # Errors
    ///
    /// As for [`new`](SelfSigned::new). Also if the audience is empty.
    pub fn google(key: JwtKey, email: &str, audience: &str) -> Result<SelfSigned, Error> {
        given("email", email)?;
        given("audience", audience)?;
        SelfSigned::of("google", key, provider::google_self_signed_audience(email, audience))
    }

    /// As [`google`](SelfSigned::google), for scopes in place of an audience. Google accepts one of them and never both.
    ///
    /// # Errors
    ///
    /// As for [`new`](SelfSigned::new). Also if there is no scope.
    pub fn google_with_scopes(
        key: JwtKey,
        email: &str,
        scopes: &[&str],
    ) -> Result<SelfSigned, Error> {
        given("email", email)?;
        given("list of scopes", &scopes.concat())?;
        SelfSigned::of("google", key, provider::google_self_signed_scope(email, scopes))
    }

    /// Snowflake's key-pair authentication. The life is 59 minutes, as in Snowflake's samples. Requests also need the header
    /// `X-Snowflake-Authorization-Token-Type: KEYPAIR_JWT`: see [`SelfSigned`].
    ///
    /// The account may have its region (`xy12345.us-east-1`), and lower case. Snowflake wants it in upper case and without the
    /// region, and the crate writes it so.
    ///
    /// # Errors
    ///
    /// As for [`new`](SelfSigned::new). Also if the account or the user is empty.
    pub fn snowflake(key: JwtKey, account: &str, user: &str) -> Result<SelfSigned, Error> {
        given("account", account)?;
        given("user", user)?;
        SelfSigned::of("snowflake", key, provider::snowflake(account, user))
    }

    /// Apple's App Store Connect. The life is 19 minutes, because Apple accepts 20. The key needs its id
    /// ([`JwtKey::with_key_id`]).
    ///
    /// # Errors
    ///
    /// As for [`new`](SelfSigned::new).
    pub fn app_store_connect(key: JwtKey, issuer_id: &str) -> Result<SelfSigned, Error> {
        given("issuer id", issuer_id)?;
        SelfSigned::of("app_store_connect", key, provider::app_store_connect(issuer_id))
    }

    /// A GitHub App as itself, for the few paths below `/app` that want it. For everything else, use
    /// [`GithubApp`](crate::system::GithubApp). `app` is the client id or the app id.
    ///
    /// `iat` is a minute in the past, as GitHub advises, and `exp` is nine minutes ahead.
    ///
    /// # Errors
    ///
    /// As for [`new`](SelfSigned::new).
    pub fn github_app(key: JwtKey, app: &str) -> Result<SelfSigned, Error> {
        given("app id", app)?;
        SelfSigned::of("github_app", key, provider::github_app(app))
    }

    /// Tokens with these claims.
    pub(crate) fn of(
        system: &'static str,
        key: JwtKey,
        claims: ClaimSet,
    ) -> Result<SelfSigned, Error> {
        key.check()?;
        let assertion = Assertion::signed_by(key.clone(), claims);
        let credential = assertion.credential();
        Ok(SelfSigned { system, key, assertion, credential })
    }

    /// A source of these tokens, which requests carry as `Authorization: Bearer <token>`. For another header, or with options:
    /// [`TokenSource::builder`].
    #[must_use]
    pub fn source(self) -> TokenSource<HeaderScheme> {
        TokenSource::new(HeaderScheme::bearer(), self)
    }

    /// The assertion, with another value for each request.
    pub(crate) fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Adds what the tokens depend on.
    pub(crate) fn identify(&self, identity: Identity) -> Identity {
        let identity = self.assertion.claims().identify(identity);
        let key = self.key.credentials().iter().filter(|it| !it.is_value());
        key.fold(identity, |identity, key| identity.with(FILE, key.id()))
    }
}

/// # Errors
///
/// If the text is empty.
pub(crate) fn given(what: &str, text: &str) -> Result<(), Error> {
    match text.trim().is_empty() {
        true => Err(Error::configuration(format!("the {what} is empty"))),
        false => Ok(()),
    }
}

impl Exchange for SelfSigned {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        cx.begin_life();
        let (now, shown) = (cx.now(), cx.shown());
        let token = self.assertion.make(now, &|credential| shown.value(credential)).await?;
        Ok(Issued::new(token).with_expires_in(self.assertion.claims().left(now)))
    }

    fn identity(&self) -> Identity {
        self.identify(Identity::new(self.system))
    }

    fn credentials(&self) -> &[Credential] {
        self.assertion.credentials()
    }
}

/// The system and the place of the key.
impl fmt::Debug for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelfSigned")
            .field("system", &self.system)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
