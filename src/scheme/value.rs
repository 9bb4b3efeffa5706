//! The value of the header that carries a token, and why a token cannot be there.

use std::fmt;

use http::HeaderValue;
use zeroize::Zeroizing;

use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::secret::Secret;

/// Why a token cannot be in a header. Contains nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidToken {
    /// The token is empty.
    Empty,
    /// The token has a blank.
    Blank,
    /// The token has a line break, such as the one at the end of a file.
    LineBreak,
    /// The token has a control character other than a line break.
    ControlCharacter,
    /// The token has a character that is not ASCII.
    BeyondAscii,
    /// Another reason, such as a prefix that cannot be in a header.
    Other,
}

impl InvalidToken {
    /// The first flaw of a token that has characters other than visible ASCII.
    #[cold]
    fn of(token: &str) -> InvalidToken {
        let wrong = token.chars().find(|c| !c.is_ascii_graphic());
        match wrong {
            None => InvalidToken::Empty,
            Some(' ') => InvalidToken::Blank,
            Some('\r' | '\n') => InvalidToken::LineBreak,
            Some(c) if c.is_ascii() => InvalidToken::ControlCharacter,
            Some(_) => InvalidToken::BeyondAscii,
        }
    }

    pub(crate) fn why(self) -> &'static str {
        match self {
            InvalidToken::Empty => "the token is empty",
            InvalidToken::Blank => {
                "the token has a blank, which cannot be in a header: trim it, and leave a prefix to \
                 the scheme"
            }
            InvalidToken::LineBreak => {
                "the token has a line break, which cannot be in a header: trim it"
            }
            InvalidToken::ControlCharacter => {
                "the token has a control character, which cannot be in a header"
            }
            InvalidToken::BeyondAscii => {
                "the token has a character that is not ASCII, which cannot be in a header"
            }
            InvalidToken::Other => "the token has characters that cannot be in its header",
        }
    }
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

impl std::error::Error for InvalidToken {}

/// For a [`Grant`](crate::endpoint::Grant) that sends a credential in a header.
impl From<InvalidToken> for ExchangeError {
    fn from(error: InvalidToken) -> ExchangeError {
        ExchangeError::new(ExchangeErrorKind::Configuration, error.why())
    }
}

/// A header value with only the token, in memory that is wiped after use.
///
/// # Errors
///
/// If the token has characters other than visible ASCII.
pub fn plain_value(token: &Secret) -> Result<HeaderValue, InvalidToken> {
    prefixed_value("", token)
}

/// A header value with `prefix` (including its blank, if any) and the token, in memory that is wiped
/// after use.
///
/// # Errors
///
/// If the token has characters other than visible ASCII, or the prefix has a line break.
pub fn prefixed_value(prefix: &str, token: &Secret) -> Result<HeaderValue, InvalidToken> {
    surrounded_value(prefix, token, "")
}

/// The same with a text after the token.
pub(crate) fn surrounded_value(
    prefix: &str,
    token: &Secret,
    suffix: &str,
) -> Result<HeaderValue, InvalidToken> {
    let token = token.expose();
    if token.is_empty() || !all_bytes(token, |byte| byte.is_ascii_graphic()) {
        return Err(InvalidToken::of(token));
    }
    // Allocated at full size: growing would copy the secret and leave the old buffer unwiped.
    let mut text = Zeroizing::new(Vec::with_capacity(prefix.len() + token.len() + suffix.len()));
    text.extend_from_slice(prefix.as_bytes());
    text.extend_from_slice(token.as_bytes());
    text.extend_from_slice(suffix.as_bytes());
    let value = HeaderValue::from_maybe_shared(bytes::Bytes::from_owner(text));
    value.map_err(|_| InvalidToken::Other)
}

/// A header value with `Bearer` and the token, in memory that is wiped after use.
///
/// RFC 6750 section 2.1 allows letters, digits, `-._~+/` and, at the end, `=`. Servers issue tokens with
/// `|`, `:`, `!`, `%`, `#` or `^` and expect them back unchanged, so every visible character is
/// accepted.
///
/// # Errors
///
/// If the token has characters other than visible ASCII.
pub fn bearer_value(token: &Secret) -> Result<HeaderValue, InvalidToken> {
    prefixed_value("Bearer ", token)
}

/// Always checks all bytes, so that the compiler can check many at once.
fn all_bytes(text: &str, is_right: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |so_far, byte| so_far & is_right(byte))
}
