//! Providers whose ways differ from what the RFCs leave open.

pub(crate) mod entra;
pub(crate) mod entra_numbers;
pub(crate) mod keycloak;
