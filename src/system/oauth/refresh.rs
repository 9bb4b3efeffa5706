//! Refresh tokens for an endpoint that does not document where it expects them.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, Request, StatusCode};

use crate::endpoint::encoding::form_body;
use crate::endpoint::request::{ExchangeRequest, json_body};
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::scheme::value::plain_value;
use crate::secret::Secret;

/// The name of a request with a refresh token.
pub(crate) const REFRESH: &str = "refresh";
/// The same, with a refresh token that a store keeps. If the endpoint refuses it, the exchange fails.
pub(crate) const KEPT_REFRESH: &str = "refresh of a kept login";

/// Where a request to Atlas's refresh endpoint has the refresh token. The endpoint is not documented.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RefreshTokenIn {
    /// In a header of this name. The default is `Refresh-Token`, because this API takes its credentials in headers.
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
    /// The request with a refresh token. It does not have the credentials.
    pub(crate) fn request(
        &self,
        endpoint: &TokenEndpoint,
        token: &Secret,
    ) -> Result<ExchangeRequest, ExchangeError> {
        let request = Request::post(endpoint.uri());
        let request = match self {
            RefreshTokenIn::Header(name) => {
                let unusable = |_| {
                    let message = "the refresh token cannot be in a header";
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

/// Whether this status means that the endpoint refuses the refresh token. An overload or an outage does not.
pub(crate) fn is_verdict(status: StatusCode) -> bool {
    let passing =
        [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];
    status.is_client_error() && !passing.contains(&status)
}

/// Whether this status means that there is no refresh endpoint.
pub(crate) fn is_absent(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::GONE
            | StatusCode::NOT_IMPLEMENTED
    )
}
