//! Errors for answers without a token.

use std::borrow::Cow;

use http::StatusCode;

use crate::clock::Now;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::failure::{Failure, numbers};
use crate::endpoint::pacing;
use crate::endpoint::redirect;
use crate::endpoint::refusal_codes::{advice, advice_about_a_proof, may_pass};
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};

const IN_BETWEEN: &str =
    "something in between (a proxy, a captive portal) answered in the token endpoint's place";

impl ExchangeAnswer {
    /// The code of a failure. Servers put it under `error` (RFC 6749 section 5.2), `error.code`, `errors[0].code`
    /// or `errorCode`, in a JSON object or in a form. None if there is no code, if the code is empty, or if it is
    /// given twice with different values.
    ///
    /// The server may write anything here, even the credentials of the request. So compare the code, and show it only
    /// if you know it.
    ///
    /// ```
    /// use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
    /// use tower_outbound_auth::endpoint::ExchangeAnswer;
    ///
    /// fn failure(answer: &ExchangeAnswer) -> ExchangeError {
    ///     match answer.error_code().as_deref() {
    ///         Some(code @ ("LOCKED" | "WRONG_PASSWORD")) => answer.refused(code),
    ///         _ => answer.unavailable(),
    ///     }
    /// }
    /// # let answer = http::Response::builder().status(400).body(r#"{"errors":[{"code":"LOCKED"}]}"#.into())?;
    /// # let error = failure(&ExchangeAnswer::new(answer));
    /// # assert_eq!((error.kind(), error.code()), (ExchangeErrorKind::Refused, Some("LOCKED")));
    /// # Ok::<_, http::Error>(())
    /// ```
    #[must_use]
    pub fn error_code(&self) -> Option<String> {
        Failure::in_body(self)?.code
    }

    /// The error for an answer that says nothing about the credentials: an outage, an overload, or an answer from a
    /// proxy or gateway on the way.
    ///
    /// A 4xx other than 407, 408, 425 and 429 is in doubt: it may come from a gateway, or the endpoint may refuse the
    /// credentials in unknown words. From the third such answer in a row, the next attempt waits as long as after a
    /// refusal. A [`CredentialProvider`](crate::credential::CredentialProvider) is not told.
    #[must_use]
    pub fn unavailable(&self) -> ExchangeError {
        use StatusCode as Is;
        let status = self.status();
        let message: Cow<'static, str> = match status {
            Is::MOVED_PERMANENTLY
            | Is::FOUND
            | Is::SEE_OTHER
            | Is::TEMPORARY_REDIRECT
            | Is::PERMANENT_REDIRECT => redirect::message(self).into(),
            Is::PROXY_AUTHENTICATION_REQUIRED | Is::NETWORK_AUTHENTICATION_REQUIRED => {
                IN_BETWEEN.into()
            }
            Is::NOT_FOUND | Is::METHOD_NOT_ALLOWED | Is::GONE => {
                "there is no token endpoint at this address: check its path".into()
            }
            Is::TOO_MANY_REQUESTS => "the token endpoint gets too many requests".into(),
            _ if status.is_server_error() => "the token endpoint failed on its own side".into(),
            _ if status.is_client_error() => format!(
                "the token endpoint refuses the request and gives no reason that is known here ({}): check its \
                 address and the credentials",
                self.described()
            )
            .into(),
            _ => "the token endpoint gave no token".into(),
        };
        let passing = matches!(
            status,
            Is::PROXY_AUTHENTICATION_REQUIRED
                | Is::REQUEST_TIMEOUT
                | Is::TOO_EARLY
                | Is::TOO_MANY_REQUESTS
        );
        let error = self.failure(ExchangeErrorKind::Unavailable, message);
        if status.is_client_error() && !passing { error.in_doubt() } else { error }
    }

    /// The error for an answer that says that the credentials are wrong. `code` is the endpoint's reason. It appears
    /// in logs. A code that contains a part of the [`credentials`](super::Grant::credentials) is replaced by
    /// `withheld`.
    ///
    /// The next attempt waits for 10 s to 5 min, unless the credentials change before. A
    /// [`CredentialProvider`](crate::credential::CredentialProvider) is told, and may have another value at once.
    #[must_use]
    pub fn refused(&self, code: &str) -> ExchangeError {
        let message = advice(code, self.status());
        let error = self.failure(ExchangeErrorKind::Refused, message).with_code(code);
        error.with_numbers(numbers(self))
    }

    /// The error for a failure of the endpoint. `code` is its reason.
    pub(crate) fn failed(&self, code: &str) -> ExchangeError {
        let message = match advice_about_a_proof(code) {
            Some(advice) => advice,
            None if self.status().is_client_error() && !may_pass(code) => {
                "the token endpoint refuses the request for a reason that is not known here: check its address, and the \
                 credentials"
            }
            None => "the token endpoint gave no token, for a reason that may pass",
        };
        let error = self.failure(ExchangeErrorKind::Unavailable, message).with_code(code);
        error.with_numbers(numbers(self))
    }

    /// The error for a failure that the server says will pass, with the pause that the answer asks for.
    pub(crate) fn passing(&self, message: &'static str) -> ExchangeError {
        self.failure(ExchangeErrorKind::Unavailable, message)
    }

    fn failure(
        &self,
        kind: ExchangeErrorKind,
        message: impl Into<Cow<'static, str>>,
    ) -> ExchangeError {
        let error = ExchangeError::new(kind, message).with_status(self.status());
        let ours = self.received().map(Now::since_epoch);
        match pacing::pause(self.status(), self.headers(), ours) {
            Some(pause) => error.with_retry_after(pause),
            None => error,
        }
    }
}
