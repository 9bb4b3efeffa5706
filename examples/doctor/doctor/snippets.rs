//! The code and the file that do what the doctor did.

use std::fmt::Write;

use super::args::{Flags, is_reference};
use super::facts::{AuthSeen, Facts};
use super::plan::{Plan, Source};
use super::toml_text::file_of;

/// Both, as text. There are places of secrets in it, and no secrets.
pub(crate) fn to_use(plan: &Plan, facts: &Facts) -> String {
    let mut text = "\nIn Rust\n\n".to_owned();
    let (code, file) = match &plan.origin {
        Source::File(path) => (of_file(path), format!("{path}, as it is.\n")),
        Source::Flags(flags) => {
            let flags = with_encoding(flags, facts);
            let came = facts.requests.last().and_then(|it| it.answer.as_ref());
            let refresh = plan.asked.uses_refresh_tokens
                && came.is_some_and(|it| it.members.has_refresh_token);
            (of_flags(&flags, refresh), file_of(&flags, refresh))
        }
    };
    text.push_str(&indented(&code));
    text.push_str("\nAs a file, for `AuthLayer::from_config`\n\n");
    text.push_str(&indented(&file));
    text
}

/// The flags, with the encoding that was taken after the other one had been refused.
fn with_encoding(flags: &Flags, facts: &Facts) -> Flags {
    let mut flags = flags.clone();
    let took_raw = facts.requests.last().is_some_and(|it| it.auth == AuthSeen::BasicRaw);
    if facts.requests.len() > 1 && took_raw {
        flags.auth = Some("basic-raw".to_owned());
    }
    flags
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| match line {
        "" => "\n".to_owned(),
        line => format!("    {line}\n"),
    });
    lines.collect()
}

fn of_file(path: &str) -> String {
    format!(
        "let file = std::fs::read_to_string({path:?})?;\n\
         let auth = AuthLayer::from_config(toml::from_str(&file)?)?;\n"
    )
}

fn of_flags(flags: &Flags, refresh: bool) -> String {
    let url = flags.endpoint.as_deref().unwrap_or_default();
    let id = flags.client_id.as_deref().unwrap_or_default();
    let id = if is_reference(id) { credential(id) } else { format!("{id:?}") };
    let secret = credential(flags.secret.as_deref().unwrap_or_default());
    let (system, preset) = match flags.system.as_deref() {
        Some("atlas") => ("Atlas", Some("atlas")),
        Some("rotating") => ("Rotating", Some("rotating")),
        _ => ("ClientCredentials", None),
    };
    let mut code = format!("let url = {url:?};\nlet secret = {secret};\n");
    if let (Some(preset), None) = (preset, &flags.ca_file) {
        let _ = write!(code, "let auth = AuthLayer::{preset}(url, {id}, secret)?");
    } else {
        let _ = write!(code, "let system = {system}::new(url, {id}, secret)?");
        if let Some(auth) = flags.auth.as_deref() {
            let _ = write!(code, "\n    .with_auth({})", client_auth(auth));
        }
        if let Some(scope) = &flags.scope {
            let _ = write!(code, "\n    .with_scope({scope:?})");
        }
        if refresh {
            code.push_str("\n    .with_refresh_tokens()");
        }
        code.push_str(";\nlet endpoint = system.endpoint().clone();\n");
        match &flags.ca_file {
            Some(path) => {
                let _ = write!(
                    code,
                    "let roots = TlsRoots::pem(&std::fs::read({path:?})?)?;\n\
                     let source = TokenSource::over_http(system, HttpClient::new(roots)?);\n\
                     let auth = AuthLayer::new(source)"
                );
            }
            None => code.push_str("let auth = AuthLayer::for_endpoint(system, &endpoint)?"),
        }
    }
    match &flags.api {
        Some(api) => {
            let _ = write!(code, "\n    .with_origin(Origin::parse({api:?})?)");
        }
        None if flags.ca_file.is_some() => {
            code.push_str("\n    .with_origin(endpoint.origin().clone())");
        }
        None => {}
    }
    code.push_str(";\n");
    code
}

fn credential(place: &str) -> String {
    match place.split_once(':') {
        Some(("file", path)) => format!("Credential::file({path:?})"),
        Some((_, name)) => format!("Credential::env({name:?})"),
        None => format!("{place:?}"),
    }
}

fn client_auth(auth: &str) -> &'static str {
    match auth {
        "post" => "ClientAuth::Post",
        "basic-percent" => "ClientAuth::Basic(BasicEncoding::Percent)",
        "basic-raw" => "ClientAuth::Basic(BasicEncoding::Raw)",
        "basic-form" => "ClientAuth::Basic(BasicEncoding::Form)",
        _ => "ClientAuth::default()",
    }
}
