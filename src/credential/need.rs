//! Whether an exchange can do without a credential.

/// A part of the handle, and not of the credential: two systems may need the same file in two ways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Need {
    /// Without its value, the exchange fails.
    #[default]
    Needed,
    /// Without its value, the exchange goes on. It is read like any other credential.
    Optional,
}
