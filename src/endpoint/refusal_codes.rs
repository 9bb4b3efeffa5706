//! The codes of RFC 6749 section 5.2, and codes of other specifications and servers.

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
