//! A Google service account: a JWT that its key signs, for an access token (RFC 7523 section 2.1).
//!
//! ```
//! use tower_outbound_auth::Credential;
//! use tower_outbound_auth::system::GoogleServiceAccount;
//!
//! let file = Credential::file("/var/run/secrets/google/key.json");
//! let account = GoogleServiceAccount::new(file, ["https://www.googleapis.com/auth/pubsub"])?
//!     .with_subject("ann@company.example")?;
//! assert_eq!(account.endpoint().to_string(), "https://oauth2.googleapis.com/token");
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```

use std::fmt;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use serde::Deserialize;

use crate::credential::{Credential, Values};
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::grant::Grant;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::request_context::RequestContext;
use crate::endpoint::step::Step;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::exchange::identity::{FILE, Identity};
use crate::scheme::presentation::Presentation;
use crate::scheme::value::InvalidToken;
use crate::secret::Secret;
use crate::system::oauth::builder::is_scope;
use crate::system::oauth::grant::OAuthGrant;
use crate::system::oauth::key::assertion::Assertion;
use crate::system::oauth::key::jwt_key::JwtKey;
use crate::system::oauth::key::provider_claims::google_jwt_bearer;
use crate::system::oauth::system::OAuth;
use crate::system::self_signed::given;

const GOOGLE: &str = "googleapis.com";

/// A Google service account, by the JSON file of its key.
///
/// - Exchange: the JWT bearer grant of [`OAuth`]. The JWT has the `client_email` as `iss`, the `private_key_id` as `kid`, the
///   scopes, and a life of an hour. Its `aud` is `https://oauth2.googleapis.com/token`, whatever the file says: so do Google's
///   libraries.
/// - API: `Authorization: Bearer <token>`.
/// - The file is read before each exchange, so a new key in it is used at the next exchange. It need not be there when the layer
///   is made. If it is not usable, the exchange fails with [`Configuration`](crate::exchange::ExchangeErrorKind::Configuration),
///   and the last token is used until it ends.
/// - The request goes to the `token_uri` of the file, if its host is `googleapis.com` or below it. Otherwise nothing is sent:
///   who can write the file could collect the account's JWTs.
///
/// `AuthLayer::google_service_account` (feature `client`) makes the layer. For a token that needs no request, see
/// [`SelfSigned::google`](crate::system::SelfSigned::google).
pub struct GoogleServiceAccount {
    oauth: OAuth,
    file: Credential,
    asked: Asked,
    /// The caller's endpoint, in place of that of the file.
    endpoint: Option<TokenEndpoint>,
    universe: String,
}

/// What the tokens are for.
#[derive(Clone, Debug)]
struct Asked {
    /// Separated by blanks.
    scopes: String,
    subject: Option<String>,
}

/// The file of an account, apart from its key.
struct Account {
    email: String,
    token_uri: Option<String>,
}

impl GoogleServiceAccount {
    /// The account of this key file, as it is: a [`Credential::file`], or the text itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if there is no scope, if a scope has a blank, a quotation
    /// mark, a backslash or a character that is not ASCII, or if the file is given as a text and is not usable.
    pub fn new<S: Into<String>>(
        file: impl Into<Credential>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<GoogleServiceAccount, Error> {
        let scopes: Vec<String> = scopes.into_iter().map(Into::into).collect();
        if let Some(wrong) = scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(Error::configuration(format!(
                "the scope {wrong:?} has a blank, a quotation mark, a backslash or a character that is not ASCII: give the \
                 scopes one by one"
            )));
        }
        given("list of scopes", &scopes.concat())?;
        let asked = Asked { scopes: scopes.join(" "), subject: None };
        let universe = GOOGLE.to_owned();
        GoogleServiceAccount::of(file.into(), asked, None, universe)
    }

