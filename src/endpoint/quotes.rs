//! Whether a server's text contains a credential that was sent to the server.
//!
//! A server may copy a credential into its error code: all of it or a part, decoded or encoded. Such a code is not
//! shown. A harmless code is also withheld if it has by chance four characters in a row of the secret.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use zeroize::Zeroizing;

use crate::credential::shown::Shown;
use crate::endpoint::encoding::{form, percent};
use crate::endpoint::refusal_codes::is_refusal_code;
use crate::exchange::error::ExchangeError;
use crate::secret::Secret;

/// This many characters in a row of a credential count as a part of it. A shorter credential counts
/// as a whole.
const PART: usize = 4;
/// The same for a text that is longer than an error code, and that often has words: a scope. Four characters of a long token would
/// stand in it by chance.
const LONG_PART: usize = 8;

/// Words of error codes that credentials also often contain. They reveal nothing about a
/// credential.
const COMMON: [&str; 10] = [
    "client",
    "secret",
    "invalid",
    "token",
    "credential",
    "password",
    "missing",
    "grant",
    "scope",
    "author",
];

/// Of a text of a server, no more characters are shown. Only these are compared, because a comparison takes the time of the text
/// times that of the credential.
const LONGEST_SHOWN: usize = 256;

/// Characters that occur in texts encoded for a URL, for JSON or for HTML, and in no error code.
const ENCODED: [char; 3] = ['%', '\\', '&'];

/// The credentials of one client.
pub(crate) struct Credentials {
    pub(crate) id: Secret,
    pub(crate) secret: Secret,
    /// The id is itself a secret, such as an API key.
    pub(crate) id_is_secret: bool,
}

impl Credentials {
    /// Whether a text contains a part of these credentials in any encoding, or a run of characters that may be
    /// another credential or a token.
    pub(crate) fn are_quoted_in(&self, text: &str) -> bool {
        let text = beginning(text);
        text.contains(ENCODED) || has_a_token(text) || self.have_a_part_in(text, PART)
    }

    /// Whether a text contains a long part of these credentials in any encoding.
    pub(crate) fn are_quoted_at_length_in(&self, text: &str) -> bool {
        self.have_a_part_in(beginning(text), LONG_PART)
    }

    fn have_a_part_in(&self, text: &str, part: usize) -> bool {
        self.is_plain_in(text, part) || self.is_encoded_in(text, part)
    }

    fn is_plain_in(&self, text: &str, part: usize) -> bool {
        let plain = COMMON.iter().fold(text.to_lowercase(), |text, word| text.replace(word, "\n"));
        let as_form = plain.replace('+', " ");
        let quoted = |credential: &Secret| {
            if text.contains(credential.expose()) {
                return true;
            }
            let credential = Zeroizing::new(credential.expose().to_lowercase());
            has_a_part(&plain, &credential, part) || has_a_part(&as_form, &credential, part)
        };
        quoted(&self.secret) || self.id_is_secret && quoted(&self.id)
    }

    /// In base64 or hexadecimal: the secret alone, or `id:secret` as in Basic, with each encoding of
    /// Basic.
    fn is_encoded_in(&self, text: &str, part: usize) -> bool {
        // Two characters of text are three in base64, and four in hexadecimal.
        let (encoded, in_hex) = (part / 2 * 3, part * 2);
        let (id, secret) = (self.id.expose(), self.secret.expose());
        let mut texts = vec![
            Zeroizing::new(secret.to_owned()),
            Zeroizing::new(format!("{id}:{secret}")),
            Zeroizing::new(format!("{}:{}", *percent(id), *percent(secret))),
            Zeroizing::new(format!("{}:{}", *form(id), *form(secret))),
        ];
        if self.id_is_secret {
            texts.push(Zeroizing::new(id.to_owned()));
        }
        texts.iter().any(|plain| {
            let [standard, for_urls] =
                [STANDARD, URL_SAFE].map(|it| Zeroizing::new(it.encode(&**plain)));
            let hex: Zeroizing<String> =
                Zeroizing::new(plain.bytes().map(|byte| format!("{byte:02x}")).collect());
            has_a_part(text, standard.trim_end_matches('='), encoded)
                || has_a_part(text, for_urls.trim_end_matches('='), encoded)
                || has_a_part(&text.to_lowercase(), &hex, in_hex)
        })
    }
}

/// The error for display. Its code is replaced by `withheld` if the code quotes one of these credentials and is not
/// a code of OAuth. A number that quotes one is left out.
pub(crate) fn withheld(error: ExchangeError, shown: &Shown) -> ExchangeError {
    // It is unknown here which of the credentials is an id, so each one counts as a secret.
    let is_quote = |text: &str| {
        shown.secrets().any(|secret| {
            let (id, secret) = (Secret::from(""), secret.clone());
            Credentials { id, secret, id_is_secret: false }.are_quoted_in(text)
        })
    };
    let numbers = error.numbers().iter().copied();
    let numbers = numbers.filter(|number| !is_quote(&number.to_string())).collect();
    let error = error.with_numbers(numbers);
    let is_shown = |code: &&str| !error.is_judged() && !is_refusal_code(code);
    match error.code().filter(is_shown) {
        Some(code) if is_quote(code) => error.with_code("withheld"),
        _ => error,
    }
}

/// Whether a path contains a part of one of these credentials in any encoding, or a segment that may be another credential
/// or a token.
pub(crate) fn is_quoted_in_path(path: &str, shown: &Shown) -> bool {
    path.split('/').any(has_a_token) || has_a_part_of_any(path, shown, PART)
}

