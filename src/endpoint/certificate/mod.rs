//! The certificate of a client (feature `client`).

pub(crate) mod client_certificate;
pub(crate) mod clients;
pub(crate) mod flaw;
pub(crate) mod pair;
pub(crate) mod shown;
