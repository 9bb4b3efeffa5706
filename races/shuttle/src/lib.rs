//! The whole crate with shuttle's threads instead of the machine's. See `races/README.md`.
#![allow(dead_code, unused_imports)] // the crate's own lints apply elsewhere

extern crate shim as arc_swap;
extern crate shim as std;
#[macro_use(thread_local)]
extern crate shuttle;

#[path = "../../../src/auth/mod.rs"]
mod auth;
#[path = "../../../src/basics/mod.rs"]
mod basics;
#[path = "../../../src/clock.rs"]
pub mod clock;
#[path = "../../../src/credential/mod.rs"]
mod credential;
#[path = "../../../src/endpoint/mod.rs"]
pub mod endpoint;
#[path = "../../../src/error/mod.rs"]
mod error;
#[path = "../../../src/exchange/mod.rs"]
pub mod exchange;
#[path = "../../../src/origin/mod.rs"]
mod origin;
#[path = "../../../src/replay/mod.rs"]
pub mod replay;
#[path = "../../../src/scheme/mod.rs"]
pub mod scheme;
#[path = "../../../src/secret.rs"]
mod secret;
#[path = "../../../src/system/mod.rs"]
pub mod system;
#[path = "../../../src/token/mod.rs"]
pub mod token;

pub use self::auth::future::ResponseFuture;
pub use self::auth::layer::{AuthLayer, assert_accepts};
pub use self::auth::policy::{CallerHeader, Exempt, Foreign};
pub use self::auth::service::Auth;
pub use self::credential::Credential;
pub use self::endpoint::Scheme;
pub use self::error::recovery::Recovery;
pub use self::error::{BoxError, Error, ErrorKind};
pub use self::origin::Origin;
pub use self::scheme::request::RequestHead;
pub use self::secret::Secret;
pub use self::token::{AccessToken, TokenSource};
