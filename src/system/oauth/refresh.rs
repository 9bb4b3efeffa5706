//! How a refresh token travels where nothing says how.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, Request, StatusCode};

use crate::endpoint::encoding::form_body;
use crate::endpoint::request::{ExchangeRequest, json_body};
use crate::endpoint::token_endpoint::Endpoint;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::scheme::value::plain_value;
use crate::secret::Secret;

/// The name of a request that spends a refresh token.
pub(crate) const REFRESH: &str = "refresh";

/// How a refresh token travels to Atlas's refresh endpoint, which is not documented.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefreshTokenIn {
    /// In a header of this name. The default is `Refresh-Token`: it is how this API takes credentials.
    Header(HeaderName),
    /// In this member of a JSON object.
    Json(Cow<'static, str>),
    /// In this field of a form.
    Form(Cow<'static, str>),
}

impl Default for RefreshTokenIn {
    fn default() -> RefreshTokenIn {
        RefreshTokenIn::Header(HeaderName::from_static("refresh-token"))
    }
}

impl RefreshTokenIn {
    /// The request that spends a refresh token, and shows nothing else.
    pub(crate) fn request(
        &self,
        endpoint: &Endpoint,
        token: &Secret,
    ) -> Result<ExchangeRequest, ExchangeError> {
        let request = Request::post(endpoint.uri());
        let request = match self {
            RefreshTokenIn::Header(name) => {
                let unusable = |_| {
                    let message = "the refresh token cannot stand in a header";
                    ExchangeError::new(ExchangeErrorKind::Malformed, message)
                };
                let mut value = plain_value(token).map_err(unusable)?;
                value.set_sensitive(true);
                request.header(name, value).body(Bytes::new())
            }
            RefreshTokenIn::Json(member) => request
                .header(CONTENT_TYPE, "application/json")
                .body(Bytes::from_owner(json_body(&[(member, token.expose())]))),
            RefreshTokenIn::Form(field) => request
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Bytes::from_owner(form_body(&[(field, token.expose())]))),
        };
        Ok(ExchangeRequest::new(request?).named(REFRESH))
    }
}

/// Whether the status of an answer to a refresh token is a verdict on it. An overload or an outage says
/// nothing.
pub(crate) fn is_verdict(status: StatusCode) -> bool {
    let passing =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    status.is_client_error() && !passing.contains(&status)
}

/// Whether there is no endpoint of the sort.
pub(crate) fn is_absent(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::GONE
            | StatusCode::NOT_IMPLEMENTED
    )
}
