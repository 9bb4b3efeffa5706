//! The scheme. A login returns a session, and requests carry it as `X-Session`. The API answers 419 to
//! an unknown session.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode};
use tower_outbound_auth::endpoint::{
    ExchangeAnswer, ExchangeRequest, Grant, RequestContext, Step, TokenEndpoint,
};
use tower_outbound_auth::exchange::{ExchangeError, Identity, Issued};
use tower_outbound_auth::scheme::{InvalidToken, Judge, Presentation, Verdict, plain_value};
use tower_outbound_auth::{Credential, Secret};

static X_SESSION: HeaderName = HeaderName::from_static("x-session");

pub(crate) struct Sessions {
    pub(crate) login: TokenEndpoint,
    pub(crate) password: Credential,
}

impl Grant for Sessions {
    fn identity(&self) -> Identity {
        Identity::new("sessions").with("endpoint", self.login.to_string())
    }

    fn credentials(&self) -> &[Credential] {
        std::slice::from_ref(&self.password)
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let body = Bytes::from(cx.credential(&self.password)?.expose().to_owned());
        Ok(ExchangeRequest::new(Request::post(self.login.uri()).body(body)?))
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        match answer.status() {
            StatusCode::OK => Ok(Step::Issued(Issued::new(answer.text()?))),
            StatusCode::FORBIDDEN => Err(answer.refused("wrong_password")),
            _ => Err(answer.unavailable()),
        }
    }
}

impl Presentation for Sessions {
    fn header_name(&self) -> &HeaderName {
        &X_SESSION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        plain_value(token)
    }

    fn judge(&self) -> Judge {
        Judge::new(|response| match response.is_refusal() || response.status == 419 {
            true => Verdict::Refused,
            false => Verdict::Accepted,
        })
    }
}
