//! The public type of a source.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::error::recovery::Recovery;
use crate::error::{Error, ErrorKind};
use crate::exchange::chain::Chain;
use crate::scheme::presentation::Presentation;

use crate::token::machine::events::Complaint;
use crate::token::machine::status::Status;
use crate::token::options::SourceOptions;
use crate::token::published::AccessToken;
use crate::token::shared::Core;
use crate::token::waiting::Renewal;

/// Keeps one token and renews it on demand. See the [module](super) for its rules.
///
/// A clone is a handle to the same source; several layers may share one. A source is made by [`new`](TokenSource::new),
/// or with options by [`builder`](TokenSource::builder). Its options never change afterwards.
///
/// The type parameter is the presentation, which only [`presentation`](TokenSource::presentation) needs.
/// [`erased`](TokenSource::erased) makes a handle without it, so that a struct's field can have the type
/// `TokenSource`.
pub struct TokenSource<P: ?Sized = dyn Presentation> {
    core: Arc<Core>,
    presentation: Arc<P>,
}

impl TokenSource {
    pub(crate) fn of(core: Arc<Core>) -> TokenSource {
        let presentation = core.options.presentation.clone();
        TokenSource { core, presentation }
    }
}

impl<P: ?Sized> TokenSource<P> {
    pub(crate) fn built(options: SourceOptions, presentation: Arc<P>) -> TokenSource<P> {
        TokenSource { core: Arc::new(Core::new(options)), presentation }
    }
}

impl<P: Presentation + ?Sized> TokenSource<P> {
    /// A handle to the same source. Its type does not name the presentation, so it fits fields and arguments. If you
    /// only have a reference, use `source.clone().erased()`.
    #[must_use]
    pub fn erased(self) -> TokenSource {
        TokenSource::of(self.core)
    }

    /// A usable token: at once if there is one, else after the exchange that this call joins or starts.
    /// If no renewal is due, this takes no lock and needs no runtime.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Exchange`] if there is no usable token and the exchange failed (with the time of the
    /// next attempt); [`ErrorKind::Runtime`] outside a tokio runtime with a timer;
    /// [`ErrorKind::Reentrant`] within an exchange of this source; [`ErrorKind::Timeout`] if the runtime
    /// of the exchange does not run.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the exchange. Its token is kept for the next caller.
    pub async fn token(&self) -> Result<AccessToken, Error> {
        self.core.clone().acquire(Chain::current()).await
    }

    /// Reports that a server refused `token`, and waits for the next token.
    ///
    /// If a newer token is already current, returns it. Otherwise one exchange serves all callers who
    /// report this token. Other requests still use the token meanwhile, because a single server may be
    /// faulty. Renewals are limited: five in a row, then one every 30 s.
    ///
    /// Within the [settling time](crate::token::SourceBuilder::settling_time) of `token`, returns the same token after 1 s.
    ///
    /// A renewal by this call counts even if it helps, because the source does not learn whether the next token is
    /// accepted.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NoSuccessor`] if there is no newer token now, with the reason
    /// ([`Error::recovery`]); the refused token stays current. [`ErrorKind::Configuration`] if the
    /// token is of another source.
    ///
    /// # Cancel safety
    ///
    /// As for [`token`](TokenSource::token).
    pub async fn reject(&self, token: &AccessToken) -> Result<AccessToken, Error> {
        if !token.is_of(self.core.id) {
            return Err(Error::configuration("the rejected token is of another source"));
        }
        let (complaint, generation) = (Complaint::Refusal, token.generation());
        let renewal = self.core.clone().renew(complaint, generation, Chain::current()).await;
        let recovery = match &renewal {
            Renewal::Token { .. } => Recovery::Replayed,
            Renewal::HandOn(recovery) => *recovery,
        };
        self.core.tell_refusal(complaint, generation, Some(recovery));
        match renewal {
            Renewal::Token { token, .. } => Ok(token),
            Renewal::HandOn(recovery) => {
                let failure = self.core.last_failure();
                let (failed, pause) =
                    failure.filter(|_| recovery == Recovery::RenewalFailed).unzip();
                Err(Error::no_successor(recovery, failed, pause))
            }
        }
    }

    /// Waits for the first token, for the start of a service. A service that has been ready stays ready:
    /// a later failure of a renewal does not change the result.
    ///
    /// After a failed attempt, waits for the pause and tries again, until `deadline` has passed. If the credentials were
    /// refused before, this reads them again first, and uses a corrected one at once.
    ///
    /// # Errors
    ///
    /// The last attempt's error, when the deadline has passed, or at once if the error is not
    /// transient (refused credentials, say, or a credential that cannot be read). A 404, a redirect or a failed TLS
    /// handshake is transient, because it may pass. [`ErrorKind::Timeout`] if no attempt has ended.
    ///
    /// # Cancel safety
    ///
    /// As for [`token`](TokenSource::token).
    pub async fn warm_up(&self, deadline: Duration) -> Result<(), Error> {
        let mut last = None;
        let attempts = async {
            self.core.reload_refused().await;
            loop {
                match self.token().await {
                    Ok(_) => return Ok(()),
                    Err(error) if !error.is_transient() => return Err(error),
                    Err(error) => {
                        let pause = error.retry_after().unwrap_or_default();
                        last = Some(error);
                        self.core.sleep(pause.max(Duration::from_millis(10)))?.await;
                    }
                }
            }
        };
        // The first attempt is checked before the deadline, so that outside a runtime the error
        // says what is missing.
        let deadline = async {
            self.core.sleep(deadline)?.await;
            Ok::<_, Error>(())
        };
        match select(Box::pin(attempts), Box::pin(deadline)).await {
            Either::Left((ended, _)) => return ended,
            Either::Right((slept, _)) => slept?,
        }
        Err(last.unwrap_or_else(|| {
            Error::new(ErrorKind::Timeout, "no exchange came to an end before the deadline")
        }))
    }

    /// Ends the pause after a failure, so that the next request causes an exchange at once. For an
    /// operator who has just corrected something.
    pub fn retry_now(&self) {
        self.core.lift_pause();
    }

    /// Waits until no exchange is under way, for the end of a service: a token that is being issued
    /// is not lost. It waits no longer than the time limit of an exchange. It also returns if the
    /// runtime of the exchange does not run, or if this runtime has no timer.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn settled(&self) {
        self.core.settled().await;
    }

    /// The state of this source at this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        self.core.status()
    }

    /// How requests carry the tokens.
    #[must_use]
    pub fn presentation(&self) -> &P {
        &self.presentation
    }

    pub(crate) fn shared_presentation(&self) -> Arc<P> {
        self.presentation.clone()
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }
}

/// Not derived, because a derive would need `P: Clone`.
impl<P: ?Sized> Clone for TokenSource<P> {
    fn clone(&self) -> TokenSource<P> {
        TokenSource { core: self.core.clone(), presentation: self.presentation.clone() }
    }
}

impl<P: ?Sized> fmt::Debug for TokenSource<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource")
            .field("system", &self.core.system)
            .field("exchange_timeout", &self.core.options.exchange_timeout)
            .field("default_lifetime", &self.core.options.default_lifetime)
            .field("settling_time", &self.core.options.settling_time)
            .field("status", &self.core.status())
            .finish()
    }
}
