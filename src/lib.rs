//! Tower middleware that gives every outgoing request a valid credential.
#![forbid(unsafe_code)]

pub mod clock;
mod error;
pub mod exchange;
mod future;
mod guard;
mod layer;
mod origin;
mod recovery;
pub mod replay;
pub mod scheme;
mod secret;
mod service;
pub mod source;
#[cfg(feature = "test-util")]
pub mod testkit;

pub use self::error::{BoxError, Error, ErrorKind};
pub use self::future::ResponseFuture;
pub use self::guard::{CallerHeader, Exempt, Foreign, RequestHead};
pub use self::layer::{AuthLayer, check};
pub use self::origin::Origin;
pub use self::recovery::Recovery;
pub use self::scheme::Scheme;
pub use self::secret::Secret;
pub use self::service::Auth;
pub use self::source::{AccessToken, TokenSource};
