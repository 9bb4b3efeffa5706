//! Texts with placeholders, as `user={user}`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use zeroize::Zeroizing;

use crate::exchange::error::ExchangeError;
use crate::secret::Secret;
use crate::system::named::Text;

/// A text with placeholders: `{name}` stands for a value, `{{` and `}}` for a brace.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Piece {
    Text(String),
    Name(String),
}

/// The value of a placeholder.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Result<Secret, ExchangeError>;

impl Template {
    /// # Errors
    ///
    /// If a brace has no partner, or if the text in a pair of braces is no name.
    pub(crate) fn parse(text: &str) -> Result<Template, String> {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let name = (brace == "{").then(|| rest.split_once('}')).flatten();
            let Some((name, after)) = name.filter(|(name, _)| is_name(name)) else {
                return Err(
                    "a text has a brace that belongs to no placeholder: write `{name}` for a value, where a name has \
                     letters, digits and `_`; write `{{` or `}}` for a brace"
                        .to_owned(),
                );
            };
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Name(name.to_owned()));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Template(pieces))
    }

    /// A text without placeholders.
    pub(crate) fn text(text: &str) -> Template {
        Template(vec![Piece::Text(text.to_owned())])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the placeholders.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(&**name),
            Piece::Text(_) => None,
        })
    }

    /// The text before and after the only placeholder of this name. None if there is another placeholder, or more than one.
    pub(crate) fn around(&self, name: &str) -> Option<(String, String)> {
        if self.names().ne([name]) {
            return None;
        }
        let at = self.0.iter().position(|piece| matches!(piece, Piece::Name(_)))?;
        let plain = |pieces: &[Piece]| pieces.iter().map(Piece::shown).collect::<String>();
        Some((plain(&self.0[..at]), plain(&self.0[at + 1..])))
    }

    /// The text with the values in place of the placeholders, each `encoded`.
    ///
    /// # Errors
    ///
    /// The error of `lookup`.
    pub(crate) fn render(
        &self,
        lookup: Lookup<'_>,
        encoded: impl Fn(&str) -> Zeroizing<String>,
    ) -> Result<Zeroizing<String>, ExchangeError> {
        let values = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => Ok(Zeroizing::new(text.clone())),
            Piece::Name(name) => lookup(name).map(|value| encoded(value.expose())),
        });
        let values = values.collect::<Result<Vec<_>, _>>()?;
        // Allocated at full size: growing would copy a secret and leave the old buffer unwiped.
        let length = values.iter().map(|value| value.len()).sum();
        let mut text = Zeroizing::new(String::with_capacity(length));
        values.iter().for_each(|value| text.push_str(value));
        Ok(text)
    }

    /// As it is, with its placeholders. It has no secret, unless somebody has written one into the file.
    pub(crate) fn shown(&self) -> String {
        self.0.iter().map(Piece::shown).collect()
    }
}

impl Piece {
    fn shown(&self) -> String {
        match self {
            Piece::Text(text) => text.clone(),
            Piece::Name(name) => format!("{{{name}}}"),
        }
    }
}

/// For values that are sent as they are.
pub(crate) fn plain(value: &str) -> Zeroizing<String> {
    Zeroizing::new(value.to_owned())
}

pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Template, D::Error> {
        Template::parse(&Text::deserialize(deserializer)?.0).map_err(D::Error::custom)
    }
}

/// Shows the names of the placeholders only: a text may have a secret that should not be there.
impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> String {
        let template = Template::parse(text).unwrap();
        let lookup = |name: &str| Ok(Secret::from(format!("<{name}>")));
        template.render(&lookup, plain).unwrap().to_string()
    }

    #[test]
    fn a_placeholder_stands_for_its_value_and_two_braces_for_one() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{a}", "<a>"),
            ("x{a}y{b_2}z", "x<a>y<b_2>z"),
            ("{{a}}", "{a}"),
            ("{{{a}}}", "{<a>}"),
            ("{{}}", "{}"),
        ] {
            assert_eq!(rendered(text), expected, "{text}");
        }
    }

    #[test]
    fn a_brace_without_a_name_is_an_error() {
        for text in ["{", "}", "{}", "{a", "a}", "{a b}", "{{a}", "{a}}", "{a{b}}"] {
            let error = Template::parse(text).unwrap_err();
            assert!(error.contains("write `{name}`"), "{text}: {error}");
        }
    }

    #[test]
    fn the_text_around_a_single_placeholder_is_known() {
        let around = |text| Template::parse(text).unwrap().around("token");
        assert_eq!(around("Bearer {token}"), Some(("Bearer ".to_owned(), String::new())));
        assert_eq!(around("a={token}; b"), Some(("a=".to_owned(), "; b".to_owned())));
        for other in ["", "token", "{token}{token}", "{user}", "{user}{token}"] {
            assert_eq!(around(other), None, "{other}");
        }
    }
}
