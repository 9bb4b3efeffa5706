//! Why an exchange failed.

mod of_credential;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::basics::bounds::LONGEST_PAUSE;
use crate::secret::Secret;

/// The longest error code of a server that is kept.
const MAX_CODE: usize = 64;
/// The most numbers beside it.
const MAX_NUMBERS: usize = 3;

/// What went wrong in an exchange. It decides when the next attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExchangeErrorKind {
    /// The token endpoint could not be reached, or the connection broke. Transient.
    Unreachable,
    /// No complete answer within the deadline of the exchange. Transient.
    Timeout,
    /// An answer without a token that says nothing about the credentials: 5xx, 429, a redirect, a 4xx that
    /// cannot be read. Transient. But from the third such 4xx in a row, the next attempt waits as long as
    /// after a refusal, because it may be one.
    Unavailable,
    /// The endpoint understood the request and refuses the credentials. Not transient: a person must correct them, so
    /// attempts are rare.
    Refused,
    /// The answer says success but has no usable token. Transient.
    Malformed,
    /// The token had already expired when it arrived. Transient.
    Expired,
    /// The scheme or the exchange panicked. Transient: it is treated like any other failure.
    Panicked,
    /// The exchange needed a token of the source that it works for. Not transient.
    Reentrant,
    /// The scheme or the exchange cannot work as it is set up. Not transient.
    Configuration,
}

crate::basics::as_str::impl_as_str!(ExchangeErrorKind {
    Unreachable => "unreachable",
    Timeout => "timeout",
    Unavailable => "unavailable",
    Refused => "refused",
    Malformed => "malformed",
    Expired => "expired",
    Panicked => "panicked",
    Reentrant => "reentrant",
    Configuration => "configuration",
});

impl ExchangeErrorKind {
    /// Whether a later try may succeed without any change.
    #[must_use]
    pub fn is_transient(self) -> bool {
        use ExchangeErrorKind::{
            Configuration, Expired, Malformed, Panicked, Reentrant, Refused, Timeout, Unavailable,
            Unreachable,
        };
        match self {
            Unreachable | Timeout | Unavailable | Malformed | Expired | Panicked => true,
            Refused | Reentrant | Configuration => false,
        }
    }
}

/// What a failure says about the refresh token of the exchange.
#[derive(Clone, Debug)]
pub(crate) enum AfterError {
    /// Nothing: the endpoint may have spent it or not.
    InDoubt,
    /// The endpoint has not spent it.
    Unspent,
    /// The endpoint refuses it.
    Refused,
    /// The endpoint has replaced it by this one, although the rest of the answer cannot be used.
    #[cfg_attr(not(feature = "store"), allow(dead_code))]
    Replaced(Secret),
}

