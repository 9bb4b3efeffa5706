//! What a grant knows about the request that it builds.

use std::sync::Arc;

use crate::clock::{Clock, Now};
use crate::credential::Credential;
use crate::credential::shown::Shown;
use crate::endpoint::answer::ExchangeAnswer;
use crate::exchange::bound_key::BoundKey;
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
    is_kept: bool,
    bound_key: Option<BoundKey>,
    /// Requests were sent before in the same exchange, by another part of it.
    is_further_part: bool,
    shown: Shown,
    /// The answers so far, each with the step that it asked for.
    asked: Vec<(&'static str, ExchangeAnswer)>,
}

impl RequestContext {
    /// For the first request of this exchange.
    pub(crate) fn first(cx: &ExchangeContext, shown: Shown) -> RequestContext {
        let refresh_token = cx.refresh_token().cloned();
        RequestContext {
            clock: cx.shared_clock(),
            reason: cx.reason(),
            refresh_token,
            is_kept: cx.is_kept(),
            bound_key: cx.bound_key().cloned(),
            is_further_part: cx.requests() > 0,
            shown,
            asked: Vec::new(),
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

    /// Adds an answer and the step that it asked for. Only tests of a grant need this: an exchange adds them.
    #[must_use]
    pub fn asked_for(mut self, step: &'static str, by: ExchangeAnswer) -> RequestContext {
        self.asked.push((step, by));
        self
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

    /// A store keeps the refresh token: if the endpoint refuses it, the exchange fails.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// The key that the refresh token is bound to, if a store keeps it.
    #[cfg_attr(not(feature = "oauth"), allow(dead_code))]
    pub(crate) fn bound_key(&self) -> Option<&BoundKey> {
        self.bound_key.as_ref()
    }

    /// Requests were sent before in the same exchange, by another part of it: with a refresh token of a store, or with credentials that
    /// were refused.
    pub(crate) fn is_of_a_further_part(&self) -> bool {
        self.is_further_part
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

    /// All values for this request.
    pub(crate) fn shown(&self) -> &Shown {
        &self.shown
    }

    /// The name that [`Step::Again`](super::Step::Again) gave to this request. None for the first
    /// request of the exchange.
    #[must_use]
    pub fn step(&self) -> Option<&'static str> {
        self.asked.last().map(|(step, _)| *step)
    }

    /// The answer that made the scheme return [`Step::Again`](super::Step::Again), such as a challenge.
    /// None for the first request of the exchange.
    #[must_use]
    pub fn answer(&self) -> Option<&ExchangeAnswer> {
        self.asked.last().map(|(_, answer)| answer)
    }

    /// The last answer in this exchange to a request of this [name](super::ExchangeAnswer::request_name). For a grant
    /// with three or more requests, of which a later one needs something from the first answer.
    #[must_use]
    pub fn answer_to(&self, request_name: &str) -> Option<&ExchangeAnswer> {
        let mut answers = self.asked.iter().rev().map(|(_, answer)| answer);
        answers.find(|answer| answer.request_name() == request_name)
    }
}
