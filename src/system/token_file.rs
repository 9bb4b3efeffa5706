//! A bearer token in a file that a platform rewrites: a projected token of Kubernetes, the sink of a Vault agent, a JWT of
//! SPIFFE.
//!
//! [`AuthLayer::token_file`] makes the layer. Without requests, the file is not read. With requests:
//!
//! | when | what happens |
//! |---|---|
//! | a minute after the last look; at 80 to 90 % of the rest of a JWT's life, if that comes first | the next request starts a look in the background, and is sent with the token in use. (A request that [cannot be sent again](crate::replay) waits for it, 1 s at most) |
//! | in the last tenth of a JWT's life (30 s at most), and after its `exp` | requests wait for a look |
//! | the API refuses the token | one look; the request is sent again if the file has another token |
//!
//! So a file that nobody rewrites is read once a minute at most, and a few times more in the last 75 s of a JWT. This is no
//! failure, and nothing is logged above `DEBUG`. A token that is no JWT has no known end. Each look makes it usable for
//! another five minutes ([`default_lifetime`](crate::token::SourceBuilder::default_lifetime)). So after some minutes without
//! requests, the next request waits for a look, and is sent with the token that is in the file then.
//!
//! The file is read as [`Credential::file`] reads it: a rename, a new symbolic link, and a file that is written in parts are
//! handled. If it is missing, empty or unreadable later, the last token stays in use.
//!
//! ```
//! use tower_outbound_auth::AuthLayer;
//!
//! let auth = AuthLayer::token_file("/var/run/secrets/tokens/billing", "https://billing.example")?;
//! assert_eq!(auth.source().status().counters.exchanges(), 0); // the file need not be there yet
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::auth::layer::AuthLayer;
use crate::clock::age_of;
use crate::credential::Credential;
use crate::credential::error::CredentialError;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::exchange::context::ExchangeContext;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::exchange::identity::{FILE, Identity};
use crate::exchange::issued::Issued;
use crate::origin::Origin;
use crate::scheme::jwt::Claims;
use crate::system::header::HeaderScheme;
use crate::token::source::TokenSource;

/// The time between two looks. A platform rewrites a token some minutes before its end, and a look costs a request nothing.
const LOOK_EVERY: Duration = Duration::from_secs(60);

impl AuthLayer<HeaderScheme> {
    /// A bearer token in the file `path`, which a platform rewrites, for an API at the origin `api`: `Authorization: Bearer
    /// <token>`.
    ///
    /// The file is read when a request needs the token, and again at most once a minute, in the background. It need not be
    /// there yet. If a JWT has an `exp`, the token is not sent after that moment by this machine's clock. For more origins,
    /// use [`with_origin`](AuthLayer::with_origin).
    ///
    /// A file that is missing, empty or unreadable fails the requests only if there is no usable token. The error names the
    /// file, its kind is [`Unavailable`](ExchangeErrorKind::Unavailable), or [`Expired`](ExchangeErrorKind::Expired) for a JWT
    /// after its `exp`. The file is then looked at again with the usual pauses. So
    /// [`warm_up`](TokenSource::warm_up) waits for a file that is still to be written.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use tower::{Layer, ServiceExt, service_fn};
    /// use tower_outbound_auth::{AuthLayer, BoxError};
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// # let path = std::env::temp_dir().join(format!("token_file-doc-{}", std::process::id()));
    /// std::fs::write(&path, "abc\n")?;
    /// let auth = AuthLayer::token_file(&path, "https://api.example")?;
    /// let api = auth.layer(service_fn(|request: Request<Full<Bytes>>| async move {
    ///     assert_eq!(request.headers()["authorization"], "Bearer abc");
    ///     Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    /// }));
    /// api.oneshot(Request::get("https://api.example/pods").body(Full::default())?).await?;
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<_, BoxError>(()) })?;
    /// # Ok::<_, BoxError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): the path is empty; the origin is no URL, or neither https
    /// nor a literal loopback address.
    pub fn token_file<O>(path: impl Into<PathBuf>, api: O) -> Result<AuthLayer<HeaderScheme>, Error>
    where
        O: TryInto<Origin>,
        Error: From<O::Error>,
    {
        let api = api.try_into()?;
        Ok(AuthLayer::new(token_file_source(path.into())?).with_origin(api))
    }
}

/// # Errors
///
/// If the path is empty.
pub(crate) fn token_file_source(path: PathBuf) -> Result<TokenSource<HeaderScheme>, Error> {
    match path.as_os_str().is_empty() {
        true => Err(Error::configuration("the path of the token file is empty")),
        false => Ok(TokenSource::new(HeaderScheme::bearer(), TokenFile::new(path))),
    }
}

/// Reads the token. The file is not among the exchange's credentials: a credential that cannot be read is an error of the
/// set-up, and a token that is not there yet is none.
struct TokenFile {
    path: PathBuf,
    file: Credential,
}

impl TokenFile {
    fn new(path: PathBuf) -> TokenFile {
        TokenFile { file: Credential::file(&path), path }
    }

    /// The error for a token whose `exp` passed this long ago.
    async fn expired(&self, since: Duration) -> ExchangeError {
        let path = self.path.clone();
        let file = tokio::task::spawn_blocking(move || state_of(&path)).await;
        let file = file.unwrap_or_else(|_| "the runtime is ending".to_owned());
        let message = format!(
            "the token in the file expired {} s ago, and {file}: check the program that writes the file, and the \
             clock of this machine",
            since.as_secs(),
        );
        ExchangeError::new(ExchangeErrorKind::Expired, message)
    }
}

impl Exchange for TokenFile {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        let token = self.file.read_again(cx.clock()).await.map_err(unreadable)?.secret;
        let exp = Claims::of(token.expose()).times.exp;
        let issued = Issued::new(token).with_refresh_after(LOOK_EVERY);
        let Some(exp) = exp else { return Ok(issued) };
        let now = cx.now().since_epoch();
        if exp <= now {
            return Err(self.expired(now - exp).await);
        }
        // The token may have been issued long ago, so `exp` minus `iat` is not the rest of its life. Our clock decides, as
        // if it were the issuer's: no answer with a `Date` confirms it.
        Ok(issued.with_expires_at(UNIX_EPOCH + exp).answered(Some(now), Duration::ZERO))
    }

    fn identity(&self) -> Identity {
        Identity::new("token_file").with(FILE, self.path.display().to_string())
    }
}

/// The file may be written later, so the next attempt may succeed without any change.
fn unreadable(error: CredentialError) -> ExchangeError {
    let message = format!("{error}: check the path, and the program that writes the file");
    match ExchangeError::from(error).kind() {
        ExchangeErrorKind::Configuration => {
            ExchangeError::new(ExchangeErrorKind::Unavailable, message)
        }
        other => ExchangeError::new(other, message),
    }
}

/// What a person should know about the file of an old token. This may block.
fn state_of(path: &Path) -> String {
    let file = match std::fs::metadata(path) {
        Ok(file) if file.len() == 0 => return "the file is empty now".to_owned(),
        Ok(file) => file,
        Err(error) => return format!("the file cannot be read now: {error}"),
    };
    match file.modified().ok().and_then(age_of) {
        Some(age) => format!("the file was changed {} s ago", age.as_secs()),
        None => "the time of the file is in the future".to_owned(),
    }
}
