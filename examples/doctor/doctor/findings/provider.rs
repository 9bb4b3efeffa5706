//! What a provider should not do, each with its section.

use super::super::facts::{Answer, AuthSeen, ExpiresIn, Facts, Kind};
use super::{Finding, has_token, last_answer, note, ok};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Some(answer) = last_answer(facts) else { return Vec::new() };
    let is_oauth = facts.asked.kind.is_oauth();
    let mut findings = Vec::new();
    let mut add = |is: bool, text: &str| findings.extend(is.then(|| note(text)));
    match has_token(facts) {
        true => of_token(answer, facts.asked.kind, &mut add),
        false => of_refusal(facts, answer, is_oauth, &mut add),
    }
    add(
        answer.is_another_charset && answer.content_type == Some("application/json"),
        "JSON in another charset than UTF-8 (RFC 8259 section 8.1)",
    );
    add(
        answer.cookies.iter().any(|(is_secure, _)| !is_secure),
        "a cookie without Secure (RFC 6265 section 8.3): a browser would send it over plain http",
    );
    match findings.is_empty() && has_token(facts) {
        true => vec![ok("nothing that a token endpoint should not do")],
        false => findings,
    }
}

fn of_token(answer: &Answer, kind: Kind, add: &mut impl FnMut(bool, &str)) {
    let is_oauth = kind.is_oauth();
    let members = &answer.members;
    let zero = matches!(members.expires_in, ExpiresIn::Number(seconds) if seconds <= 0.0);
    add(
        members.expires_in == ExpiresIn::Absent && is_oauth,
        "`expires_in` is missing, which RFC 6749 section 5.1 recommends",
    );
    add(
        members.expires_in == ExpiresIn::Text,
        "`expires_in` is a text, and should be a number (RFC 6749 appendix A.14)",
    );
    add(
        members.expires_in == ExpiresIn::Other,
        "`expires_in` is no number of seconds (RFC 6749 appendix A.14)",
    );
    add(zero, "`expires_in` is 0 or less, which no usable token has (RFC 6749 section 5.1)");
    add(
        is_oauth && !members.has_token_type,
        "`token_type` is missing, which RFC 6749 section 5.1 requires; Bearer is assumed",
    );
    add(
        is_oauth && answer.content_type != Some("application/json"),
        "the content type is not application/json (RFC 6749 section 5.1)",
    );
    add(
        kind == Kind::ClientCredentials && members.has_refresh_token,
        "a refresh token with client credentials (RFC 6749 section 4.4.3 says: should not)",
    );
}

fn of_refusal(facts: &Facts, answer: &Answer, is_oauth: bool, add: &mut impl FnMut(bool, &str)) {
    let code = match &facts.outcome {
        super::Outcome::Failure(failure) => failure.code.as_deref(),
        super::Outcome::Token(_) => None,
    };
    let is_basic = facts.requests.last().is_some_and(|it| {
        use AuthSeen::{Basic, BasicForm, BasicPercent, BasicRaw};
        matches!(it.auth, Basic | BasicForm | BasicPercent | BasicRaw)
    });
    add(
        (200..=299).contains(&answer.status) && answer.members.has_error,
        "a refusal with a status of success (RFC 6749 section 5.2 has 400 or 401)",
    );
    add(
        is_oauth && answer.status == 400 && code == Some("invalid_client") && is_basic,
        "`invalid_client` with a 400, after a request with Basic (RFC 6749 section 5.2 requires 401)",
    );
    add(
        is_oauth && matches!(answer.status, 400 | 401) && !answer.members.has_error,
        "a refusal without `error` (RFC 6749 section 5.2 requires it)",
    );
}
