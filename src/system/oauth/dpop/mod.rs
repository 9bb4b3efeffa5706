//! DPoP (RFC 9449): tokens that are bound to a key, and a proof of this key in each request.
//!
//! [`Dpop`] has the options, and `keys` knows where the key is. `proof` and `htu` make one proof, `nonces` keeps what servers want in the next one, and
//! `sender` makes the proofs of one system and reads what servers say about them.
//!
//! ```
//! use tower_outbound_auth::system::{Dpop, OAuth, OAuthClient};
//!
//! let system = OAuth::builder("https://idp.example/token")
//!     .client(OAuthClient::with_secret("billing", "s3cret"))
//!     .dpop(Dpop::new()?)
//!     .build()?;
//! # let _ = system;
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```

pub(crate) mod htu;
pub(crate) mod keys;
pub(crate) mod maker;
pub(crate) mod nonces;
pub(crate) mod options;
pub(crate) mod proof;
pub(crate) mod sender;

pub use self::options::Dpop;
