//! A user's own system: a password from a file, a refresh token, and 419 for an expired session.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, StatusCode};
use tower_outbound_auth::endpoint::{ExchangeAnswer, ExchangeRequest, Grant, RequestContext, Step};
use tower_outbound_auth::exchange::{ExchangeError, Identity, Issued};
use tower_outbound_auth::scheme::{InvalidToken, Judge, Presentation, Verdict, plain_value};
use tower_outbound_auth::{Credential, Secret};

const LOGIN: &str = "https://vault.example/login";
static HEADER: HeaderName = HeaderName::from_static("x-session");

#[derive(Debug)]
pub struct Vault {
    pub password: Credential,
}

impl Grant for Vault {
    fn identity(&self) -> Identity {
        Identity::new("vault").with("endpoint", LOGIN)
    }
    fn credentials(&self) -> &[Credential] {
        std::slice::from_ref(&self.password)
    }
    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let (kind, secret) = match cx.refresh_token() {
            Some(token) => ("refresh", token.clone()),
            None => ("password", cx.credential(&self.password)?),
        };
        let body = Bytes::from(format!("{kind} {}", secret.expose()));
        Ok(ExchangeRequest::new(Request::post(LOGIN).body(body)?).named(kind))
    }
    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        match (answer.status(), answer.text()?.split_once(' ')) {
            (StatusCode::OK, Some((token, refresh_token))) => {
                Ok(Step::Issued(Issued::new(token).with_refresh_token(refresh_token)))
            }
            (StatusCode::IM_A_TEAPOT, _) => Err(answer.refused("locked_out")),
            _ => Err(answer.unavailable()),
        }
    }
}

impl Presentation for Vault {
    fn header_name(&self) -> &HeaderName {
        &HEADER
    }
    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        plain_value(token)
    }
    fn judge(&self) -> Judge {
        Judge::new(|response| match response.status.as_u16() {
            419 => Verdict::Refused,
            _ => Verdict::Accepted,
        })
    }
}
