//! The id and the secret of a client, whatever the system.

use crate::credential::Credential;
use crate::exchange::identity::{CLIENT_FROM, Identity};

/// Why a text cannot be a credential in any system. The message does not quote the text.
pub(crate) fn flaw(text: &str) -> Option<&'static str> {
    match text {
        "" => Some("is empty"),
        text if text.ends_with(['\n', '\r']) => {
            Some("ends in a line break: was it read from a file?")
        }
        text if text.chars().any(char::is_control) => Some("has a control character"),
        _ => None,
    }
}

/// Adds the client to an identity: its id, or the place where the id is.
pub(crate) fn with_client(identity: Identity, id: &Credential) -> Identity {
    identity.with(if id.is_value() { "client" } else { CLIENT_FROM }, identity_of(id))
}

/// The client as a part of an identity: its id, or the place of its id.
pub(crate) fn identity_of(id: &Credential) -> String {
    match id.is_value() {
        false => id.id(),
        true => id.current().map_or_else(|_| String::new(), |id| id.expose().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_of_a_client_is_its_id_or_the_place_of_its_id() {
        assert_eq!(identity_of(&"a-client".into()), "a-client");
        assert_eq!(identity_of(&Credential::file("/run/id")), "file /run/id");
        let minted = || Credential::minted(|| async { Ok("x".into()) });
        assert_ne!(identity_of(&minted()), identity_of(&minted()));
    }
}
