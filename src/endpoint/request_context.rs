//! What a grant knows about the request that it builds.

use std::sync::Arc;

use crate::clock::{Clock, Now};
use crate::credential::Credential;
use crate::credential::shown::Shown;
use crate::endpoint::answer::ExchangeAnswer;
use crate::exchange::context::{ExchangeContext, Reason};
use crate::exchange::error::ExchangeError;
use crate::secret::Secret;

/// What a [`Grant`](super::Grant) knows about the request that it builds.
///
/// ```
/// use tower_outbound_auth::exchange::Reason;
/// use tower_outbound_auth::testkit::request_context;
/// use tower_outbound_auth::Credential;
///
/// let cx = request_context(Reason::First);
/// assert_eq!(cx.reason(), Reason::First);
/// assert!(cx.step().is_none() && cx.refresh_token().is_none());
/// assert_eq!(cx.credential(&Credential::from("hunter2"))?.expose(), "hunter2");
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
#[derive(Debug)]
pub struct RequestContext {
    clock: Arc<dyn Clock>,
    reason: Reason,
    refresh_token: Option<Secret>,
    shown: Shown,
    asked: Option<(&'static str, ExchangeAnswer)>,
}

impl RequestContext {
    /// For the first request of this exchange.
    pub(crate) fn first(cx: &ExchangeContext, shown: Shown) -> RequestContext {
        let refresh_token = cx.refresh_token().cloned();
        RequestContext {
            clock: cx.shared_clock(),
            reason: cx.reason(),
            refresh_token,
            shown,
            asked: None,
        }
    }

    /// Sets the value of a credential. Only tests of a grant need this: an exchange sets it.
    #[must_use]
    pub fn with_credential(
        self,
        credential: &Credential,
        value: impl Into<Secret>,
    ) -> RequestContext {
        RequestContext { shown: self.shown.with(credential, value.into()), ..self }
    }

    /// Sets the step and the answer that asked for it. Only tests of a grant need this: an exchange sets them.
    #[must_use]
    pub fn asked_for(self, step: &'static str, by: ExchangeAnswer) -> RequestContext {
        RequestContext { asked: Some((step, by)), ..self }
    }

    /// The reason for the exchange.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The refresh token that the last exchange brought; see [`ExchangeContext::refresh_token`].
    #[must_use]
    pub fn refresh_token(&self) -> Option<&Secret> {
        self.refresh_token.as_ref()
    }

    /// The time by the source's clock.
    #[must_use]
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// The value of a credential for this request. A [minted](Credential::minted) credential has another value for each
    /// request; any other one has the value that was read for this exchange.
    ///
    /// # Errors
    ///
    /// [`Configuration`](crate::exchange::ExchangeErrorKind::Configuration) if the credential has no value,
    /// because it is not among the scheme's [`credentials`](super::Grant::credentials).
    pub fn credential(&self, credential: &Credential) -> Result<Secret, ExchangeError> {
        Ok(self.shown.value(credential)?)
    }

    /// The name that [`Step::Again`](super::Step::Again) gave to this request. None for the first
    /// request of the exchange.
    #[must_use]
    pub fn step(&self) -> Option<&'static str> {
        self.asked.as_ref().map(|(step, _)| *step)
    }

    /// The answer that made the scheme return [`Step::Again`](super::Step::Again), such as a challenge.
    /// None for the first request of the exchange.
    #[must_use]
    pub fn answer(&self) -> Option<&ExchangeAnswer> {
        self.asked.as_ref().map(|(_, answer)| answer)
    }
}
