//! What the API says about itself, beside what was asked.

use super::super::facts::{Api, Asked, Described, Facts, Metadata};
use super::{Finding, note, ok, wrong};

const SHOWN: usize = 10;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Some(Api { url, place, metadata }) = &facts.api else { return Vec::new() };
    match metadata {
        Metadata::Unreachable(why) => vec![note(format!("{place} could not be read: {why}"))],
        Metadata::Status(status @ 300..=399) => {
            vec![note(format!("{place} answers with a redirect (status {status}): not followed"))]
        }
        Metadata::Status(status) => vec![note(format!(
            "no metadata at {place} (status {status}): an API need not have them"
        ))],
        Metadata::Unreadable => {
            vec![wrong(format!("{place} is no JSON object of at most 256 KiB"))]
        }
        Metadata::Read(described) => of_metadata(url, described, &facts.asked),
    }
}

fn of_metadata(url: &str, described: &Described, asked: &Asked) -> Vec<Finding> {
    let Described { resource, is_for_the_url, servers, scopes } = described;
    let mut findings = vec![match is_for_the_url {
        true => ok(format!("its metadata are for {url}")),
        false => for_another(url, resource.as_deref()),
    }];
    if servers.is_empty() {
        findings.push(note("it names no authorization server"));
    } else {
        findings
            .push(ok(format!("it names as authorization servers: {} (not asked)", list(servers))));
        let endpoint = asked.endpoint.as_deref().filter(|_| asked.kind.is_oauth());
        findings.extend(endpoint.map(|endpoint| of_issuer(endpoint, servers)));
    }
    if !scopes.is_empty() {
        findings.push(ok(format!("it supports the scopes {}", list(scopes))));
        let words = asked.scope.as_deref().unwrap_or_default().split(' ');
        let others = words.filter(|word| !word.is_empty() && !scopes.iter().any(|it| it == word));
        let others: Vec<_> = others.map(str::to_owned).collect();
        if !others.is_empty() {
            findings
                .push(note(format!("not among these scopes, but asked for: {}", list(&others))));
        }
    }
    findings
}

/// RFC 9728 section 3.3: a client compares the two texts, and uses no metadata for another URL.
fn for_another(url: &str, resource: Option<&str>) -> Finding {
    match resource {
        Some(resource) if resource.trim_end_matches('/') == url.trim_end_matches('/') => {
            wrong(format!(
                "its metadata are for {resource}, and it is asked as {url}: a slash at the end makes them differ \
                 (RFC 9728 section 3.3). Write the URL as the API does"
            ))
        }
        Some(resource) => wrong(format!(
            "its metadata are for {resource}, and it is asked as {url}: a client must not use them (RFC 9728 section 3.3)"
        )),
        None => wrong("its metadata have no `resource` (RFC 9728 section 2 requires it)"),
    }
}

/// Whether the token endpoint belongs to one of these issuers, by its address: the issuer itself is not configured.
fn of_issuer(endpoint: &str, servers: &[String]) -> Finding {
    let is_below = |server: &&String| {
        let rest = endpoint.strip_prefix(server.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.starts_with('/'))
    };
    let has_its_origin = |server: &&String| origin(server) == origin(endpoint);
    match (servers.iter().find(is_below), servers.iter().find(has_its_origin)) {
        (Some(server), _) => {
            ok(format!("the token endpoint is below {server}, which is one of them"))
        }
        (None, Some(server)) => note(format!(
            "the token endpoint has the origin of {server}, and is not below it: compare the issuer of the tokens with it"
        )),
        (None, None) => {
            note("the token endpoint has the origin of none of them: the API may refuse its tokens")
        }
    }
}

fn origin(url: &str) -> String {
    url.split('/').take(3).collect::<Vec<_>>().join("/").to_ascii_lowercase()
}

fn list(all: &[String]) -> String {
    let shown = all.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
