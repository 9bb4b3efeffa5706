//! What came: status, content type, client authentication, and the headers that matter.

use super::super::facts::{Answer, AuthSeen, Facts, Kind, Sent};
use super::{Finding, has_token, last_answer, note, ok, wrong};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Some(answer) = last_answer(facts) else {
        return match facts.requests.is_empty() {
            true => Vec::new(),
            false => vec![wrong("no answer")],
        };
    };
    let mut findings = vec![status(answer, has_token(facts))];
    findings.extend(auth(facts));
    findings.extend(claims(facts));
    findings.extend(headers(answer, facts.asked.kind, has_token(facts)));
    findings
}

fn status(answer: &Answer, has_token: bool) -> Finding {
    let content_type = answer.content_type.unwrap_or("no content type");
    let text = format!("status {}, {content_type}", answer.status);
    match (answer.status, answer.content_type) {
        (200..=299, Some("text/html")) if !has_token => {
            wrong(format!("{text}: this is a page for people, and no token endpoint's answer"))
        }
        (200..=299, _) => ok(text),
        (300..=399, _) if !has_token => wrong(format!("{text}: a redirect, which is not followed")),
        _ if has_token => ok(text),
        _ => wrong(text),
    }
}

fn name(request: &Sent) -> String {
    let key_id = request.key_id.as_ref().map(|it| format!(", kid {it}")).unwrap_or_default();
    let name = match request.auth {
        AuthSeen::Assertion(Some(alg)) if alg.starts_with("HS") => {
            return format!("a JWT signed by the secret (client_secret_jwt), alg {alg}{key_id}");
        }
        AuthSeen::Assertion(Some(alg)) => {
            return format!("a JWT signed by a private key (private_key_jwt), alg {alg}{key_id}");
        }
        AuthSeen::Assertion(None) => "an assertion that is no JWT",
        AuthSeen::Nothing => "none (a public client, a certificate, or no client)",
        AuthSeen::Basic => "Basic (this id and secret look the same in each encoding)",
        AuthSeen::BasicPercent => "Basic, percent-encoded",
        AuthSeen::BasicRaw => "Basic, not encoded",
        AuthSeen::BasicForm => "Basic, form-encoded",
        AuthSeen::Body => "id and secret in the body (post)",
        AuthSeen::ClientHeaders => "the headers Client-Id and Client-Secret",
        AuthSeen::Json => "apiKey and clientSecret in a JSON body",
        AuthSeen::OfTheFile => "as the file says",
        AuthSeen::OfTheMachine => "none that a person keeps: the platform knows the machine",
    };
    name.to_owned()
}

fn was_taken(request: &Sent) -> bool {
    request.answer.as_ref().is_some_and(|it| (200..=299).contains(&it.status))
}

/// The client authentication that the endpoint took, as it was on the wire.
fn auth(facts: &Facts) -> Option<Finding> {
    let mut requests = facts.requests.iter().filter(|it| !it.is_for_metadata);
    let first = requests.next()?;
    let last = requests.next_back().unwrap_or(first);
    let status = last.answer.as_ref()?.status;
    let shown = name(last);
    if has_token(facts) && first.auth != last.auth && !was_taken(first) {
        return Some(note(format!(
            "client authentication taken: {shown}, after another encoding was refused: {} saves a request",
            if last.auth == AuthSeen::BasicRaw {
                "`auth = \"basic-raw\"`"
            } else {
                "the right `auth`"
            },
        )));
    }
    Some(match (has_token(facts), status) {
        (true, _) => ok(format!("client authentication taken: {shown}")),
        (false, 400 | 401 | 403) => note(format!("client authentication sent: {shown}")),
        _ => return None,
    })
}

/// What the provider must know of the client's assertion.
fn claims(facts: &Facts) -> Option<Finding> {
    let claims = facts.requests.last()?.claims.as_ref()?;
    let text = format!("the assertion has {claims}");
    Some(if has_token(facts) { ok(text) } else { note(text) })
}

fn headers(answer: &Answer, kind: Kind, has_token: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let by = if kind.is_oauth() { " (RFC 6749 section 5.1)" } else { "" };
    match (answer.no_store, answer.pragma, has_token) {
        (true, true, _) => findings.push(ok("Cache-Control: no-store, and Pragma: no-cache")),
        (true, false, _) => findings.push(ok("Cache-Control: no-store")),
        // No cache stands before a server of the machine's own.
        (false, _, true) if kind == Kind::Cloud => {}
        (false, pragma, true) => {
            let but = if pragma { "; Pragma: no-cache alone is not enough" } else { "" };
            findings.push(note(format!(
                "Cache-Control: no-store is missing{by}: a cache in between may keep the token{but}"
            )));
        }
        (false, _, false) => {}
    }
    match answer.retry_after {
        Some(Some(seconds)) => {
            findings.push(note(format!(
                "Retry-After: {seconds} s. The layer waits as long, 5 min at most"
            )));
        }
        Some(None) => findings
            .push(note("Retry-After, as a time of day. The layer waits as long, 5 min at most")),
        None => {}
    }
    for (name, value) in &answer.limits {
        let text = format!("{name}: {value}");
        findings.push(match name.ends_with("remaining") && *value == 0 {
            true => note(format!("{text}. No request is left for now")),
            false => ok(text),
        });
    }
    match (answer.status, &answer.challenges[..]) {
        (401, []) => findings.push(note(
            "WWW-Authenticate is missing from a 401 (RFC 9110 section 15.5.2), so the endpoint does not say what it \
             accepts",
        )),
        (401, schemes) => {
            findings.push(ok(format!("WWW-Authenticate: {}", schemes.join(", "))));
        }
        _ => {}
    }
    if answer.is_compressed {
        findings.push(wrong(
            "Content-Encoding: the answer is compressed, and nobody asked for it (RFC 9110 section 12.5.3)",
        ));
    }
    findings
}
