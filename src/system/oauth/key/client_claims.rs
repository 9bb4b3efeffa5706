//! The claims by which an OAuth client authenticates (RFC 7523 section 3).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};

use crate::error::Error;
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::claims::{Claim, ClaimSet};
use crate::system::oauth::key::jws::HeaderMember;

/// In seconds. Keycloak accepts an assertion for 60 s from its `iat`, and other servers for longer.
const LIFE: u64 = 60;

/// The life of an assertion for Entra, in seconds.
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

/// Microsoft Entra, with a certificate. `thumbprint` is that of [`certificate_thumbprint`].
pub(crate) fn entra(client_id: &str, tenant: &str, thumbprint: &str) -> ClaimSet {
    let audience = format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token");
    ClaimSet::new(
        vec![
            HeaderMember::Algorithm,
            HeaderMember::Text("typ", "JWT".to_owned()),
            HeaderMember::Text("x5t#S256", thumbprint.to_owned()),
        ],
        vec![
            ("iss", text(client_id)),
            ("sub", text(client_id)),
            ("aud", Claim::Text(audience)),
            ("jti", Claim::JwtId),
            ("nbf", Claim::Begin),
            ("iat", Claim::Begin),
            ("exp", Claim::End),
        ],
        LIFE_AT_ENTRA,
    )
    .only(Algorithm::Ps256)
}

/// The `x5t#S256` of a certificate in PEM: the SHA-256 of its DER (RFC 7515 section 4.1.8). Of several certificates, the
/// first counts, which is the client's own.
///
/// # Errors
///
/// If the text has no certificate.
pub(crate) fn certificate_thumbprint(pem: &str) -> Result<String, Error> {
    let der = || {
        let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
        let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
        STANDARD.decode(body.split_whitespace().collect::<String>()).ok()
    };
    let der = der().ok_or_else(|| {
        Error::configuration(
            "the text has no certificate: give a PEM with `-----BEGIN CERTIFICATE-----`",
        )
    })?;
    Ok(URL_SAFE_NO_PAD.encode(digest(&SHA256, &der)))
}
