//! What newcomers were asked to write, with README and the documentation alone. Each file is a whole program, but for `main`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod axum_service;
mod first_line;
mod json_login;
mod plain_reqwest;
mod spawned;
mod tonic_client;
