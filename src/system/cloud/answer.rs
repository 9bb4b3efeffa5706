//! What the servers of the clouds have in common: a token in the form of OAuth, and a machine that may not be in the cloud.

use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::step::Step;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::system::oauth::answer::{Meaning, check_type, failed_without_a_secret, read_2xx};

/// The token of a 200.
///
/// # Errors
///
/// If there is none, or if it is not sent as Bearer.
pub(crate) fn token(answer: &ExchangeAnswer) -> Result<Step, ExchangeError> {
    match read_2xx(answer, None)? {
        Meaning::Token(token) => {
            check_type(token.token_type.as_deref(), false)?;
            // A metadata server has no use for refresh tokens.
            Ok(Step::Issued(token.issued(false, false)))
        }
        Meaning::Failure(failure) => Err(failed_without_a_secret(answer, &failure)),
    }
}

/// The error for a server that could not be asked. If it is the metadata server, the error has the question `is_there`.
pub(crate) fn not_reached(
    endpoint: &TokenEndpoint,
    error: ExchangeError,
    is_there: &str,
) -> ExchangeError {
    match error.kind() == ExchangeErrorKind::Unreachable && endpoint.is_link_local_metadata() {
        true => error.map_message(|message| format!("{message}; {is_there}")),
        false => error,
    }
}
