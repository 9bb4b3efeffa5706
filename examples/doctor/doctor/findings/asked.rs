//! What was asked, and the connection.

use super::super::facts::{Client, Connection, Facts, Kind, Tls};
use super::{Finding, note, ok, wrong};

/// A certificate that ends earlier is worth a look.
const SOON: i64 = 21;

const SHOWN_NAMES: usize = 3;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let asked = &facts.asked;
    let client = match &asked.client {
        Client::Shown(id) => format!(", client {id:?}"),
        Client::In(place) => format!(", client from {place} (not shown)"),
        Client::None => String::new(),
    };
    let mut findings = vec![ok(format!("system {}{client}", asked.system))];
    if asked.kind == Kind::TokenFile {
        findings.push(ok("no endpoint: the token is in a file"));
        return findings;
    }
    let kind = if asked.is_issuer { "issuer" } else { "endpoint" };
    findings.extend(asked.endpoint.as_ref().map(|it| ok(format!("{kind} {it}"))));
    let took = facts.took.as_millis();
    findings.push(match facts.requests.len() {
        0 => note("no request was sent"),
        1 => ok(format!("one exchange of 1 request, in {took} ms")),
        many => ok(format!("one exchange of {many} requests, in {took} ms")),
    });
    match &facts.connection {
        Connection::Unknown => {}
        Connection::Plain => findings.push(ok("no TLS: plain http, within this machine")),
        Connection::ByProxy => {
            findings.push(note("through the proxy of the file: its TLS is not looked at"));
        }
        Connection::Tls(tls) => findings.extend(of_tls(tls)),
    }
    if let Some(name) = facts.unused_proxy {
        let text = format!(
            "{name} is set, and is not used: `proxy = \"env\"` in the file uses it, if you mean it"
        );
        findings.push(note(text));
    }
    findings
}

fn of_tls(tls: &Tls) -> Vec<Finding> {
    let mut findings = vec![ok(format!("TLS {}, {}", tls.version, tls.cipher))];
    let names =
        tls.names.iter().take(SHOWN_NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    let names = match tls.names.len() {
        0 => "no name".to_owned(),
        all if all > SHOWN_NAMES => format!("{names} and {} more", all - SHOWN_NAMES),
        _ => names,
    };
    if let Some((day, left)) = &tls.ends {
        findings.push(match left {
            ..0 => wrong(format!("the certificate for {names} ended on {day}")),
            0..SOON => note(format!("the certificate for {names} ends on {day}, in {left} days")),
            _ => ok(format!("the certificate is for {names}, and ends on {day}")),
        });
    }
    if tls.is_self_signed {
        findings.push(note(
            "the certificate is signed by itself: a client trusts it only if it is given as `ca_file`",
        ));
    }
    findings
}
