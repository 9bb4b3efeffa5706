//! The value of the header that carries a token, and why a token cannot stand there.

use std::fmt;

use http::HeaderValue;
use zeroize::Zeroizing;

use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::secret::Secret;

/// Why a token cannot stand in a header. It contains nothing of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidToken {
    /// It is empty.
    Empty,
    /// It has a blank.
    Blank,
    /// It has a line break, such as the one at the end of a file.
    LineBreak,
    /// It has a control character other than a line break.
    ControlCharacter,
    /// It has a character beyond ASCII.
    BeyondAscii,
    /// For another reason, such as the prefix that stands before it.
    Other,
}

impl InvalidToken {
    /// The first thing that is wrong with a token that has characters other than visible ASCII.
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
                "the token has a blank, which cannot stand in a header: trim it, and leave a prefix to \
                 the scheme"
            }
            InvalidToken::LineBreak => {
                "the token has a line break, which cannot stand in a header: trim it"
            }
            InvalidToken::ControlCharacter => {
                "the token has a control character, which cannot stand in a header"
            }
            InvalidToken::BeyondAscii => {
                "the token has a character beyond ASCII, which cannot stand in a header"
            }
            InvalidToken::Other => "the token has characters that cannot stand in its header",
        }
    }
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

impl std::error::Error for InvalidToken {}

/// For a [`Grant`](crate::endpoint::Grant) that shows a credential in a header.
impl From<InvalidToken> for ExchangeError {
    fn from(error: InvalidToken) -> ExchangeError {
        ExchangeError::new(ExchangeErrorKind::Configuration, error.why())
    }
}

/// A header value that is the token itself, in memory that is wiped after use.
///
/// # Errors
///
/// If the token has characters other than visible ASCII.
pub fn plain_value(token: &Secret) -> Result<HeaderValue, InvalidToken> {
    prefixed_value("", token)
}

/// A header value that is `prefix` (with its blank, if it wants one) and the token, in memory that is
/// wiped after use.
///
/// # Errors
///
/// If the token has characters other than visible ASCII, or the prefix has a line break.
pub fn prefixed_value(prefix: &str, token: &Secret) -> Result<HeaderValue, InvalidToken> {
    let token = token.expose();
    if token.is_empty() || !all_bytes(token, |byte| byte.is_ascii_graphic()) {
        return Err(InvalidToken::of(token));
    }
    // Allocated at full size: growing would copy the secret and leave the old buffer unwiped.
    let mut text = Zeroizing::new(Vec::with_capacity(prefix.len() + token.len()));
    text.extend_from_slice(prefix.as_bytes());
    text.extend_from_slice(token.as_bytes());
    let value = HeaderValue::from_maybe_shared(bytes::Bytes::from_owner(text));
    value.map_err(|_| InvalidToken::Other)
}

/// A header value that is `Bearer` and the token, in memory that is wiped after use.
///
/// RFC 6750 section 2.1 allows letters, digits, `-._~+/` and, at the end, `=`. Servers issue tokens with
/// `|`, `:`, `!`, `%`, `#` or `^` and expect them back as they are, so every visible character is taken.
///
/// # Errors
///
/// If the token has characters other than visible ASCII.
pub fn bearer_value(token: &Secret) -> Result<HeaderValue, InvalidToken> {
    prefixed_value("Bearer ", token)
}

/// Checks all bytes, also after a wrong one: so the compiler can check many at once.
fn all_bytes(text: &str, is_right: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |so_far, byte| so_far & is_right(byte))
}
