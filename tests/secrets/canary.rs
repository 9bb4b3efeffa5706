//! Secrets that are recognised in every form.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt::{Debug, Write};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A shorter text may appear by chance.
const SHORTEST: usize = 10;

/// Secrets, each in every form in which it could be shown.
#[derive(Default)]
pub(crate) struct Canaries(BTreeSet<String>);

impl Canaries {
    pub(crate) fn of<T: AsRef<str>>(secrets: impl IntoIterator<Item = T>) -> Canaries {
        let mut canaries = Canaries::default();
        secrets.into_iter().for_each(|secret| canaries.add(secret.as_ref()));
        canaries
    }

    /// A part of a token must not appear either, such as its signature.
    pub(crate) fn add(&mut self, secret: &str) {
        let parts = secret.split('.').filter(|part| part.len() >= SHORTEST);
        let parts: Vec<_> = parts.chain([secret]).collect();
        assert!(secret.len() >= SHORTEST, "the secret is too short to be recognised");
        for part in parts {
            let percent = percent_encoded(part);
            for part in [part, &percent, &percent.replace("%20", "+")] {
                self.0.insert(part.to_owned());
                self.0.extend((0..3).flat_map(|before| inside_base64(before, part)));
            }
            self.0.insert(part.escape_default().to_string());
            // In the form in which the `error` of an answer is kept.
            let visible = |c: char| if c.is_ascii_graphic() { c } else { '_' };
            self.0.insert(part.chars().map(visible).collect());
            // In the form of the `Debug` of bytes.
            let bytes = format!("{:?}", part.as_bytes());
            self.0.insert(bytes.trim_matches(['[', ']']).to_owned());
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Names the form that was found, and not the text, which may be long.
    #[track_caller]
    pub(crate) fn assert_absent(&self, place: &str, text: &str) {
        for form in &self.0 {
            if let Some(at) = text.find(&**form) {
                let before = text[..at].char_indices().rev().nth(300).map_or(0, |(at, _)| at);
                panic!("{form} is in {place}: …{}", &text[before..at + form.len()]);
            }
        }
    }
}

pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").unwrap(),
        }
        encoded
    })
}

/// The base64 characters that depend only on `text`, after `before` other bytes: in `Basic`, a name and a colon
/// come first.
fn inside_base64(before: usize, text: &str) -> [String; 2] {
    let bytes = [&vec![0; before], text.as_bytes()].concat();
    let inside = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
    [
        STANDARD_NO_PAD.encode(&bytes)[inside.clone()].to_owned(),
        URL_SAFE_NO_PAD.encode(&bytes)[inside].to_owned(),
    ]
}

/// The texts of an error and its sources.
pub(crate) fn texts_of(error: &(dyn StdError + 'static)) -> String {
    let mut texts = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        writeln!(texts, "{error}\n{error:?}\n{error:#?}").unwrap();
        next = error.source();
    }
    texts
}

/// The `Debug` and `Display` of a value.
pub(crate) fn shown<T: Debug + ?Sized>(value: &T) -> String {
    format!("{value:?}\n{value:#?}\n")
}

#[test]
fn a_secret_is_recognised_in_every_form() {
    let secret = "canary secret/ü+1";
    let canaries = Canaries::of([secret]);
    let said = |text: &str| {
        let found = std::panic::catch_unwind(|| canaries.assert_absent("a text", text));
        assert!(found.is_err(), "{text}");
    };
    said(&format!("a {secret}."));
    said("x=canary%20secret%2F%C3%BC%2B1");
    said(&format!("{secret:?}"));
    said(&format!("{:?}", format!("a {secret}").as_bytes()));
    for client in ["a", "ab", "abc", "abcd"] {
        said(&format!("Basic {}", STANDARD_NO_PAD.encode(format!("{client}:{secret}"))));
        said(&URL_SAFE_NO_PAD.encode(format!("{client}:{secret}{client}")));
    }
    canaries.assert_absent("a clean text", "canary, secret and 1");
}
