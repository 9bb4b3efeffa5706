//! The claims by which an OAuth client authenticates (RFC 7523 section 3).

use crate::system::oauth::key::claims::{Claim, ClaimSet};
use crate::system::oauth::key::jws::HeaderMember;

/// In seconds. Keycloak accepts an assertion for 60 s from its `iat`, and other servers for longer.
const LIFE: u64 = 60;

/// The only media type that says what the JWT is for (draft-ietf-oauth-rfc7523bis).
const TYP: &str = "client-authentication+jwt";

fn text(text: &str) -> Claim {
    Claim::Text(text.to_owned())
}

/// `private_key_jwt` and `client_secret_jwt`. `audience` is one string, because Keycloak refuses a list. There is no
/// `nbf`, because servers whose clock is a second slow refuse it.
pub(crate) fn client(client_id: &str, audience: &str) -> ClaimSet {
    ClaimSet::new(
        vec![
            HeaderMember::Text("typ", TYP.to_owned()),
            HeaderMember::Algorithm,
            HeaderMember::KeyId,
        ],
        vec![
            ("iss", text(client_id)),
            ("sub", text(client_id)),
            ("aud", text(audience)),
            ("jti", Claim::JwtId),
            ("iat", Claim::Begin),
            ("exp", Claim::End),
        ],
        LIFE,
    )
}