/// The failure of one exchange. It is cheap to clone: everybody who waited gets the same failure.
///
/// It never contains a secret, a token or a server's free text. It keeps only the status of the answer, its error code, and the
/// numbers of its `error_codes` (Microsoft Entra).
///
/// ```
/// use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
///
/// let error = ExchangeError::new(ExchangeErrorKind::Unavailable, "the token file is empty");
/// assert!(error.is_transient());
/// assert_eq!(error.to_string(), "the token file is empty");
/// ```
#[derive(Clone)]
pub struct ExchangeError(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ExchangeErrorKind,
    /// What was asked: the system, its endpoint, the client.
    asked: Option<Arc<str>>,
    message: Cow<'static, str>,
    status: Option<StatusCode>,
    code: Option<Box<str>>,
    /// What the server adds to its code: `error_codes` of Microsoft Entra.
    numbers: Vec<u32>,
    retry_after: Option<Duration>,
    in_doubt: bool,
    /// The grant has checked that the code contains no credential.
    judged: bool,
    /// A credential had no value, so nothing was sent to the endpoint.
    of_credential: bool,
    /// The endpoint refuses a token that was shown to it, whatever its code is.
    of_subject: bool,
    /// The endpoint says that a value that was shown to it has ended.
    of_end: bool,
    /// The user's own error has set the kind.
    kind_is_given: bool,
    refresh_token: AfterError,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl ExchangeError {
    /// A failure. Operators see `message`, so it must not contain a secret.
    pub fn new(kind: ExchangeErrorKind, message: impl Into<Cow<'static, str>>) -> ExchangeError {
        ExchangeError(Arc::new(Inner {
            kind,
            asked: None,
            message: message.into(),
            status: None,
            code: None,
            numbers: Vec::new(),
            retry_after: None,
            in_doubt: false,
            judged: false,
            of_credential: false,
            of_subject: false,
            of_end: false,
            kind_is_given: false,
            refresh_token: AfterError::InDoubt,
            source: None,
        }))
    }

    /// The HTTP status that came instead of a token.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> ExchangeError {
        Arc::make_mut(&mut self.0).status = Some(status);
        self
    }

    /// The `error` code that the endpoint gave (RFC 6749 section 5.2).
    ///
    /// The first 64 characters are kept. Characters other than visible ASCII become `_`, so that a
    /// server cannot forge log lines or terminal sequences.
    #[must_use]
    pub fn with_code(mut self, code: &str) -> ExchangeError {
        let visible = |c: char| if c.is_ascii_graphic() { c } else { '_' };
        let code: String = code.chars().take(MAX_CODE).map(visible).collect();
        Arc::make_mut(&mut self.0).code = (!code.is_empty()).then(|| code.into_boxed_str());
        self
    }

    /// The numbers by which the server says more than by its code. The first three are kept.
    pub(crate) fn with_numbers(mut self, mut numbers: Vec<u32>) -> ExchangeError {
        numbers.truncate(MAX_NUMBERS);
        Arc::make_mut(&mut self.0).numbers = numbers;
        self
    }

    pub(crate) fn numbers(&self) -> &[u32] {
        &self.0.numbers
    }

    /// How long the endpoint asks clients to wait (RFC 9110 section 10.2.3). More than five minutes count
    /// as five minutes, so that this client does not wait long after an outage has ended.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Duration) -> ExchangeError {
        Arc::make_mut(&mut self.0).retry_after = Some(retry_after.min(LONGEST_PAUSE));
        self
    }

    /// This may be a refusal in unknown words. After several in a row, the pause is as long as after
    /// a refusal.
    pub(crate) fn in_doubt(mut self) -> ExchangeError {
        Arc::make_mut(&mut self.0).in_doubt = true;
        self
    }

    /// The code contains no credential: the grant, which knows the id and the secret, has checked this. Only for grants that
    /// compare the code themselves; [`HttpExchange`](crate::endpoint::HttpExchange) compares it for the others.
    pub(crate) fn judged(mut self) -> ExchangeError {
        Arc::make_mut(&mut self.0).judged = true;
        self
    }

    pub(crate) fn is_judged(&self) -> bool {
        self.0.judged
    }

    pub(crate) fn is_in_doubt(&self) -> bool {
        self.0.in_doubt
    }

    /// Sets the source of this error. Its texts must not contain a secret.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> ExchangeError {
        Arc::make_mut(&mut self.0).source = Some(Arc::from(source.into()));
        self
    }

    /// Adds to the message what was asked for, or what to do.
    pub(crate) fn map_message(mut self, change: impl FnOnce(&str) -> String) -> ExchangeError {
        let inner = Arc::make_mut(&mut self.0);
        inner.message = change(&inner.message).into();
        self
    }

    /// The error of an exchange with this system. If it is the error of another source, both are named.
    pub(crate) fn of(mut self, asked: Arc<str>) -> ExchangeError {
        let inner = Arc::make_mut(&mut self.0);
        if let Some(other) = inner.asked.replace(asked) {
            inner.message = format!("{other}: {}", inner.message).into();
        }
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ExchangeErrorKind {
        self.0.kind
    }

    /// Whether a later try may succeed without any change.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.0.kind.is_transient()
    }

    /// The HTTP status that came instead of a token.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// The endpoint's error code: at most 64 visible ASCII characters.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    pub(crate) fn with_kind(mut self, kind: ExchangeErrorKind) -> ExchangeError {
        Arc::make_mut(&mut self.0).kind = kind;
        self
    }

    /// A credential had no value, so nothing was sent to the endpoint, and no user's error has set the kind.
    pub(crate) fn is_of_credential(&self) -> bool {
        self.0.of_credential && !self.0.kind_is_given
    }

    /// Whether the endpoint may have refused because of the credentials.
    pub(crate) fn is_about_the_credentials(&self) -> bool {
        // With a 401, Keycloak means wrong credentials by this code.
        let is_unauthorized = self.code() == Some("unauthorized_client")
            && self.status() != Some(StatusCode::UNAUTHORIZED);
        let is_about_the_request = is_unauthorized
            || self.code().is_some_and(|it| it == "invalid_request" || is_about_the_request(it));
        let is_about_credentials = self.0.of_subject || self.0.of_end || !is_about_the_request;
        self.kind() == ExchangeErrorKind::Refused && !self.0.of_credential && is_about_credentials
    }

    /// The endpoint refuses the token that was shown in an exchange. RFC 8693 section 2.2.2 says so by `invalid_request`.
    pub(crate) fn about_the_subject(mut self) -> ExchangeError {
        Arc::make_mut(&mut self.0).of_subject = true;
        self
    }

    /// The endpoint says that a value that was shown to it has ended.
    pub(crate) fn about_an_end(mut self) -> ExchangeError {
        Arc::make_mut(&mut self.0).of_end = true;
        self
    }

    pub(crate) fn is_about_an_end(&self) -> bool {
        self.0.of_end
    }

    /// The refresh token of the exchange is certainly not spent, because nothing was sent, or because the endpoint did not look at it.
    /// For an exchange of your own: with a [store](crate::token::SourceBuilder::store), such a refresh token is used again.
    /// Without this, it is in doubt. Default: in doubt.
    #[must_use]
    pub fn with_unspent_refresh_token(mut self) -> ExchangeError {
        if matches!(self.0.refresh_token, AfterError::InDoubt) {
            Arc::make_mut(&mut self.0).refresh_token = AfterError::Unspent;
        }
        self
    }

    /// The endpoint refuses the refresh token of the exchange.
    pub(crate) fn about_the_refresh_token(mut self) -> ExchangeError {
        Arc::make_mut(&mut self.0).refresh_token = AfterError::Refused;
        self
    }

    /// The answer cannot be used, but it has this new refresh token.
    pub(crate) fn with_new_refresh_token(mut self, token: Secret) -> ExchangeError {
        if matches!(self.0.refresh_token, AfterError::InDoubt) {
            Arc::make_mut(&mut self.0).refresh_token = AfterError::Replaced(token);
        }
        self
    }

    /// The error for callers, who get no refresh token.
    pub(crate) fn without_refresh_token(mut self) -> ExchangeError {
        if matches!(self.0.refresh_token, AfterError::Replaced(_)) {
            Arc::make_mut(&mut self.0).refresh_token = AfterError::InDoubt;
        }
        self
    }

    /// What this says about the refresh token of the exchange. An exchange of a user says by its code that the endpoint refuses it.
    #[cfg(feature = "store")]
    pub(crate) fn refresh_token(&self) -> AfterError {
        let is_refused = self.kind() == ExchangeErrorKind::Refused
            && matches!(self.code(), Some("invalid_grant" | "bad_refresh_token"));
        match &self.0.refresh_token {
            AfterError::InDoubt | AfterError::Unspent if is_refused => AfterError::Refused,
            known => known.clone(),
        }
    }

    /// How long the endpoint asks clients to wait.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }
}

