//! The whole crate, with shuttle's threads in place of the machine's. See `races/README.md`.
#![allow(dead_code, unused_imports)] // the crate's own business

extern crate shim as arc_swap;
extern crate shim as std;
#[macro_use(thread_local)]
extern crate shuttle;

#[path = "../../../src/label.rs"]
#[macro_use]
mod label;

#[path = "../../../src/bounds.rs"]
mod bounds;
#[path = "../../../src/clock.rs"]
pub mod clock;
#[path = "../../../src/credential/mod.rs"]
mod credential;
#[path = "../../../src/error.rs"]
mod error;
#[path = "../../../src/exchange/mod.rs"]
pub mod exchange;
#[path = "../../../src/future/mod.rs"]
mod future;
#[path = "../../../src/guard/mod.rs"]
mod guard;
#[path = "../../../src/header_name.rs"]
mod header_name;
#[path = "../../../src/layer.rs"]
mod layer;
#[path = "../../../src/origin/mod.rs"]
mod origin;
#[path = "../../../src/recovery.rs"]
mod recovery;
#[path = "../../../src/replay/mod.rs"]
pub mod replay;
#[path = "../../../src/scheme/mod.rs"]
pub mod scheme;
#[path = "../../../src/secret.rs"]
mod secret;
#[path = "../../../src/service.rs"]
mod service;
#[path = "../../../src/shared.rs"]
mod shared;
#[path = "../../../src/source/mod.rs"]
pub mod source;

pub use self::credential::Credential;
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

const TARGET: &str = "tower_outbound_auth";
