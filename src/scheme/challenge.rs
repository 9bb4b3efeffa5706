//! Reads the reason of a refusal: `WWW-Authenticate` (RFC 9110 section 11.6.1).
//!
//! A response may have several such headers, and a header several challenges. The same comma separates challenges and
//! parameters. Servers forget quotes and commas. If the meaning is still clear, the value is read, and the parameters
//! and challenges after it are not lost. Everything else is skipped. A refusal without a reason is still a refusal.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

/// The most bytes of all values together that are read.
const MAX_BYTES: usize = 8 * 1024;
const MAX_CHALLENGES: usize = 16;

/// These words begin a challenge, even without a comma before them.
const SCHEMES: [&str; 5] = ["Basic", "Bearer", "Digest", "DPoP", "Negotiate"];

/// One challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge<'a> {
    /// Compared without regard to case.
    pub(crate) scheme: &'a str,
    /// The names are compared without regard to case.
    pub(crate) params: Vec<(&'a str, Cow<'a, str>)>,
}

impl Challenge<'_> {
    /// The value of a parameter.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        let found = self.params.iter().find(|(its_name, _)| its_name.eq_ignore_ascii_case(name));
        found.map(|(_, value)| &**value)
    }
}

/// Reasons for which a new token would be refused too (RFC 6750 section 3.1, RFC 9470 section 3, and Entra's).
const OTHER_REASONS: [&str; 4] = [
    "insufficient_scope",
    "invalid_request",
    "insufficient_user_authentication",
    "insufficient_claims",
];

/// Whether a refusal is about the token. After one of [`OTHER_REASONS`], a new token would be refused too, unless another
/// challenge gives another reason.
#[cold]
pub(crate) fn is_about_the_token(headers: &HeaderMap) -> bool {
    let mut other_reason = false;
    for challenge in challenges(headers) {
        match challenge.param("error") {
            Some(error) if OTHER_REASONS.contains(&error) => other_reason = true,
            Some(_) => return true,
            None => {}
        }
    }
    !other_reason
}

/// Whether a challenge says that the token is invalid (RFC 6750 section 3.1).
#[cold]
pub(crate) fn names_an_invalid_token(headers: &HeaderMap) -> bool {
    challenges(headers).iter().any(|challenge| challenge.param("error") == Some("invalid_token"))
}

/// The challenges of a response.
pub(crate) fn challenges(headers: &HeaderMap) -> Vec<Challenge<'_>> {
    let mut all = Vec::new();
    let mut left = MAX_BYTES;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let Some(rest) = left.checked_sub(value.len()) else { break };
        left = rest;
        // Some servers put UTF-8 into a description.
        if let Ok(text) = std::str::from_utf8(value.as_bytes()) {
            Reader(text).read_into(&mut all);
        }
    }
    all
}

