//! Where in an answer a value is: `/data/token`, `header:X-Token`, `cookie:session` or `body`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::HeaderMap;
use http::HeaderName;
use http::header::SET_COOKIE;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::Value;

use crate::basics::bounds;
use crate::basics::headers::texts;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::members::Members;
use crate::exchange::error::ExchangeError;
use crate::secret::Secret;

/// Where in an answer a value is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// A JSON pointer (RFC 6901), or the name of a form field after the slash.
    Member(String),
    Header(HeaderName),
    Cookie(String),
    /// The whole body as text.
    Body,
}

impl Place {
    /// The value as a text: a text that is not empty, a number, or a truth value.
    ///
    /// # Errors
    ///
    /// [`Malformed`](crate::exchange::ExchangeErrorKind::Malformed) if the body cannot be read, or if the value is given
    /// twice and differs.
    pub(crate) fn text(&self, answer: &ExchangeAnswer) -> Result<Option<Secret>, ExchangeError> {
        match self {
            Place::Member(pointer) => match Members::of(answer)?.parent_of(pointer) {
                Some((parent, name)) => parent.scalar(&name),
                None => Ok(None),
            },
            Place::Body => {
                let text = answer.text()?;
                // Some answers are a JSON text: a token in quotation marks.
                let quoted = serde_json::from_str::<String>(text).map(Secret::from);
                let text = quoted.unwrap_or_else(|_| Secret::from(text));
                Ok(Some(text).filter(|text| !text.expose().is_empty()))
            }
            Place::Header(_) | Place::Cookie(_) => {
                Ok(self.in_head(answer.headers()).map(Secret::from))
            }
        }
    }

    /// The value. None also if the body cannot be read: a rule about it then does not fit.
    pub(crate) fn value(&self, answer: &ExchangeAnswer) -> Option<Value> {
        match self {
            Place::Member(pointer) => {
                let (parent, name) = Members::of(answer).ok()?.parent_of(pointer)?;
                parent.value(&name).ok()?
            }
            Place::Body => answer.text().ok().map(Value::from),
            Place::Header(_) | Place::Cookie(_) => self.in_head(answer.headers()).map(Value::from),
        }
    }

    /// The value in the head of a response. None if the place is in the body.
    pub(crate) fn in_head<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        match self {
            Place::Header(name) => texts(headers, name).find(|text| !text.is_empty()),
            Place::Cookie(name) => Cookie::find(headers, name).map(|cookie| cookie.value),
            Place::Member(_) | Place::Body => None,
        }
    }

    pub(crate) fn is_in_the_body(&self) -> bool {
        matches!(self, Place::Member(_) | Place::Body)
    }

    /// The life of the cookie, if the place is one that states its life.
    pub(crate) fn life_of_cookie(&self, answer: &ExchangeAnswer) -> Option<CookieLife> {
        match self {
            Place::Cookie(name) => Cookie::find(answer.headers(), name)?.life,
            _ => None,
        }
    }
}

/// How long a cookie lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CookieLife {
    /// `Max-Age`.
    In(Duration),
    /// `Expires`, since the epoch.
    At(Duration),
}

struct Cookie<'a> {
    value: &'a str,
    life: Option<CookieLife>,
}

