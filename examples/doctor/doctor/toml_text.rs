//! Writes the flags as a file that `Config` reads.

use std::fmt::Write;

use super::args::{Flags, is_reference};

/// The file. `refresh` says whether it uses refresh tokens.
pub(crate) fn file_of(flags: &Flags, refresh: bool) -> String {
    let system = flags.system.as_deref().unwrap_or("client_credentials");
    let (endpoint, id) =
        if system == "rotating" { ("api_root", "api_key") } else { ("endpoint", "client_id") };
    let mut file = String::new();
    line(&mut file, "api", flags.api.as_deref());
    line(&mut file, "ca_file", flags.ca_file.as_deref());
    let blank = if file.is_empty() { "" } else { "\n" };
    let _ = writeln!(file, "{blank}[{system}]");
    line(&mut file, endpoint, flags.endpoint.as_deref());
    match flags.client_id.as_deref() {
        Some(place) if is_reference(place) && system != "rotating" => {
            let _ = writeln!(file, "client_id = {{ from = {} }}", quoted(place));
        }
        value => line(&mut file, id, value),
    }
    line(&mut file, "client_secret", flags.secret.as_deref());
    line(&mut file, "auth", flags.auth.as_deref());
    line(&mut file, "scope", flags.scope.as_deref());
    if refresh {
        file.push_str("refresh_tokens = true\n");
    }
    file
}

fn line(file: &mut String, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        let _ = writeln!(file, "{name} = {}", quoted(value));
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let escaped = text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(escaped, "\\u{:04X}", u32::from(c));
            }
            c => escaped.push(c),
        }
        escaped
    });
    format!("\"{escaped}\"")
}
