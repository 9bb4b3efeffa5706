//! The URL of a request, whose path and query may have placeholders.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use zeroize::Zeroizing;

use crate::endpoint::encoding::percent;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::system::login::template::{Lookup, Template};

/// The URL of a request. Its scheme, host and port are fixed, so no answer decides where credentials go.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Url {
    /// `https://host:port`, in lower case, without the default port.
    base: String,
    path: Template,
    query: Option<Template>,
    /// The query as it is in the file.
    written_query: String,
}

impl Url {
    /// # Errors
    ///
    /// If it is no safe URL, or has a placeholder in its host.
    pub(crate) fn parse(url: &str) -> Result<Url, String> {
        let authority = url.find("://").map_or(0, |at| at + 3);
        let path = url[authority..].find(['/', '?', '#']).map_or(url.len(), |at| authority + at);
        let (base, rest) = url.split_at(path);
        if base.contains(['{', '}']) {
            return Err("the host of a URL cannot have a placeholder".to_owned());
        }
        let (path, written_query) = rest.split_once('?').unwrap_or((rest, ""));
        let query = match written_query {
            "" => None,
            query => Some(Template::parse(query)?),
        };
        let written_query = written_query.to_owned();
        let url = Url { base: base.to_owned(), path: Template::parse(path)?, query, written_query };
        let endpoint =
            TokenEndpoint::parse(&url.with_names()).map_err(|error| error.to_string())?;
        Ok(Url { base: endpoint.origin().to_string(), ..url })
    }

    /// Stands for a URL that could not be parsed.
    pub(crate) fn nowhere() -> Url {
        let path = Template::text("");
        Url { base: String::new(), path, query: None, written_query: String::new() }
    }

    /// The URL with the values, and with more parameters of the query.
    ///
    /// # Errors
    ///
    /// The error of `lookup`. [`Configuration`](ExchangeErrorKind::Configuration) if a value would be a whole `.` or `..`
    /// of the path, which would change the rest of the path.
    pub(crate) fn render(
        &self,
        lookup: Lookup<'_>,
        more: &[(String, Template)],
    ) -> Result<Zeroizing<String>, ExchangeError> {
        let path = self.path.render(lookup, percent)?;
        if self.path.names().next().is_some() && path.split('/').any(|it| matches!(it, "." | ".."))
        {
            let message = "a value in the path of a login's URL is `.` or `..`";
            return Err(ExchangeError::new(ExchangeErrorKind::Configuration, message));
        }
        let mut parts = Vec::new();
        if let Some(query) = &self.query {
            parts.push(query.render(lookup, percent)?);
        }
        for (name, value) in more {
            let (name, value) = (percent(name), value.render(lookup, |it| it.to_owned().into())?);
            parts.push(Zeroizing::new(format!("{}={}", *name, *percent(&value))));
        }
        let length = parts.iter().map(|it| it.len() + 1).sum::<usize>();
        let mut url =
            Zeroizing::new(String::with_capacity(self.base.len() + path.len() + length + 1));
        url.push_str(&self.base);
        url.push_str(if path.is_empty() { "/" } else { &path });
        for (part, sign) in parts.iter().zip(["?"].into_iter().chain(std::iter::repeat("&"))) {
            url.push_str(sign);
            url.push_str(part);
        }
        Ok(url)
    }

    /// The names of the query's parameters whose values have no placeholder.
    pub(crate) fn literals(&self) -> impl Iterator<Item = &str> {
        self.written_query.split('&').filter_map(|part| {
            let (name, value) = part.split_once('=')?;
            (!value.is_empty() && !value.contains('{')).then_some(name)
        })
    }

    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        [&self.path].into_iter().chain(&self.query)
    }

    /// The URL with a letter in place of each placeholder.
    fn with_names(&self) -> String {
        let lookup = |_: &str| Ok("x".into());
        let plain = |text: &Template| {
            text.render(&lookup, percent).map_or_else(|_| String::new(), |it| it.to_string())
        };
        let query =
            self.query.as_ref().map_or_else(String::new, |query| format!("?{}", plain(query)));
        format!("{}{}{query}", self.base, plain(&self.path))
    }

    /// Without the query, and with the names of the placeholders: for the texts of errors.
    pub(crate) fn shown(&self) -> String {
        format!("{}{}", self.base, self.path.shown())
    }
}

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
        Url::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn rendered(url: &str, more: &[(&str, &str)], value: &str) -> Result<String, ExchangeError> {
        let more: Vec<_> = more
            .iter()
            .map(|(name, it)| ((*name).to_owned(), Template::parse(it).unwrap()))
            .collect();
        let lookup = |_: &str| Ok(Secret::from(value));
        Url::parse(url).unwrap().render(&lookup, &more).map(|url| url.to_string())
    }

    #[test]
    fn values_are_encoded_and_cannot_leave_their_place() {
        for (url, more, value, expected) in [
            ("https://a.example", &[][..], "", "https://a.example/"),
            ("https://a.example/x?k=1", &[("b", "c d")], "", "https://a.example/x?k=1&b=c%20d"),
            (
                "https://a.example/x",
                &[("a", "{v}"), ("b", "2")],
                "&=",
                "https://a.example/x?a=%26%3D&b=2",
            ),
            ("https://a.example/{v}/t", &[], "a/../b?#", "https://a.example/a%2F..%2Fb%3F%23/t"),
            ("https://a.example/t?u={v}", &[], "x&y=1", "https://a.example/t?u=x%26y%3D1"),
        ] {
            assert_eq!(rendered(url, more, value).unwrap(), expected);
        }
        for dots in [".", ".."] {
            let error = rendered("https://a.example/{v}/t", &[], dots).unwrap_err();
            assert_eq!(error.kind(), ExchangeErrorKind::Configuration);
        }
    }

    #[test]
    fn a_url_that_is_unsafe_or_has_another_host_for_each_value_is_an_error() {
        for url in [
            "http://a.example/x",
            "https://{host}/x",
            "https://a.example:{port}/x",
            "{url}",
            "/login",
            "https://user:pass@a.example/",
            "https://a.example/#x",
            "https://a.example/{",
        ] {
            assert!(Url::parse(url).is_err(), "{url}");
        }
        let url = Url::parse("https://a.example/{tenant}/x?key={key}").unwrap();
        assert_eq!(url.shown(), "https://a.example/{tenant}/x");
        assert!(Url::parse("http://127.0.0.1:80/x").is_ok());
        let url = Url::parse("HTTPS://A.Example:443/X").unwrap();
        assert_eq!(url.shown(), "https://a.example/X", "or TLS would have no root certificates");
    }
}
