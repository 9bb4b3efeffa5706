//! The middleware.

pub(crate) mod config;
pub(crate) mod deadline;
pub(crate) mod drain;
pub(crate) mod future;
pub(crate) mod layer;
pub(crate) mod pending_request;
pub(crate) mod policy;
pub(crate) mod sent_request;
pub(crate) mod service;
