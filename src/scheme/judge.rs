//! Whether a response refuses the credential of its request.

use std::fmt;
use std::sync::Arc;

use crate::scheme::claims::ClaimsChallenges;
use crate::scheme::response::ResponseHead;

/// What a response says about the credential of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It accepts the credential, or says nothing about it.
    Accepted,
    /// It refuses the credential. The token is renewed, and the request is sent again.
    Refused,
    /// The token may have expired, but such a response mostly means something else. For APIs that answer 404 or 500
    /// where others answer 401.
    ///
    /// - Such responses cause at most one renewal per source and minute. It is not taken from the budget of refusals.
    ///   So the expiry of a token may go unnoticed for up to a minute, if another response was doubted just before.
    /// - A response waits at most one second for the renewal. The renewal then continues.
    /// - Only idempotent methods are sent again (RFC 9110 section 9.2.2), because the server may have applied the
    ///   request. For other methods, the token is renewed for the next request.
    /// - If the request is not sent again, its caller gets the unchanged response, with a
    ///   [`Recovery`](crate::Recovery) in its extensions. If the second sending fails, see
    ///   [`ResendFailed`](crate::Recovery::ResendFailed).
    ///
    /// ```
    /// use http::StatusCode;
    /// use tower_outbound_auth::scheme::{Judge, Verdict};
    ///
    /// let judge = Judge::new(|response| {
    ///     if response.is_refusal() {
    ///         Verdict::Refused // a 401, and every other standard refusal
    ///     } else if response.status == StatusCode::NOT_FOUND {
    ///         Verdict::Doubted
    ///     } else {
    ///         Verdict::Accepted
    ///     }
    /// });
    /// # let _ = judge;
    /// ```
    Doubted,
}

crate::basics::as_str::impl_as_str!(Verdict {
    Accepted => "accepted",
    Refused => "refused",
    Doubted => "doubted",
});

/// Decides whether a response refuses the credential.
///
/// It is called for every response to a request with a credential, so it must be fast. It must not panic: a panic
/// reaches the caller of that request. It sees the head of a response, and the beginning of its body if
/// [`InspectBodyLayer`](crate::InspectBodyLayer) has read it.
///
/// ```
/// use tower_outbound_auth::scheme::{Judge, ResponseHead, Verdict};
///
/// let judge = Judge::new(|response| match response.status == 419 || response.is_refusal() {
///     true => Verdict::Refused,
///     false => Verdict::Accepted,
/// });
/// # let response = http::Response::builder().status(419).body(())?;
/// assert_eq!(judge.verdict(ResponseHead::of(&response)), Verdict::Refused);
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Judge {
    /// None for the standard.
    reading: Option<Arc<Reading>>,
    /// The system answers a demand for claims.
    claims: Option<Arc<ClaimsChallenges>>,
}

type Reading = dyn Fn(ResponseHead<'_>) -> Verdict + Send + Sync;

impl Judge {
    /// The judge that uses [`ResponseHead::is_refusal`]: a 401, a 403 that names an invalid token, and gRPC's
    /// `UNAUTHENTICATED` are refusals.
    #[must_use]
    pub fn standard() -> Judge {
        Judge::default()
    }

    /// Makes a judge from a function.
    pub fn new(judge: impl Fn(ResponseHead<'_>) -> Verdict + Send + Sync + 'static) -> Judge {
        Judge { reading: Some(Arc::new(judge)), claims: None }
    }

    /// The standard judge of a system that answers a demand for claims.
    pub(crate) fn answering(claims: Arc<ClaimsChallenges>) -> Judge {
        Judge { reading: None, claims: Some(claims) }
    }

    pub(crate) fn claims(&self) -> Option<&ClaimsChallenges> {
        self.claims.as_deref()
    }

    /// What a response says.
    #[must_use]
    #[inline(always)]
    pub fn verdict(&self, response: ResponseHead<'_>) -> Verdict {
        match &self.reading {
            None if response.is_refusal() => Verdict::Refused,
            None => Verdict::Accepted,
            Some(judge) => judge(response),
        }
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.reading.is_some() { "Judge(…)" } else { "Judge(standard)" })
    }
}
