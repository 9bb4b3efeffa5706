//! What errors, logs, metrics and identities call a credential. None of these names has its value.

use std::fmt;

use crate::credential::{Credential, Place};

/// The kind of a credential, and the name of its environment variable.
pub(crate) type Kind<'a> = (&'static str, Option<&'a str>);

/// The kinds of credentials that a person may correct after a refusal, each once. These are all but the values in the code,
/// such as most client ids. If all are values, `value`. If there is none, `unknown`.
pub(crate) fn kinds_to_correct(credentials: &[Credential]) -> Vec<Kind<'_>> {
    let mut kinds = Vec::new();
    for credential in credentials.iter().filter(|it| !it.is_value()) {
        if !kinds.contains(&credential.kind()) {
            kinds.push(credential.kind());
        }
    }
    if kinds.is_empty() {
        kinds.push((if credentials.is_empty() { "unknown" } else { "value" }, None));
    }
    kinds
}

impl Credential {
    /// The place of the credential, for an identity. Two values never count as the same one, because neither of them may be
    /// shown there. Two providers do not either, even if they have the same name.
    pub(crate) fn id(&self) -> String {
        match self.0.place {
            Place::Value(number) => format!("value {number}"),
            Place::Provided(number, _) => format!("provider {number}"),
            _ => self.to_string(),
        }
    }

    /// Its kind, and the name of its environment variable.
    pub(crate) fn kind(&self) -> Kind<'_> {
        match &self.0.place {
            Place::Value(_) => ("value", None),
            Place::File(_) => ("file", None),
            Place::Env(name) => ("env", Some(name)),
            Place::Function(..) => ("function", None),
            Place::Minted(..) => ("minted", None),
            Place::Provided(..) => ("provider", None),
        }
    }
}

/// The place of the credential. A value has none.
impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.place {
            Place::Value(_) => f.write_str("value"),
            Place::File(path) => write!(f, "file {}", path.display()),
            Place::Env(name) => write!(f, "environment variable {name}"),
            Place::Function(number, _) => write!(f, "function {number}"),
            Place::Minted(number, _) => write!(f, "minting function {number}"),
            Place::Provided(number, provider) => match provider.name() {
                Some(name) => f.write_str(&name),
                None => write!(f, "provider {number}"),
            },
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_refusal_values_in_the_code_are_named_only_if_there_is_nothing_else() {
        let kinds = |credentials: &[Credential]| -> Vec<String> {
            let name = |(kind, variable): Kind<'_>| variable.unwrap_or(kind).to_owned();
            kinds_to_correct(credentials).into_iter().map(name).collect()
        };
        let file = || Credential::file("/run/secrets/atlas");
        assert_eq!(kinds(&["id".into(), file(), file()]), ["file"]);
        assert_eq!(kinds(&[Credential::env("ID"), Credential::env("SECRET")]), ["ID", "SECRET"]);
        assert_eq!(kinds(&["id".into(), "secret".into()]), ["value"]);
        assert_eq!(kinds(&[]), ["unknown"]);
    }
}