    /// The user for whom the account acts, by an address. A domain must have allowed that ("domain-wide delegation").
    /// Default: none, and the account acts for itself.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the address is empty.
    pub fn with_subject(self, user: impl Into<String>) -> Result<GoogleServiceAccount, Error> {
        let subject = user.into();
        given("subject", &subject)?;
        let asked = Asked { subject: Some(subject), ..self.asked };
        GoogleServiceAccount::of(self.file, asked, self.endpoint, self.universe)
    }

    /// The domain of another universe (a cloud that Google runs for somebody else). The `token_uri` of the file must be below it,
    /// in place of `googleapis.com`. The `universe_domain` of the file does not count.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it is no domain of two labels or more, or if the file is
    /// given as a text and names another endpoint.
    pub fn with_universe(self, domain: impl Into<String>) -> Result<GoogleServiceAccount, Error> {
        let universe = domain.into().to_ascii_lowercase();
        let is_label = |label: &str| {
            !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if !universe.contains('.') || !universe.split('.').all(is_label) {
            return Err(Error::configuration(
                "the universe is no domain, such as `example-universe.goog`",
            ));
        }
        GoogleServiceAccount::of(self.file, self.asked, self.endpoint, universe)
    }

    /// Asks this endpoint, whatever the file says: an emulator, or a proxy of your own.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if it is no safe URL.
    pub fn with_token_endpoint<E>(self, endpoint: E) -> Result<GoogleServiceAccount, Error>
    where
        E: TryInto<TokenEndpoint>,
        Error: From<E::Error>,
    {
        let endpoint = endpoint.try_into()?;
        GoogleServiceAccount::of(self.file, self.asked, Some(endpoint), self.universe)
    }

    /// The token endpoint: the one of [`with_token_endpoint`](GoogleServiceAccount::with_token_endpoint), else Google's. The
    /// file may name another one below the same domain.
    #[must_use]
    pub fn endpoint(&self) -> &TokenEndpoint {
        self.oauth.endpoint()
    }

    fn of(
        file: Credential,
        asked: Asked,
        endpoint: Option<TokenEndpoint>,
        universe: String,
    ) -> Result<GoogleServiceAccount, Error> {
        let key = JwtKey::new(file.clone());
        key.check()?;
        let assertion = assertion(&file, key, &asked);
        let default = || TokenEndpoint::parse(&format!("https://oauth2.{universe}/token"));
        let at = endpoint.clone().map_or_else(default, Ok)?;
        let grant = OAuthGrant::JwtBearer(assertion);
        let mut oauth = OAuth::builder(at).grant(grant).build()?;
        oauth.credentials.push(file.clone());
        let account = GoogleServiceAccount { oauth, file, asked, endpoint, universe };
        if account.file.is_value() {
            let text = account.file.current()?;
            account.url(&text).map_err(|error| Error::configuration(error.to_string()))?;
        }
        Ok(account)
    }

    /// Where the request goes.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or names an endpoint that is not below the universe.
    fn url(&self, text: &Secret) -> Result<TokenEndpoint, ExchangeError> {
        let account = Account::read(text, &self.file)?;
        let token_uri = account.token_uri.filter(|_| self.endpoint.is_none());
        let Some(token_uri) = token_uri else { return Ok(self.endpoint().clone()) };
        let universe = &self.universe;
        match TokenEndpoint::parse(&token_uri) {
            Ok(endpoint) if is_below(&endpoint, universe) => Ok(endpoint),
            Ok(endpoint) => Err(wrong(
                &self.file,
                &format!(
                    "the `token_uri` leads to {}, which is not below {universe}. Who wrote it there would get the account's JWT, \
                     so nothing was sent: take the file as Google made it, or name the universe with `with_universe`",
                    endpoint.origin()
                ),
            )),
            Err(_) => Err(wrong(
                &self.file,
                "the `token_uri` is no https URL: take the file as Google made it",
            )),
        }
    }
}

/// A JWT for each request, by the file as it is then.
fn assertion(file: &Credential, key: JwtKey, asked: &Asked) -> Credential {
    let (file, asked) = (file.clone(), Arc::new(asked.clone()));
    Assertion::minted(move |values: Values<'_>| {
        let account = Account::read(&values(&file)?, &file)?;
        let claims = google_jwt_bearer(&account.email, &asked.scopes, asked.subject.as_deref());
        Ok(Assertion::signed_by(key.clone(), claims))
    })
}

