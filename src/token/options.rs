//! The parts of a source besides its state.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;

use crate::clock::Clock;
use crate::exchange::ErasedExchange;
use crate::scheme::per_request::PerRequest;
use crate::scheme::presentation::Presentation;
use crate::scheme::value::InvalidToken;
use crate::secret::Secret;
use crate::token::keeping::Keeping;
use crate::token::observer::Observers;

/// The longest token. A longer one is an attack, or an answer that was misread.
pub(crate) const MAX_TOKEN: usize = 64 * 1024;
/// The longest token in a response's header.
pub(crate) const MAX_ROTATED_TOKEN: usize = 16 * 1024;

/// What a source is made of besides its state.
#[derive(Clone)]
pub(crate) struct SourceOptions {
    pub(crate) presentation: Arc<dyn Presentation>,
    pub(crate) exchange: Arc<dyn ErasedExchange>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) exchange_timeout: Duration,
    pub(crate) default_lifetime: Duration,
    /// Zero if a new token is accepted at once.
    pub(crate) settling_time: Duration,
    /// The token of a source that needs no exchange.
    pub(crate) fixed: Option<Secret>,
    /// What keeps the login.
    pub(crate) keeping: Keeping,
    /// The name for observers. None: the system's.
    pub(crate) name: Option<Arc<str>>,
    pub(crate) observers: Observers,
}

/// How requests carry a token.
#[derive(Clone)]
pub(crate) struct Presented {
    /// The header's value, marked sensitive.
    pub(crate) value: HeaderValue,
    /// The issuer's name for the kind of token.
    pub(crate) token_type: Option<Arc<str>>,
    /// The maker of headers for each request.
    pub(crate) per_request: Option<Arc<dyn PerRequest>>,
}

/// The header's value for a token, marked sensitive. An error names the flaw of the token.
pub(crate) fn header_value(
    presentation: &dyn Presentation,
    token: &Secret,
    token_type: Option<&str>,
    max: usize,
) -> Result<HeaderValue, &'static str> {
    if token.expose().is_empty() {
        return Err("the token is empty");
    }
    if token.expose().len() > max {
        return Err("the token is too long (64 KiB, or 16 KiB in a response of the API)");
    }
    let mut value = presentation.header_value(token, token_type).map_err(InvalidToken::why)?;
    value.set_sensitive(true);
    Ok(value)
}

/// How requests carry a token of an exchange. An error names the flaw of the token.
pub(crate) fn present(
    presentation: &dyn Presentation,
    token: &Secret,
    token_type: Option<Arc<str>>,
) -> Result<Presented, &'static str> {
    let value = header_value(presentation, token, token_type.as_deref(), MAX_TOKEN)?;
    Ok(Presented { value, token_type, per_request: presentation.per_request(token) })
}