/// What was asked, what happened, the status, the code, and numbers of the server that say more:
/// `oauth2 (https://idp.example/token, client "billing"): …`. An error that no source has reported begins with what happened.
impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(asked) = &self.0.asked {
            write!(f, "{asked}: ")?;
        }
        f.write_str(&self.0.message)?;
        let status = self.0.status.map(|status| format!("status {}", status.as_u16()));
        let parts = status.into_iter().chain(self.code().map(str::to_owned));
        let parts: Vec<_> = parts.chain(self.0.numbers.iter().map(u32::to_string)).collect();
        if parts.is_empty() { Ok(()) } else { write!(f, " ({})", parts.join(", ")) }
    }
}

impl fmt::Debug for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangeError")
            .field("kind", &self.0.kind)
            .field("asked", &self.0.asked)
            .field("message", &self.0.message)
            .field("status", &self.0.status)
            .field("code", &self.0.code)
            .field("numbers", &self.0.numbers)
            .field("retry_after", &self.0.retry_after)
            .field("source", &self.0.source)
            .finish()
    }
}

/// Whether an error code of OAuth is about the request and not about the client.
pub(crate) fn is_about_the_request(code: &str) -> bool {
    matches!(
        code,
        "invalid_scope"
            | "invalid_target"
            | "unsupported_grant_type"
            | "invalid_authorization_details"
    )
}

impl StdError for ExchangeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests;