impl<'a> Cookie<'a> {
    /// The last cookie of this name (RFC 6265 section 5.3). None if it is empty, or is deleted by a `Max-Age` of zero or an
    /// `Expires` that no clock shows any more.
    fn find(headers: &'a HeaderMap, name: &str) -> Option<Cookie<'a>> {
        let cookies = texts(headers, &SET_COOKIE).filter_map(|text| {
            let mut parts = text.split(';');
            let (its_name, value) = parts.next()?.split_once('=')?;
            (its_name.trim() == name).then(|| (value.trim(), parts))
        });
        let (value, attributes) = cookies.last()?;
        let (mut max_age, mut expires) = (None, None);
        for attribute in attributes {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "max-age" => {
                    let life = value.trim().parse::<f64>().ok().filter(|it| !it.is_nan());
                    max_age = life.or(max_age);
                }
                "expires" => {
                    // Old servers write `21-Oct-2026`.
                    let end = httpdate::parse_http_date(&value.trim().replace('-', " "));
                    expires = end.ok().or(expires);
                }
                _ => {}
            }
        }
        let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
        // `Max-Age` has precedence (RFC 6265 section 5.3).
        let life = match (max_age, expires.and_then(since)) {
            (Some(life), _) if life <= 0.0 => return None,
            (Some(life), _) => Some(CookieLife::In(bounds::span(life))),
            (None, Some(end)) if end < bounds::EARLIEST => return None,
            (None, end) => end.map(CookieLife::At),
        };
        (!value.is_empty()).then_some(Cookie { value, life })
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Place, String> {
        match text.split_once(':') {
            _ if text.starts_with('/') && text.len() > 1 => Ok(Place::Member(text.to_owned())),
            _ if text == "body" => Ok(Place::Body),
            Some(("header", name)) => {
                let name = name.trim().parse();
                name.map(Place::Header).map_err(|_| "this is no name of a header".to_owned())
            }
            Some(("cookie", name)) if !name.trim().is_empty() => Ok(Place::Cookie(name.trim().to_owned())),
            _ => Err("a place in an answer is a JSON pointer that begins with `/`, such as `/data/token`, or \
                      `header:X-Token`, `cookie:session`, or `body`"
                .to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Place, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Member(pointer) => f.write_str(pointer),
            Place::Header(name) => write!(f, "header:{name}"),
            Place::Cookie(name) => write!(f, "cookie:{name}"),
            Place::Body => f.write_str("body"),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;

    use super::*;

    fn answer(headers: &[(&'static str, &'static str)], body: &'static str) -> ExchangeAnswer {
        let mut response = Response::builder();
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        ExchangeAnswer::new(response.body(Bytes::from_static(body.as_bytes())).unwrap())
    }

    fn found(place: &str, answer: &ExchangeAnswer) -> Option<String> {
        let place: Place = place.parse().unwrap();
        place.text(answer).unwrap().map(|text| text.expose().to_owned())
    }

    #[test]
    fn a_value_is_found_in_a_member_a_header_a_cookie_or_the_body() {
        let json = answer(
            &[
                ("x-token", ""),
                ("x-token", " abc "),
                ("set-cookie", "sid = a=b ; Path=/"),
                ("set-cookie", "other=1"),
            ],
            r#"{"a":{"b/c":["x","y"]},"n":17,"t":true,"e":"","o":{},"z":null}"#,
        );
        for (place, value) in [
            ("/a/b~1c/1", Some("y")),
            ("/n", Some("17")),
            ("/t", Some("true")),
            ("/e", None),
            ("/o", None),
            ("/z", None),
            ("/a/missing", None),
            ("header:X-Token", Some("abc")),
            ("header:x-missing", None),
            ("cookie:sid", Some("a=b")),
            ("cookie:SID", None),
        ] {
            assert_eq!(found(place, &json).as_deref(), value, "{place}");
        }
        for (body, value) in [(" abc\n", "abc"), ("\"abc\"", "abc")] {
            assert_eq!(found("body", &answer(&[], body)).as_deref(), Some(value));
        }
        let form = [("content-type", "application/x-www-form-urlencoded")];
        assert_eq!(found("/token", &answer(&form, "token=a%20b")).as_deref(), Some("a b"));
    }

    #[test]
    fn a_cookie_states_its_life_and_the_last_one_of_a_name_counts() {
        let life = |cookie: &'static str| {
            let place = Place::Cookie("sid".into());
            place.life_of_cookie(&answer(
                &[("set-cookie", "sid=old; Max-Age=1"), ("set-cookie", cookie)],
                "",
            ))
        };
        let (secs, at) = (Duration::from_secs, Duration::from_secs(1_767_225_600));
        assert_eq!(life("sid=a; max-age=60; Secure"), Some(CookieLife::In(secs(60))));
        assert_eq!(life("sid=a; Expires=Thu, 01 Jan 2026 00:00:00 GMT"), Some(CookieLife::At(at)));
        assert_eq!(life("sid=a; Expires=Thu, 01-Jan-2026 00:00:00 GMT"), Some(CookieLife::At(at)));
        assert_eq!(
            life("sid=a; Expires=Thu, 01 Jan 2026 00:00:00 GMT; Max-Age=7"),
            Some(CookieLife::In(secs(7)))
        );
        assert_eq!(life("sid=a"), None);
        let gone = answer(&[("set-cookie", "sid=a"), ("set-cookie", "sid=a; Max-Age=0")], "");
        assert_eq!(found("cookie:sid", &gone), None);
    }

    #[test]
    fn a_text_that_is_no_place_is_an_error_that_names_the_forms() {
        for text in ["", "/", "token", "header:", "header:a b", "cookie:", "Body", "json:/a"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
        for text in ["/a", "header:x-token", "cookie:a", "body"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
    }
}
