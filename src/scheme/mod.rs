//! How a request carries its token, and how a response is read.
//!
//! A [`Presentation`] says which header carries the token, which responses refuse it ([`Judge`]), where responses
//! bring new tokens ([`Rotation`]), and which other headers each request carries, such as a signature
//! ([`PerRequest`]).
//!
//! ```
//! use tower_outbound_auth::scheme::Presentation;
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::Secret;
//!
//! let bearer = HeaderScheme::bearer();
//! assert_eq!(bearer.header_value(&Secret::from("abc"), None)?, "Bearer abc");
//! # Ok::<_, tower_outbound_auth::scheme::InvalidToken>(())
//! ```

pub(crate) mod challenge;
pub(crate) mod claims;
pub(crate) mod excerpt;
pub(crate) mod insufficient;
pub(crate) mod judge;
pub(crate) mod jwt;
pub(crate) mod key_binding;
pub(crate) mod not_adopted;
pub(crate) mod per_request;
pub(crate) mod presentation;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod rotation;
pub(crate) mod value;

pub use self::insufficient::Insufficient;
pub use self::judge::{Judge, Verdict};
pub use self::not_adopted::NotAdopted;
pub use self::per_request::{PerRequest, ProofVerdict, RequestToSign, SignedRequest};
pub use self::presentation::Presentation;
pub use self::response::ResponseHead;
pub use self::rotation::{Adopt, Rotation};
pub use self::value::{InvalidToken, bearer_value, plain_value, prefixed_value};
