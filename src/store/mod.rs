//! Where a login is kept, so that it outlives the process (feature `store`).
//!
//! A login that a person has made gives a refresh token. Many providers accept each refresh token once, and answer with
//! the next one. If that one is lost, the person must log in again. If an old one is sent again, the provider may take
//! that for theft and end the login. A [`TokenStore`] keeps the newest one, and lets one process at a time use it.
//! [`manual::refresh_tokens`](crate::manual::refresh_tokens) says what this protects against, and what not.
//!
//! | store | keeps a login | is shared by |
//! |---|---|---|
//! | [`MemoryStore`] | until the process ends | the sources of one process |
//! | [`FileStore`] | on disk | the processes of one machine |
//!
//! ```
//! use tower_outbound_auth::store::FileStore;
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::{exchange, TokenSource};
//!
//! # let login = exchange::from_fn(|| async { Ok(exchange::Issued::new("abc")) });
//! let source = TokenSource::builder(HeaderScheme::bearer(), login)
//!     .store(FileStore::new("/var/lib/billing/login.json"))
//!     .build();
//! # let _ = source;
//! ```
//!
//! # How a login is used
//!
//! Each exchange of a source with a store takes these steps:
//!
//! 1. It acquires the lease. If somebody else has published a newer token, it uses that token and sends nothing.
//! 2. It writes that the refresh token is *in doubt* since now.
//! 3. It sends the refresh token.
//! 4. It writes the new refresh token and the access token, without the doubt, in one step.
//! 5. It releases the lease.
//!
//! If the process dies between 2 and 4, the next one finds the token in doubt: it cannot know whether the provider has
//! spent it.
#![cfg(feature = "store")]

pub(crate) mod document;
pub(crate) mod erased;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod kept;
pub(crate) mod key;
pub(crate) mod lease;
pub(crate) mod memory;
pub(crate) mod token_store;

pub use self::error::StoreError;
pub use self::file::FileStore;
pub use self::kept::status::LoginStatus;
pub use self::key::Key;
pub use self::lease::{Acquire, Entry, Fence, Lease, Publish, Stored};
pub use self::memory::MemoryStore;
pub use self::token_store::TokenStore;
