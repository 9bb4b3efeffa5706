//! Clients that are no `Service<http::Request<_>>`, each behind a feature of its own name.

#[cfg(feature = "reqwest")]
pub mod reqwest;
