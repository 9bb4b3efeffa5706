//! The middleware.

#[cfg(feature = "reqwest")]
pub(crate) mod client_redirects;
pub(crate) mod completed;
pub(crate) mod config;
pub(crate) mod deadline;
pub(crate) mod drain;
pub(crate) mod future;
pub(crate) mod inspect;
pub(crate) mod judged;
pub(crate) mod kept_request;
pub(crate) mod layer;
pub(crate) mod pending_request;
pub(crate) mod policy;
pub(crate) mod proof;
pub(crate) mod sent_request;
pub(crate) mod service;
