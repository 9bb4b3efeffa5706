//! How a token travels, and how an API speaks about it.

pub(crate) mod challenge;
pub(crate) mod judge;
pub(crate) mod jwt;
pub(crate) mod not_adopted;
pub(crate) mod per_request;
pub(crate) mod presentation;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod rotation;
pub(crate) mod value;

pub use self::judge::{Judge, Verdict};
pub use self::not_adopted::NotAdopted;
pub use self::per_request::{PerRequest, RequestToSign};
pub use self::presentation::Presentation;
pub use self::response::ResponseHead;
pub use self::rotation::{Adopt, Rotation};
pub use self::value::{InvalidToken, bearer_value, plain_value, prefixed_value};
