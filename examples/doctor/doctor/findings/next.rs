//! Where it fails: the crate's own text, and what to try next.

use super::super::facts::{AuthSeen, Connection, Facts, Failure, Kind, Outcome};
use super::{Finding, last_answer, note, wrong};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Outcome::Failure(failure) = &facts.outcome else { return Vec::new() };
    let mut findings = vec![wrong(failure.text.clone())];
    findings.extend(advice(facts, failure).map(note));
    findings
}

fn advice(facts: &Facts, failure: &Failure) -> Option<String> {
    let status = last_answer(facts).map(|it| it.status);
    let is_page = last_answer(facts).is_some_and(|it| it.content_type == Some("text/html"));
    match failure.kind {
        "refused" | "unavailable" if is_about_the_client(failure, status) => of_client(facts),
        "refused" => match failure.code.as_deref() {
            Some("invalid_scope") => Some("try it without a scope, then with one word at a time".to_owned()),
            Some("invalid_target") => Some("compare `audience` and `resource` with the API's registration".to_owned()),
            Some("unauthorized_client" | "unsupported_grant_type") if matches!(facts.asked.kind, Kind::OAuth | Kind::Entra) => {
                Some("allow the `grant` of the file for this client at the provider".to_owned())
            }
            Some("unauthorized_client" | "unsupported_grant_type") => Some(
                "allow the grant client_credentials for this client at the provider (Keycloak: \"Service accounts \
                 roles\")"
                    .to_owned(),
            ),
            _ => None,
        },
        "unavailable" if matches!(status, Some(404 | 405 | 410)) => Some(address(facts)),
        "unavailable" if failure.code.is_none() && matches!(status, Some(400 | 403)) => {
            Some(address(facts))
        }
        "malformed" if is_page => Some(address(facts)),
        "malformed" if last_answer(facts).is_some_and(|it| it.is_compressed) => Some(
            "look for a proxy or a server's setting that compresses each answer, and switch it off for this address"
                .to_owned(),
        ),
        "malformed" => Some(
            "compare the answer with `token_member` (or `token` of a login): it names the member with the token"
                .to_owned(),
        ),
        "unreachable" if is_untrusted(facts, failure) => {
            Some("write the certificate of the authority into a PEM file, and give it: --ca-file FILE, or `ca_file` in \
                  the file".to_owned())
        }
        _ => None,
    }
}

fn is_about_the_client(failure: &Failure, status: Option<u16>) -> bool {
    match failure.code.as_deref() {
        Some(code) => {
            code == "invalid_client" || (code == "unauthorized_client" && status == Some(401))
        }
        None => status == Some(401),
    }
}

/// The other way to authenticate the client.
fn of_client(facts: &Facts) -> Option<String> {
    // Entra has one way for each kind of proof.
    if !facts.asked.kind.is_oauth() || facts.asked.kind == Kind::Entra {
        return None;
    }
    let (here, other) = match facts.requests.last()?.auth {
        // The crate's own text says what to do.
        AuthSeen::Assertion(_) => return None,
        AuthSeen::Nothing => {
            return Some(
                "if the client has a secret or a key, give it: this request had no proof"
                    .to_owned(),
            );
        }
        AuthSeen::Body => ("the body", ("basic", "in the header, by Basic")),
        _ => ("Basic", ("post", "in the body")),
    };
    let (option, place) = other;
    Some(format!(
        "if the id and the secret are right, the provider may not accept {here}: try them {place}, by --auth {option} or \
         `auth = \"{option}\"`"
    ))
}

fn address(facts: &Facts) -> String {
    let endpoint = facts.asked.endpoint.as_deref().unwrap_or_default();
    let origin = endpoint.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    match facts.asked.kind {
        Kind::ClientCredentials | Kind::OAuth => format!(
            "look for `token_endpoint` in {origin}/.well-known/openid-configuration (Keycloak: \
             /realms/<realm>/protocol/openid-connect/token)"
        ),
        _ => "compare the path with the provider's documentation".to_owned(),
    }
}

fn is_untrusted(facts: &Facts, failure: &Failure) -> bool {
    let is_self_signed = matches!(&facts.connection, Connection::Tls(tls) if tls.is_self_signed);
    is_self_signed || failure.text.contains("UnknownIssuer")
}
