//! Whether the parts of a login fit together.

use std::collections::BTreeSet;

use crate::system::client::flaw;
use crate::system::login::builder::LoginBuilder;
use crate::system::login::rule::AnswerRule;
use crate::system::login::step::LoginStep;
use crate::system::login::template::{Template, is_name};

/// The most requests of one login: no known system needs more.
const MAX_STEPS: usize = 4;

/// Names that every request knows.
const KNOWN: [&str; 4] = ["now", "now_ms", "now_rfc3339", "nonce"];

/// Names that have a meaning of their own in one place.
const RESERVED: [&str; 3] = ["body", "refresh_token", "token"];

/// Ends of names that only secrets have, without signs.
const SECRETS: [&str; 7] =
    ["password", "passwd", "passphrase", "secret", "apikey", "accesskey", "privatekey"];

impl LoginBuilder {
    /// # Errors
    ///
    /// What is wrong, with the step and the name.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(flaw) = &self.flaw {
            return Err(flaw.clone());
        }
        if self.name.is_empty()
            || !self.name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        {
            return Err("its name has letters, digits, `-`, `_` and `.`".to_owned());
        }
        let most = MAX_STEPS - usize::from(self.refresh.is_some());
        if self.steps.is_empty() || self.steps.len() > most {
            return Err(format!(
                "it has one to {most} steps: one login has at most {MAX_STEPS} requests, a refresh among them"
            ));
        }
        if self.refresh.is_some() != self.refresh_token.is_some() {
            return Err(
                "`refresh`, a request, and `refresh_token`, a place in an answer, need each other"
                    .to_owned(),
            );
        }
        for (what, rules) in [
            ("refused", &self.refused),
            ("over", &Some(self.over.clone())),
            ("doubted", &Some(self.doubted.clone())),
        ] {
            if let Some(flaw) = rules.iter().flatten().find_map(AnswerRule::flaw) {
                return Err(format!("a rule of `{what}`: {flaw}"));
            }
        }
        self.check_names()
    }

    /// Each placeholder has a value where it stands, and each credential is used.
    fn check_names(&self) -> Result<(), String> {
        let mut known: BTreeSet<&str> = KNOWN.into_iter().collect();
        let mut used = BTreeSet::new();
        for (name, credential) in &self.credentials.0 {
            let checked = credential.check(&format!("credential `{name}`"), flaw);
            checked.map_err(|error| error.to_string())?;
            if !is_name(name) || RESERVED.contains(&&**name) || !known.insert(name) {
                return Err(format!(
                    "a credential cannot have the name `{name}`: use letters, digits and `_`, and no name twice"
                ));
            }
        }
        if let Some(client) =
            self.client.as_deref().filter(|client| self.credentials.get(client).is_none())
        {
            return Err(format!("`client` names `{client}`, which is none of the credentials"));
        }
        used.extend(self.client.as_deref());
        if let Some(refresh) = &self.refresh {
            let mut known = known.clone();
            known.insert("refresh_token");
            check_step(refresh, &known, &mut used).map_err(|flaw| format!("`refresh`: {flaw}"))?;
            if !refresh.take.0.is_empty() {
                return Err("`refresh`: a refresh takes nothing for a later step".to_owned());
            }
        }
        for (number, step) in self.steps.iter().enumerate() {
            let wrong = |flaw| format!("step {}: {flaw}", number + 1);
            check_step(step, &known, &mut used).map_err(wrong)?;
            for (name, _) in &step.take.0 {
                if RESERVED.contains(&&**name) || !known.insert(name) {
                    return Err(wrong(format!("`take` gives the name `{name}` a second meaning")));
                }
            }
        }
        match self.credentials.0.iter().find(|(name, _)| !used.contains(&**name)) {
            Some((name, _)) => Err(format!(
                "the credential `{name}` is used nowhere: write `{{{name}}}` where it belongs"
            )),
            None => Ok(()),
        }
    }
}

/// Adds the names of the step's placeholders to `used`.
fn check_step<'a>(
    step: &'a LoginStep,
    known: &BTreeSet<&str>,
    used: &mut BTreeSet<&'a str>,
) -> Result<(), String> {
    if let Some(flaw) = step.flaw() {
        return Err(flaw);
    }
    let mut with_computed = known.clone();
    for (name, _) in &step.compute.0 {
        if RESERVED.contains(&&**name) || !with_computed.insert(name) {
            return Err(format!("`compute` gives the name `{name}` a second meaning"));
        }
    }
    let computed = step.compute.0.iter().flat_map(|(_, it)| it.templates());
    for name in computed.flat_map(Template::names) {
        let has_body = name == "body" && step.has_body();
        if !has_body && !known.contains(name) {
            return Err(unknown(name, known));
        }
        used.insert(name);
    }
    for (name, text) in step.texts() {
        for placeholder in text.names() {
            if !with_computed.contains(placeholder) {
                return Err(unknown(placeholder, &with_computed));
            }
            used.insert(placeholder);
        }
        if is_secret(name) && is_literal(text) {
            return Err(written_secret(name));
        }
    }
    let written = step.url.literals().chain(step.numbers());
    if let Some(name) = written.into_iter().find(|name| is_secret(name)) {
        return Err(written_secret(name));
    }
    if step.compute.0.iter().filter_map(|(_, it)| it.key()).any(is_literal) {
        return Err(written_secret("key"));
    }
    let signed = step
        .compute
        .0
        .iter()
        .filter(|(_, it)| it.templates().flat_map(Template::names).any(|it| it == "body"));
    for (name, _) in signed {
        if step.body_texts().flat_map(Template::names).any(|it| it == name) {
            return Err(format!(
                "`{name}` is computed of the body, so it cannot stand in the body"
            ));
        }
    }
    Ok(())
}

fn is_secret(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    SECRETS.iter().any(|end| letters.to_ascii_lowercase().ends_with(end))
}

fn is_literal(text: &Template) -> bool {
    text.names().next().is_none() && !text.is_empty()
}

fn written_secret(name: &str) -> String {
    format!(
        "`{name}` seems to be a secret, and its value is written here: add a credential, such as `file:/run/secrets/x` or \
         `env:NAME`, and write its name in single braces"
    )
}

fn unknown(name: &str, known: &BTreeSet<&str>) -> String {
    let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("`{{{name}}}` has no value here; there are {}", known.join(", "))
}
