//! How a token travels, and how an API speaks about it.

pub(crate) mod challenge;
pub(crate) mod jwt;
pub(crate) mod response;
pub(crate) mod rotation;
pub(crate) mod value;

pub use self::response::ResponseHead;
pub use self::rotation::{Adopt, Rotation};
pub use self::value::{InvalidToken, bearer_value, plain_value, prefixed_value};

/// What a response says of the credential that its request carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing against it.
    Accepted,
    /// It was refused: renew it, and send the request again.
    Refused,
}
