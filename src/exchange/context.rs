//! What an exchange knows about the current attempt.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::clock::{Clock, Now};
use crate::credential::Credential;
use crate::credential::shown::Shown;
use crate::exchange::bound_key::BoundKey;
use crate::exchange::chain::Chain;
use crate::exchange::error::ExchangeError;
use crate::secret::Secret;

/// Why a source makes an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// There has been no token yet.
    First,
    /// The token is usable, but its refresh-ahead time has come.
    RefreshAhead,
    /// The token is in the last part of its life, in which callers wait for the next token.
    Expiring,
    /// The token has expired.
    Expired,
    /// The API refused the token.
    Refused,
    /// A response of the API may mean that the token has expired
    /// ([`Verdict::Doubted`](crate::scheme::Verdict::Doubted)).
    Doubted,
}

impl Reason {
    /// All reasons, for exporters. A later version may have more.
    pub const ALL: &'static [Reason] = &[
        Reason::First,
        Reason::RefreshAhead,
        Reason::Expiring,
        Reason::Expired,
        Reason::Refused,
        Reason::Doubted,
    ];
}

crate::basics::as_str::impl_as_str!(Reason {
    First => "first",
    RefreshAhead => "refresh_ahead",
    Expiring => "expiring",
    Expired => "expired",
    Refused => "refused",
    Doubted => "doubted",
});

/// What an [`Exchange`](super::Exchange) knows about the current attempt.
#[derive(Debug)]
pub struct ExchangeContext {
    clock: Arc<dyn Clock>,
    reason: Reason,
    refresh_token: Option<Secret>,
    /// A store keeps the refresh token. So if the endpoint refuses it, the exchange fails, and sends no other credential.
    is_kept: bool,
    /// The key that the refresh token is bound to, if the store keeps it.
    bound_key: Option<BoundKey>,
    /// Shared with the context of the next attempt in the same exchange.
    sent: Arc<Mutex<Sent>>,
    /// The credentials of this attempt, after they have been read.
    shown: OnceLock<Shown>,
    chain: Chain,
}

/// The requests of an exchange so far.
#[derive(Debug)]
struct Sent {
    /// When the last one was sent, or the attempt began.
    at: Now,
    requests: u32,
    /// Their methods and URLs, as traces show them. Empty if nobody traces.
    traced: Vec<String>,
}

impl ExchangeContext {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        reason: Reason,
        refresh_token: Option<Secret>,
        chain: Chain,
    ) -> ExchangeContext {
        let sent = Arc::new(Mutex::new(Sent { at: clock.now(), requests: 0, traced: Vec::new() }));
        let (is_kept, bound_key, shown) = (false, None, OnceLock::new());
        ExchangeContext { clock, reason, refresh_token, is_kept, bound_key, sent, shown, chain }
    }

    /// The context of a part of this exchange, with the refresh token that a store keeps, and the key that it is bound to.
    #[cfg(feature = "store")]
    pub(crate) fn with_kept_refresh_token(
        &self,
        refresh_token: Option<Secret>,
        bound_key: Option<BoundKey>,
    ) -> ExchangeContext {
        self.begin_life(); // this part begins now
        ExchangeContext {
            clock: self.clock.clone(),
            reason: self.reason,
            refresh_token,
            is_kept: true,
            bound_key,
            sent: self.sent.clone(),
            shown: self.shown.clone(),
            chain: self.chain.clone(),
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    pub(crate) fn bound_key(&self) -> Option<&BoundKey> {
        self.bound_key.as_ref()
    }

    /// The context of another attempt in the same exchange, with other credentials. Only the first attempt gets
    /// the refresh token.
    pub(crate) fn once_more(&self) -> ExchangeContext {
        self.begin_life();
        ExchangeContext {
            clock: self.clock.clone(),
            reason: self.reason,
            refresh_token: None,
            is_kept: false,
            bound_key: None,
            sent: self.sent.clone(),
            shown: OnceLock::new(),
            chain: self.chain.clone(),
        }
    }

    /// The reason for the exchange.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The refresh token that the last exchange brought (RFC 6749 section 1.5).
    ///
    /// Only this attempt gets it, whatever the outcome. A later attempt gets it only if the [`Issued`](super::Issued)
    /// of this attempt says that it [stays valid](super::Issued::keeping_refresh_token). A refresh token that may
    /// have been used is not used again, because servers treat a second use as theft and revoke all tokens. An
    /// exchange may ignore the refresh token.
    ///
    /// If the source has a [store](crate::token::SourceBuilder::store), this is the refresh token that the store keeps.
    #[must_use]
    pub fn refresh_token(&self) -> Option<&Secret> {
        self.refresh_token.as_ref()
    }

    /// The time by the source's clock.
    #[must_use]
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// Call this when the request is sent. The life of the token starts at the last such call, or at the beginning of
    /// the attempt. It does not start at the answer, because `expires_in` counts from the moment when the answer was
    /// made (RFC 6749 section 5.1), and the answer may have been slow.
    pub fn mark_sent(&self) {
        self.begin_life();
        let mut sent = self.requests_so_far();
        sent.requests = sent.requests.saturating_add(1);
    }

    /// The life of the token starts now, although no request is sent.
    pub(crate) fn begin_life(&self) {
        self.requests_so_far().at = self.clock.now();
    }

    /// How many requests were sent.
    pub(crate) fn requests(&self) -> u32 {
        self.requests_so_far().requests
    }

    /// How many requests with this method and URL were traced before, in the whole exchange. Counts this one too.
    pub(crate) fn count_like(&self, request: String) -> i64 {
        let mut sent = self.requests_so_far();
        let before = sent.traced.iter().filter(|it| **it == request).count();
        sent.traced.push(request);
        i64::try_from(before).unwrap_or(i64::MAX)
    }

    fn requests_so_far(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value of a credential of [`Exchange::credentials`](super::Exchange::credentials), for an exchange that is
    /// no [`HttpExchange`](crate::endpoint::HttpExchange). This is the value that was read for this attempt. A
    /// [minted](Credential::minted) credential gives a new value at each call.
    ///
    /// # Errors
    ///
    /// [`Configuration`](super::ExchangeErrorKind::Configuration) if the credential has no value, because it
    /// is not among [`Exchange::credentials`](super::Exchange::credentials). Also the error of the function
    /// that mints it.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped, the future of a minting function is dropped too.
    pub async fn credential(&self, credential: &Credential) -> Result<Secret, ExchangeError> {
        let shown = self.shown();
        let shown = shown.for_request(std::slice::from_ref(credential), self.clock()).await?;
        Ok(shown.value(credential)?)
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn shared_clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    pub(crate) fn sent(&self) -> Now {
        self.requests_so_far().at
    }

    /// The credentials have been read for this attempt.
    pub(crate) fn show(&self, shown: Shown) {
        let _ = self.shown.set(shown);
    }

    pub(crate) fn shown(&self) -> Shown {
        self.shown.get().cloned().unwrap_or_default()
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }
}
