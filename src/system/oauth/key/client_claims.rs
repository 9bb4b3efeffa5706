//! The claims by which an OAuth client authenticates (RFC 7523 section 3).

use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::claims::{Claim, ClaimSet};
use crate::system::oauth::key::jws::HeaderMember;

/// In seconds. Keycloak accepts an assertion for 60 s from its `iat`, and other servers for longer.
const LIFE: u64 = 60;

/// The life of an assertion for Entra, in seconds, as in Azure's library for Rust.
const LIFE_AT_ENTRA: u64 = 300;

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

/// Microsoft Entra, with a certificate. `endpoint` is the URL of the token endpoint.
pub(crate) fn entra(client_id: &str, endpoint: &str) -> ClaimSet {
    ClaimSet::new(
        vec![
            HeaderMember::Algorithm,
            HeaderMember::Text("typ", "JWT".to_owned()),
            HeaderMember::Certificate,
        ],
        vec![
            ("iss", text(client_id)),
            ("sub", text(client_id)),
            ("aud", text(endpoint)),
            ("jti", Claim::JwtId),
            ("nbf", Claim::Begin),
            ("iat", Claim::Begin),
            ("exp", Claim::End),
        ],
        LIFE_AT_ENTRA,
    )
    .only(Algorithm::Ps256)
}
