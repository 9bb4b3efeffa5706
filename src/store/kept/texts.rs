//! The errors of a login that cannot be used.

use std::time::{Duration, UNIX_EPOCH};

use crate::basics::bounds::is_clock;
use crate::credential::Credential;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::store::kept::decision::Lost;

const ANOTHER_KEY: &str = ". If the refresh token was issued to a DPoP key, give that key (`Dpop::with_key` or `Dpop::key_from`)";

/// The endpoint refuses the proof with the first refresh token of a login, which may be bound to another key.
pub(crate) fn about_another_key(error: ExchangeError) -> ExchangeError {
    error.map_message(|text| format!("{text}{ANOTHER_KEY}"))
}

/// The login is that of a public client with DPoP, and this system has no key.
pub(crate) fn bound_to_a_key(thumbprint: &str) -> ExchangeError {
    let message = format!(
        "the login in the store is bound to the DPoP key with the thumbprint {thumbprint}, and this system has no DPoP: give it \
         `dpop` and be a public client as before, or log in again with another store"
    );
    ExchangeError::new(ExchangeErrorKind::Configuration, message)
}

pub(crate) fn is_about_the_proof(error: &ExchangeError) -> bool {
    error.code() == Some("invalid_dpop_proof")
}

/// A person must log in again. `refusal` is the endpoint's answer, if it has just come.
pub(crate) fn log_in_again(
    lost: Lost,
    seed: Option<&Credential>,
    may_have_another_key: bool,
    refusal: Option<ExchangeError>,
) -> ExchangeError {
    let why = match lost {
        Lost::Refused => "the token endpoint has refused the refresh token",
        Lost::Absent => "the store has no refresh token for this login",
    };
    let place = match seed.filter(|seed| !seed.is_value()) {
        Some(seed) => format!("put the new refresh token into {seed}"),
        None => "give the new refresh token to this program".to_owned(),
    };
    let key = if may_have_another_key { ANOTHER_KEY } else { "" };
    let message = format!("{why}: log in again, and {place}{key}");
    match refusal {
        Some(error) => error.with_kind(ExchangeErrorKind::Refused).map_message(|_| message),
        None => ExchangeError::new(ExchangeErrorKind::Refused, message),
    }
}

/// The refresh token in doubt is sent again later.
pub(crate) fn wait(since: u64, left: Duration) -> ExchangeError {
    let message = format!(
        "the refresh token was sent{}, and no answer tells whether it is spent: it is sent again when the last access token has ended, \
         in {} s",
        at(since),
        left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0))
    );
    ExchangeError::new(ExchangeErrorKind::Unavailable, message).with_retry_after(left)
}

/// A time as in HTTP. A time that no clock shows is left out.
fn at(since: u64) -> String {
    let since = Duration::from_secs(since);
    match is_clock(since) {
        true => format!(" at {}", httpdate::fmt_http_date(UNIX_EPOCH + since)),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_errors_say_what_happened_and_what_to_do() {
        let file = Credential::file("/run/secrets/login");
        let value = Credential::from("hunter2");
        let text = |lost, seed| log_in_again(lost, Some(seed), false, None).to_string();
        assert_eq!(
            text(Lost::Refused, &file),
            "the token endpoint has refused the refresh token: log in again, and put the new refresh token into \
             file /run/secrets/login"
        );
        assert_eq!(
            text(Lost::Absent, &value),
            "the store has no refresh token for this login: log in again, and give the new refresh token to this program"
        );
        let later = wait(1_735_689_600, Duration::from_millis(9_100));
        assert_eq!(
            later.to_string(),
            "the refresh token was sent at Wed, 01 Jan 2025 00:00:00 GMT, and no answer tells whether it is spent: it is sent \
             again when the last access token has ended, in 10 s"
        );
        assert_eq!(later.retry_after(), Some(Duration::from_millis(9_100)));
        let odd = wait(u64::MAX, Duration::ZERO).to_string();
        assert!(odd.starts_with("the refresh token was sent, and"), "{odd}");
    }
}
