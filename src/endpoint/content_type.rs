//! The content type of an answer.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The media type of a body without its parameters, if it is one that token endpoints use. Otherwise "another content
/// type".
pub(crate) fn media_type(headers: &HeaderMap) -> Option<&'static str> {
    const KNOWN: [&str; 7] = [
        "application/json",
        "application/x-www-form-urlencoded",
        "application/jwt",
        "application/xml",
        "text/html",
        "text/plain",
        "text/xml",
    ];
    let value = headers.get(CONTENT_TYPE)?.to_str().unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    let known = KNOWN.into_iter().find(|known| essence.eq_ignore_ascii_case(known));
    Some(known.unwrap_or("another content type"))
}