/// The text that is not read yet.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn read_into(mut self, all: &mut Vec<Challenge<'a>>) {
        while all.len() < MAX_CHALLENGES {
            self.skip(|c| matches!(c, ' ' | '\t' | ','));
            if self.0.is_empty() {
                return;
            }
            // A parameter without a challenge. A comma in an unquoted value separated them.
            if is_param(self.0)
                && let Some(last) = all.last_mut()
            {
                self.read_params(last);
                continue;
            }
            let Some(scheme) = self.token() else {
                self.skip_item();
                continue;
            };
            let mut challenge = Challenge { scheme, params: Vec::new() };
            self.read_params(&mut challenge);
            all.push(challenge);
        }
    }

    /// Reads one challenge, up to the next one.
    fn read_params(&mut self, challenge: &mut Challenge<'a>) {
        self.skip_blanks();
        if self.token68() {
            return;
        }
        loop {
            self.skip(|c| matches!(c, ' ' | '\t' | ',' | ';'));
            if self.0.is_empty() {
                return;
            }
            let before = self.0;
            let name = self.token();
            let is_word = self.0.is_empty() || self.0.starts_with([' ', '\t', ',']);
            self.skip_blanks();
            match (name, self.0.strip_prefix('=')) {
                (Some(name), Some(after)) => {
                    self.0 = after;
                    self.skip_blanks();
                    let value = self.value();
                    challenge.params.push((name, value));
                }
                (Some(name), None) if is_word && self.is_scheme(name) => {
                    self.0 = before; // the next challenge begins
                    return;
                }
                _ => self.skip_item(),
            }
        }
    }

    /// Whether a word that was just read begins a challenge: it is a known word, nothing follows it, or a parameter
    /// follows it. Other words belong to an unquoted description with a comma.
    fn is_scheme(&self, word: &str) -> bool {
        SCHEMES.iter().any(|it| it.eq_ignore_ascii_case(word))
            || self.0.is_empty()
            || self.0.starts_with(',')
            || is_param(self.0)
    }

    fn value(&mut self) -> Cow<'a, str> {
        match self.0.chars().next() {
            Some('"') => match self.quoted() {
                Some(value) => {
                    // Text directly after the closing quote is skipped, unless it is a parameter.
                    if !is_param(self.0.trim_start_matches(';')) {
                        self.skip(|c| !matches!(c, ' ' | '\t' | ','));
                    }
                    value
                }
                None => {
                    self.0 = &self.0[1..];
                    self.unquoted().into()
                }
            },
            Some('\'') => match self.0[1..].split_once('\'') {
                Some((value, rest)) => {
                    self.0 = rest;
                    value.into()
                }
                None => self.unquoted().into(),
            },
            _ => self.unquoted().into(),
        }
    }

    /// Reads an unquoted value: up to the next comma. If a comma is missing, the value ends before
    /// something that looks like a parameter, or like a challenge with a parameter.
    fn unquoted(&mut self) -> &'a str {
        let item = self.0.split(',').next().unwrap_or_default();
        let starts = |c: char| matches!(c, ' ' | '\t' | ';');
        let mut words = item.match_indices(starts).map(|(at, _)| at + 1);
        let mut last = None;
        let end = words.find_map(|at| {
            let word = item[at..].split(starts).next().unwrap_or_default();
            let before = last.replace((at, word));
            let scheme =
                before.filter(|(_, word)| SCHEMES.iter().any(|it| it.eq_ignore_ascii_case(word)));
            is_param(word).then(|| scheme.map_or(at, |(at, _)| at))
        });
        let value = &item[..end.unwrap_or(item.len())];
        self.0 = &self.0[value.len()..];
        let value = if end.is_some() { value.trim_end_matches(starts) } else { value };
        value.trim_matches([' ', '\t', '"'])
    }

    /// Skips what cannot be read, up to the next comma.
    fn skip_item(&mut self) {
        self.skip(|c| c != ',');
    }

    /// A value in place of parameters, as in a credential, such as Negotiate's.
    fn token68(&mut self) -> bool {
        let is_char = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
        let rest = self.0.trim_start_matches(is_char);
        let padded = rest.trim_start_matches('=');
        let after = padded.trim_start_matches([' ', '\t']);
        // A word before a blank is the next scheme. A word before a comma or the end is a value. A word with
        // `=` and nothing after it, before another parameter, is a parameter without a value.
        let next = after.trim_start_matches([' ', '\t', ',']);
        let next = next.split([' ', '\t', ',']).next().unwrap_or_default();
        let found = rest.len() < self.0.len()
            && (after.is_empty() || after.starts_with(','))
            && !(padded.len() < rest.len() && is_param(next));
        if found {
            self.0 = after;
        }
        found
    }

    fn token(&mut self) -> Option<&'a str> {
        let rest = self.0.trim_start_matches(is_token_char);
        let token = &self.0[..self.0.len() - rest.len()];
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let text = self.0.strip_prefix('"')?;
        let mut escaped = false;
        let end = text.char_indices().find(|(_, c)| {
            let closes = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            closes
        });
        let (end, _) = end?;
        self.0 = &text[end + 1..];
        let text = &text[..end];
        if !text.contains('\\') {
            return Some(text.into());
        }
        let mut plain = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            plain.push(if c == '\\' { chars.next()? } else { c });
        }
        Some(plain.into())
    }

    fn skip(&mut self, skipped: impl Fn(char) -> bool) {
        self.0 = self.0.trim_start_matches(skipped);
    }

    fn skip_blanks(&mut self) {
        self.skip(|c| matches!(c, ' ' | '\t'));
    }
}

/// Whether a text begins with `name=`.
fn is_param(text: &str) -> bool {
    let after = text.trim_start_matches(is_token_char);
    after.len() < text.len() && after.trim_start_matches([' ', '\t']).starts_with('=')
}

/// A character of a token (RFC 9110 section 5.6.2).
fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests;
