//! What is found in a store.

use crate::exchange::issued::Issued;
use crate::store::kept::login::Login;
use crate::store::lease::Lease;

/// What the store gives.
pub(crate) enum Acquired {
    Token(Issued),
    Lease(Lease),
}

/// What another process may have stored in the meantime.
pub(crate) enum Elsewhere {
    Token(Issued),
    Login(Login),
}
