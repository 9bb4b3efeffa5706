//! A system as data. [`Login`] has the example, and the manual's chapter [`login`](crate::manual::login) all members.

pub(crate) mod answer;
pub(crate) mod builder;
mod check;
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
