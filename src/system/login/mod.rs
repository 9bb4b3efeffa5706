//! A system as data: the requests of its login, where its answers have the token, and what its API says.
//!
//! Most in-house systems follow no RFC. A [`Login`] describes one without code: in a file that an operator writes (TOML,
//! JSON, or whatever format of serde you use), or by [`Login::builder`]. [`Config`](super::Config) reads a file with a login
//! or another system. The manual explains all parts in [`login`](crate::manual::login).
//!
//! ```
//! use tower_outbound_auth::system::Login;
//!
//! let login: Login = serde_json::from_str(
//!     r#"{
//!         "name": "intranet",
//!         "credentials": {"user": "env:INTRANET_USER", "password": "file:/run/secrets/intranet"},
//!         "steps": [{
//!             "url": "https://intranet.example/login",
//!             "json": {"username": "{user}", "password": "{password}"}
//!         }],
//!         "token": "/session/key",
//!         "expires_in": {"at": "/session/minutes", "unit": "minutes"},
//!         "header": "x-session-key",
//!         "over": [{"status": 419}]
//!     }"#,
//! )?;
//! # let _ = login;
//! # Ok::<_, serde_json::Error>(())
//! ```

pub(crate) mod answer;
pub(crate) mod builder;
pub(crate) mod digest;
pub(crate) mod json;
pub(crate) mod life;
pub(crate) mod parts;
pub(crate) mod place;
pub(crate) mod request;
pub(crate) mod rule;
pub(crate) mod step;
mod system;
pub(crate) mod template;
pub(crate) mod url;

pub use self::builder::LoginBuilder;
pub use self::parts::Login;
pub use self::rule::AnswerRule;
pub use self::step::LoginStep;
