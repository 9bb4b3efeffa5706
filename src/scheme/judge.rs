//! What a response says of the credential that its request carried.

use std::fmt;
use std::sync::Arc;

use crate::scheme::response::ResponseHead;

/// What a response says of the credential that its request carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing against it.
    Accepted,
    /// It was refused: renew it, and send the request again.
    Refused,
    /// It may have ended, and mostly has not: an API that answers 404 to whoever may not see a thing, or 500 to a token
    /// that it does not know.
    ///
    /// A source renews its token for such a response once a minute at most, and never out of the budget of refusals.
    /// Whoever waits for that renewal waits for one second at most. Only idempotent methods are sent again (RFC 9110
    /// section 9.2.2), because the response does not say that the request was not applied. In all other cases the caller
    /// gets the response as it came, with a [`Recovery`](crate::Recovery) in its extensions.
    Doubted,
}

/// Whether an API refused the credential: how a response is read.
///
/// It is asked for every response to a request that carried one, so it has to be cheap. It must not panic: a panic
/// reaches the caller of that request.
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
pub struct Judge(Option<Arc<Reading>>);

type Reading = dyn Fn(ResponseHead<'_>) -> Verdict + Send + Sync;

impl Judge {
    /// By [`ResponseHead::is_refusal`]: a 401, a 403 that names an invalid token, and gRPC's `UNAUTHENTICATED` are
    /// refusals.
    #[must_use]
    pub fn standard() -> Judge {
        Judge(None)
    }

    /// By a function.
    pub fn new(judge: impl Fn(ResponseHead<'_>) -> Verdict + Send + Sync + 'static) -> Judge {
        Judge(Some(Arc::new(judge)))
    }

    /// What a response says.
    #[must_use]
    #[inline(always)]
    pub fn verdict(&self, response: ResponseHead<'_>) -> Verdict {
        match &self.0 {
            None if response.is_refusal() => Verdict::Refused,
            None => Verdict::Accepted,
            Some(judge) => judge(response),
        }
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Judge(…)" } else { "Judge(standard)" })
    }
}
