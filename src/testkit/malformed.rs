//! Answers of a token endpoint with a success status but without a usable token.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::server::{self, Answer};

/// An answer that an embedded token endpoint gives instead of a token. All but [`Custom`](MalformedAnswer::Custom) have status
/// 200.
///
/// Each text in them contains [`CANARY`](MalformedAnswer::CANARY). No error and no log may contain it, because the
/// text of such an answer may be a token.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MalformedAnswer {
    /// The sign-in page of a portal.
    Html,
    /// No body.
    Empty,
    /// JSON that ends in the middle of the token.
    NotJson,
    /// A JSON object without the token's member.
    NoToken,
    /// The token is an empty text.
    EmptyToken,
    /// The token contains a line break, and after it a header.
    TokenWithLineBreak,
    /// A correct answer, except that it is longer than 256 KiB.
    Huge,
    /// Any status and body.
    Custom(StatusCode, Bytes),
}

impl MalformedAnswer {
    /// A part of every such answer that has a text.
    pub const CANARY: &str = "canary-7d1f0c";

    /// All but [`Custom`](MalformedAnswer::Custom).
    pub const ALL: &'static [MalformedAnswer] = &[
        MalformedAnswer::Html,
        MalformedAnswer::Empty,
        MalformedAnswer::NotJson,
        MalformedAnswer::NoToken,
        MalformedAnswer::EmptyToken,
        MalformedAnswer::TokenWithLineBreak,
        MalformedAnswer::Huge,
    ];

    /// Writes the answer as JSON, with the token in this `member`.
    pub(super) fn to_answer(&self, member: &str) -> Answer {
        let canary = Self::CANARY;
        let ok = |body: String| server::plain(StatusCode::OK, body);
        match self {
            Self::Html => ok(format!("<!doctype html><title>Sign in</title><p>{canary}</p>")),
            Self::Empty => ok(String::new()),
            Self::NotJson => ok(format!(r#"{{"expires_in":3600,"{member}":"{canary}"#)),
            Self::NoToken => ok(json!({"expires_in": 3600, "id_token": canary}).to_string()),
            Self::EmptyToken => {
                ok(json!({"expires_in": 3600, member: "", "id": canary}).to_string())
            }
            Self::TokenWithLineBreak => {
                let token = format!("{canary}\r\nX-Injected: 1");
                ok(json!({"expires_in": 3600, member: token}).to_string())
            }
            Self::Huge => {
                let padding = "x".repeat(256 * 1024);
                let body = json!({member: canary, "expires_in": 3600, "padding": padding});
                ok(body.to_string())
            }
            Self::Custom(status, body) => server::plain(*status, body.clone()),
        }
    }
}

/// Not derived, because a body may be a token.
impl fmt::Debug for MalformedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Html => "Html",
            Self::Empty => "Empty",
            Self::NotJson => "NotJson",
            Self::NoToken => "NoToken",
            Self::EmptyToken => "EmptyToken",
            Self::TokenWithLineBreak => "TokenWithLineBreak",
            Self::Huge => "Huge",
            Self::Custom(status, body) => {
                return write!(f, "Custom({}, {} bytes)", status.as_u16(), body.len());
            }
        })
    }
}