/// Whether a segment of a URL of our own contains a long part of one of these credentials in any encoding, or may be another
/// credential or a token. Four characters of a client id would stand in many paths by chance.
pub(crate) fn is_quoted_in_segment(segment: &str, shown: &Shown) -> bool {
    has_a_token(segment) || has_a_part_of_any(segment, shown, LONG_PART)
}

fn has_a_part_of_any(text: &str, shown: &Shown, part: usize) -> bool {
    // It is unknown here which of the credentials is an id, and which secret belongs to it.
    let pairs = shown.secrets().flat_map(|id| shown.secrets().map(move |secret| (id, secret)));
    let mut pairs = pairs.map(|(id, secret)| Credentials {
        id: id.clone(),
        secret: secret.clone(),
        id_is_secret: true,
    });
    pairs.any(|pair| pair.have_a_part_in(text, part))
}

fn beginning(text: &str) -> &str {
    text.char_indices().nth(LONGEST_SHOWN).map_or(text, |(end, _)| &text[..end])
}

/// Whether `text` has `length` characters in a row of `credential`, or the whole if it is shorter.
fn has_a_part(text: &str, credential: &str, length: usize) -> bool {
    let length = length.min(credential.len()).max(1);
    let mut parts = credential.as_bytes().windows(length);
    parts.any(|part| text.as_bytes().windows(length).any(|it| it == part))
}

/// Whether a text has a run of characters that is as long as a token.
fn has_a_token(text: &str) -> bool {
    let dense = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    text.split(|c| !dense(c)).any(|run| run.len() >= 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(id: &str, secret: &str, id_is_secret: bool) -> Credentials {
        Credentials { id: id.into(), secret: secret.into(), id_is_secret }
    }

    #[test]
    fn four_characters_in_a_row_of_a_credential_are_a_quote() {
        let credentials = credentials("key-4711", "hunter2", true);
        for (text, quotes) in [
            ("invalid_client", false),
            ("no such client: hunter2", true),
            ("no such client: hunt", true),
            ("no such client: NTER", true),
            ("no such client: hun", false),
            ("y-47", true),
            ("no such token: eyJhbGciOiJIUzI1NiIsInR5", true),
            ("no such token: aHVudGVyMmh1bnRlcjJodW50+/=%", true),
            ("no such token: eyJhbGciOiJIUzI1NiIsInR", false),
            ("many short words, one after the other", false),
        ] {
            assert_eq!(credentials.are_quoted_in(text), quotes, "{text}");
        }
    }

    #[test]
    fn a_part_is_found_in_each_encoding_alone() {
        let plus = credentials("reports", "x+yz-more", false);
        assert!(plus.are_quoted_in("bad: x+yz"), "as plain text");
        let blank = credentials("reports", "x yz-more", false);
        assert!(blank.are_quoted_in("bad: x+yz"), "as a form");
        let odd = credentials("reports", ">>>???", false);
        for part in ["j4+Pz8", "j4-Pz8", "3e3e3e3f", "3E3E3E3F"] {
            assert!(odd.are_quoted_in(&format!("bad: {part}")), "{part}");
        }
        assert!(!odd.are_quoted_in("bad: j4.Pz8"));
    }

    #[test]
    fn only_the_beginning_of_a_text_counts_because_no_more_of_it_is_shown() {
        let credentials = credentials("billing", "hunter2-4711", false);
        let after = |characters: usize| format!("{}hunter2-", "é ".repeat(characters / 2));
        for (text, quotes) in [(after(248), true), (after(256), false), (after(252), false)] {
            assert_eq!(credentials.are_quoted_at_length_in(&text), quotes, "{}", text.len());
        }
        assert!(!credentials.are_quoted_in(&after(256)) && credentials.are_quoted_in(&after(252)));
    }

    #[test]
    fn eight_characters_in_a_row_are_a_quote_in_a_scope() {
        let credentials = credentials("billing", "hunter2-4711-abcd", false);
        for (scope, quotes) in [
            ("billing:read hunter2", false),
            ("read hunter2-x", true),
            ("read 4711-abc", true),
            ("read 4711-ab", false),
            ("aHVudGVyMi00NzE", true),
            ("68756e746572322d", true),
            ("68756e746572322", false),
            ("https://billing.example/auth/everything.that.there.is%20", false),
        ] {
            assert_eq!(credentials.are_quoted_at_length_in(scope), quotes, "{scope}");
        }
    }

    #[test]
    fn a_short_secret_counts_as_a_whole_and_a_public_id_does_not_count() {
        let short = credentials("reports", "abc", false);
        assert!(short.are_quoted_in("bad abc") && !short.are_quoted_in("bad ab"));
        assert!(!short.are_quoted_in("no such client: reports"));
    }

    #[test]
    fn a_common_word_of_error_codes_is_not_a_quote() {
        let prefixed = credentials("reports", "client-secret-4711", false);
        assert!(!prefixed.are_quoted_in("Missing Client-Id or Client-Secret"));
        assert!(prefixed.are_quoted_in("no such secret: client-secret-4711"));
        assert!(prefixed.are_quoted_in("no such secret: ...4711"));
        let poor = credentials("reports", "secret", false);
        assert!(poor.are_quoted_in("the secret is wrong"));
        assert!(!poor.are_quoted_in("Missing Client-Id or Client-Secret"));
    }
}