impl Account {
    fn read(text: &Secret, file: &Credential) -> Result<Account, ExchangeError> {
        #[derive(Deserialize)]
        struct File {
            r#type: Option<String>,
            client_email: Option<String>,
            token_uri: Option<String>,
        }
        // serde's own errors would quote the text.
        let text = text.expose().trim_start_matches('\u{feff}');
        let read: File = serde_json::from_str(text).map_err(|_| {
            let is_path =
                if file.is_value() { "; for its path, use `Credential::file`" } else { "" };
            wrong(
                file,
                &format!(
                    "it is no JSON file of a service account: give it as Google made it{is_path}"
                ),
            )
        })?;
        if read.r#type.is_some_and(|it| it != "service_account") {
            return Err(wrong(
                file,
                "its `type` is not `service_account`: make a key of a service account",
            ));
        }
        match read.client_email.filter(|email| !email.is_empty()) {
            Some(email) => Ok(Account { email, token_uri: read.token_uri }),
            None => Err(wrong(file, "it has no `client_email`: give the file as Google made it")),
        }
    }
}

fn wrong(file: &Credential, why: &str) -> ExchangeError {
    let message = format!("the key file of the service account ({file}) cannot be used: {why}");
    ExchangeError::new(ExchangeErrorKind::Configuration, message)
}

/// Whether the host is this domain or below it. (An endpoint is https, except on a loopback address.)
fn is_below(endpoint: &TokenEndpoint, domain: &str) -> bool {
    let host = endpoint.uri().host().unwrap_or_default().to_ascii_lowercase();
    host.strip_suffix(domain).is_some_and(|it| it.is_empty() || it.ends_with('.'))
}

impl Grant for GoogleServiceAccount {
    fn identity(&self) -> Identity {
        let mut scopes: Vec<_> = self.asked.scopes.split(' ').collect();
        scopes.sort_unstable(); // a scope is a set (RFC 6749 section 3.3)
        let identity = Identity::new("google_service_account")
            .with("endpoint", self.endpoint().uri().to_string())
            .with("scope", scopes.join(" "));
        let subject = self.asked.subject.iter();
        let identity = subject.fold(identity, |it, subject| it.with("subject", subject.clone()));
        let known = self.file.current().ok().filter(|_| self.file.is_value());
        match known.and_then(|text| Account::read(&text, &self.file).ok()) {
            Some(account) => identity.with("client", account.email),
            None => identity.with(FILE, self.file.id()),
        }
    }

    fn credentials(&self) -> &[Credential] {
        &self.oauth.credentials
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let endpoint = self.url(&cx.credential(&self.file)?)?;
        let request = Grant::request(&self.oauth, cx)?;
        let (name, mut request) = (request.name(), request.into_http());
        *request.uri_mut() = endpoint.uri().clone();
        Ok(ExchangeRequest::new(request).named(name))
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        self.oauth.read(answer)
    }
}

impl Presentation for GoogleServiceAccount {
    fn header_name(&self) -> &HeaderName {
        self.oauth.header_name()
    }

    fn header_value(
        &self,
        token: &Secret,
        token_type: Option<&str>,
    ) -> Result<HeaderValue, InvalidToken> {
        self.oauth.header_value(token, token_type)
    }
}

/// The place of the file, and what is asked for.
impl fmt::Debug for GoogleServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleServiceAccount")
            .field("endpoint", self.endpoint())
            .field("file", &self.file)
            .field("scopes", &self.asked.scopes)
            .finish_non_exhaustive()
    }
}
