//! What a source holds, in one sentence: for the start of a service.

use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::scheme::presentation::Presentation;
use crate::token::source::TokenSource;

/// The token that a source holds; made by [`TokenSource::probe`]. Nothing in it is secret. `Display` is one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probe {
    /// The name of the system, from the [identity](crate::exchange::Identity) of the exchange.
    pub system: &'static str,
    /// The rest of the token's lifetime; `None` if the token does not expire.
    pub expires_in: Option<Duration>,
    /// Whether the endpoint or the token states the lifetime. If not, it is the source's
    /// [default](crate::token::SourceBuilder::default_lifetime). True for a fixed token.
    pub lifetime_is_stated: bool,
    /// What the endpoint calls the token, in lower case (`token_type`, RFC 6749 section 7.1); `None` if it does not say.
    pub token_type: Option<String>,
    /// The granted scope, if a scope was asked for and another one was granted (RFC 6749 section 3.3).
    pub granted_scope: Option<String>,
    /// Whether a refresh token is kept for the next exchange. While an exchange uses it, it is not kept.
    pub is_refreshable: bool,
}

impl<P: Presentation + ?Sized> TokenSource<P> {
    /// Obtains a token and says what came: for the start of a service, and for a command that checks a configuration.
    ///
    /// This makes one exchange, or none if there is a usable token already. It does not repeat an exchange that fails;
    /// [`warm_up`](TokenSource::warm_up) does. The token is kept, so the first request uses it. If the credentials were
    /// refused before, this reads them again first, and uses a corrected one at once.
    ///
    /// During a pause after a failure, it makes no exchange, and returns the error of that failure, unless the credentials have
    /// changed. After a correction at the provider, call [`retry_now`](TokenSource::retry_now) first.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_outbound_auth::system::HeaderScheme;
    /// use tower_outbound_auth::{TokenSource, exchange};
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let login = exchange::from_fn(|| async {
    ///     Ok(exchange::Issued::new("abc").with_expires_in(Duration::from_secs(3600)).with_token_type("Bearer"))
    /// });
    /// let source = TokenSource::new(HeaderScheme::bearer(), login);
    /// let probe = source.probe().await?;
    /// println!("{probe}"); // exchange: a token of type bearer, which expires in 3600 s; no refresh token
    /// assert!(probe.lifetime_is_stated && !probe.is_refreshable);
    /// # Ok::<_, tower_outbound_auth::Error>(()) })?;
    /// # Ok::<_, tower_outbound_auth::BoxError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`token`](TokenSource::token). The text names the system and says what to do.
    ///
    /// # Cancel safety
    ///
    /// As for [`token`](TokenSource::token).
    pub async fn probe(&self) -> Result<Probe, Error> {
        self.core().reload_refused().await;
        let waited_for = self.token().await?;
        let core = self.core();
        let locked = core.lock();
        // Another token may be current by now. Under the lock, it and the facts below belong together.
        let token = core.cell.latest().unwrap_or(waited_for);
        let (lifetime_is_stated, is_refreshable) = locked.machine.provenance();
        let granted_scope = locked.granted_scope.as_deref().map(str::to_owned);
        drop(locked);
        Ok(Probe {
            system: core.system,
            expires_in: token.expires_at().is_some().then(|| token.left(core.now())),
            lifetime_is_stated,
            token_type: token.presented().token_type.as_deref().map(str::to_owned),
            granted_scope,
            is_refreshable: is_refreshable || core.kept.has_refresh_token(),
        })
    }
}

/// One sentence, without a full stop: for a log line.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: a token", self.system)?;
        if let Some(token_type) = &self.token_type {
            write!(f, " of type {token_type}")?;
        }
        match self.expires_in.map(|it| it.as_secs_f64().round()) {
            Some(seconds) if self.lifetime_is_stated => {
                write!(f, ", which expires in {seconds} s")?;
            }
            Some(seconds) => {
                write!(f, ", which states no lifetime and is assumed to expire in {seconds} s")?;
            }
            None => f.write_str(", which does not expire")?,
        }
        if let Some(scope) = &self.granted_scope {
            write!(f, "; its scope is `{scope}`")?;
        }
        f.write_str(if self.is_refreshable {
            "; with a refresh token"
        } else {
            "; no refresh token"
        })
    }
}
