//! The codes of RFC 6749 section 5.2, and codes of other specifications and servers.

use http::StatusCode;

/// Whether a code means that a person must correct something. After other codes, a second try may succeed.
pub(crate) fn is_refusal_code(code: &str) -> bool {
    const CODES: [&str; 14] = [
        "invalid_client",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
        "invalid_grant",
        "invalid_request",
        "access_denied",
        "consent_required",
        "interaction_required",
        "invalid_authorization_details",
        "unmet_authentication_requirements",
        "incorrect_client_credentials",
        "bad_refresh_token",
    ];
    CODES.iter().any(|known| known.eq_ignore_ascii_case(code))
}

/// Whether a code says that a later try may succeed.
pub(crate) fn may_pass(code: &str) -> bool {
    const CODES: [&str; 4] =
        ["temporarily_unavailable", "server_error", "internal_failure", "slow_down"];
    CODES.iter().any(|known| known.eq_ignore_ascii_case(code))
}

/// What to do if the endpoint refuses each proof of a key (RFC 9449 sections 5 and 8).
pub(crate) fn advice_about_a_proof(code: &str) -> Option<&'static str> {
    match code {
        "invalid_dpop_proof" => Some(
            "the token endpoint refuses the DPoP proof: compare the clocks, and, if the endpoint is behind a proxy, set \
             the address that it sees (`Dpop::htu_base`)",
        ),
        "use_dpop_nonce" => Some(
            "the token endpoint wants a nonce in the DPoP proof, and gives none that it accepts (the header `DPoP-Nonce`)",
        ),
        _ => None,
    }
}

/// What to do if the endpoint refuses the client. It is said of any client, so it speaks of a secret.
pub(crate) const CREDENTIALS: &str =
    "the token endpoint refuses the credentials: check the client id and the secret";

/// What the endpoint refuses, and what to do about it. `status` matters for one code: Keycloak answers 401 with
/// `unauthorized_client` if the secret is wrong.
pub(crate) fn advice(code: &str, status: StatusCode) -> &'static str {
    let is_unauthorized = status == StatusCode::UNAUTHORIZED;
    match &*code.to_ascii_lowercase() {
        "unauthorized_client" if !is_unauthorized => {
            "the token endpoint does not allow this client to use this grant: allow it at the provider"
        }
        "invalid_scope" => {
            "the token endpoint refuses the scope: ask for one that this client may have"
        }
        "invalid_target" => {
            "the token endpoint refuses the audience or the resource: ask for one that it knows"
        }
        "unsupported_grant_type" => {
            "the token endpoint does not support this grant: check its address, and the grants of the provider"
        }
        "invalid_request" => {
            "the token endpoint says that the request lacks a parameter or has a wrong one: compare it with the \
             provider's documentation"
        }
        "consent_required" | "interaction_required" | "unmet_authentication_requirements" => {
            "the token endpoint wants a person to take part: give this client its rights at the provider"
        }
        "invalid_authorization_details" => {
            "the token endpoint refuses the authorization details: ask for what this client may have"
        }
        "access_denied" => {
            "the token endpoint denies access: give this client its rights at the provider"
        }
        "invalid_client" | "incorrect_client_credentials" | "unauthorized_client" => CREDENTIALS,
        "invalid_grant" | "bad_refresh_token" | "invalid_token" | "expired_token" => {
            "the token endpoint refuses the grant: the credentials, or the token that was shown, are wrong or have expired"
        }
        _ => "the token endpoint refuses the credentials: check them",
    }
}
