//! Under which key a store keeps a login.

use std::fmt;

use ring::digest::{Context, SHA256, digest};

use crate::exchange::identity::Identity;

/// Parts of an identity that change although the login stays the same: a new key, or another file of a certificate, must not lose
/// a login.
const CHANGING: [&str; 2] = ["certificate", "dpop_thumbprint"];

/// Under which key a store keeps a login: a hash of the [`Identity`] of its exchange. It shows nothing of the identity.
///
/// ```
/// use tower_outbound_auth::exchange::Identity;
/// use tower_outbound_auth::store::Key;
///
/// let billing = Identity::new("oauth").with("client", "billing");
/// let reports = Identity::new("oauth").with("client", "reports");
/// assert_eq!(Key::of(&billing), Key::of(&billing.clone()));
/// assert_ne!(Key::of(&billing), Key::of(&reports));
/// assert_eq!(Key::of(&billing).to_string().len(), 32); // hexadecimal digits
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key([u8; 16]);

impl Key {
    /// A key of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Key {
        Key(bytes)
    }

    /// The key of an identity: the first 16 bytes of the SHA-256 of its parts.
    #[must_use]
    pub fn of(identity: &Identity) -> Key {
        Key::hashed(identity, |value| value)
    }

    /// The same, without the numbers of functions and providers, which are other ones in each process.
    pub(crate) fn of_any_process(identity: &Identity) -> Key {
        Key::hashed(identity, without_number)
    }

    fn hashed(identity: &Identity, value_of: impl Fn(&str) -> &str) -> Key {
        let mut context = Context::new(&SHA256);
        // Each text has its length before it, so that no part can be mistaken for another one.
        let mut add = |text: &str| {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        };
        add(identity.system());
        for (name, value) in identity.parts().filter(|(name, _)| !CHANGING.contains(name)) {
            add(name);
            add(value_of(value));
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&context.finish().as_ref()[..16]);
        Key(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// The SHA-256 of a secret, in hexadecimal digits. It identifies the secret, which cannot be guessed from it: a refresh
/// token has too many possible values.
pub(crate) fn fingerprint(secret: &str) -> String {
    hex(digest(&SHA256, secret.as_bytes()).as_ref())
}

/// `function` for `function 7`.
fn without_number(value: &str) -> &str {
    const NUMBERED: [&str; 3] = ["function", "minting function", "provider"];
    match value.rsplit_once(' ') {
        Some((kind, number)) if NUMBERED.contains(&kind) && number.parse::<u64>().is_ok() => kind,
        _ => value,
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_the_sha_256_in_hexadecimal_digits() {
        // FIPS 180-4, the example "abc".
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(fingerprint("abc"), abc);
    }

    #[test]
    fn the_number_of_a_function_does_not_count_in_another_process() {
        let key =
            |subject: &str| Key::of_any_process(&Identity::new("oauth").with("subject", subject));
        assert_eq!(key("function 7"), key("function 12"));
        assert_eq!(key("provider 7"), key("provider 12"));
        for (one, other) in
            [("function 7", "provider 7"), ("file /7", "file /8"), ("function 7", "function x")]
        {
            assert_ne!(key(one), key(other));
        }
        let exact = |subject: &str| Key::of(&Identity::new("oauth").with("subject", subject));
        assert_ne!(exact("function 7"), exact("function 12"));
    }

    #[test]
    fn each_part_of_an_identity_changes_the_key_and_a_thumbprint_or_a_certificate_does_not() {
        let identity = || Identity::new("oauth").with("client", "a");
        let key = Key::of(&identity());
        for other in [
            Identity::new("oauth2").with("client", "a"),
            Identity::new("oauth").with("client", "b"),
            Identity::new("oauth").with("client", "").with("a", ""),
            identity().with("parameter", "scope=read"),
        ] {
            assert_ne!(Key::of(&other), key, "{other:?}");
        }
        for name in CHANGING {
            assert_eq!(Key::of(&identity().with(name, "x")), key);
        }
    }
}
