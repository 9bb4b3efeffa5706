//! How long a token lives, as an answer of any system says it.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::basics::bounds;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::moment::moment;
use crate::exchange::issued::Issued;
use crate::system::login::place::{CookieLife, Place};
use crate::system::oauth::answer::{self, life};

/// The life of a token: the same for all tokens, or as the answer says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Life {
    Seconds(f64),
    At { at: Place, unit: Unit },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Unit {
    Milliseconds,
    #[default]
    Seconds,
    Minutes,
    Hours,
    Days,
}

/// The moment at which a token expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) at: Place,
    /// The time zone of a moment that names none, as `+09:00`.
    pub(crate) offset: Option<String>,
}

impl Unit {
    fn seconds(self) -> f64 {
        match self {
            Unit::Milliseconds => 0.001,
            Unit::Seconds => 1.0,
            Unit::Minutes => 60.0,
            Unit::Hours => 3_600.0,
            Unit::Days => 86_400.0,
        }
    }
}

impl Life {
    /// Adds the life. A life that cannot be read counts as unstated, because the token beside it is good.
    pub(crate) fn add(&self, issued: Issued, answer: &ExchangeAnswer) -> Issued {
        let (value, unit) = match self {
            Life::Seconds(seconds) => (Value::from(*seconds), Unit::Seconds),
            Life::At { at, unit } => (at.value(answer).unwrap_or_default(), *unit),
        };
        match life(&value) {
            // A point in time in the wrong member.
            Some(answer::Life::Until(end)) if unit == Unit::Seconds => until(issued, Some(end)),
            _ => match bounds::number(&value).map(|number| number * unit.seconds()) {
                Some(seconds) if seconds > 0.0 => issued.with_expires_in(bounds::span(seconds)),
                Some(_) => issued.with_no_life(),
                None => until(issued, moment(&value)),
            },
        }
    }
}

impl End {
    /// As [`Life::add`].
    pub(crate) fn add(&self, issued: Issued, answer: &ExchangeAnswer) -> Issued {
        let value = self.at.value(answer).unwrap_or_default();
        let text = value.as_str().unwrap_or_default().trim();
        let with_offset = || moment(&Value::from(format!("{text}{}", self.offset.as_deref()?)));
        let in_http = || httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok();
        until(issued, moment(&value).or_else(with_offset).or_else(in_http))
    }

    /// Whether the offset is one of RFC 3339.
    pub(crate) fn has_flaw(&self) -> bool {
        let example =
            |offset: &String| moment(&Value::from(format!("2026-01-01T00:00:00{offset}")));
        self.offset.as_ref().is_some_and(|offset| example(offset).is_none())
    }
}

/// Adds the life of the cookie that is the token.
pub(crate) fn add_life_of_cookie(issued: Issued, token: &Place, answer: &ExchangeAnswer) -> Issued {
    match token.life_of_cookie(answer) {
        Some(CookieLife::In(life)) => issued.with_expires_in(life),
        Some(CookieLife::At(end)) => until(issued, Some(end)),
        None => issued,
    }
}

fn until(issued: Issued, end: Option<Duration>) -> Issued {
    match end.and_then(|end| UNIX_EPOCH.checked_add(end)) {
        Some(end) => issued.with_expires_at(end),
        None => issued,
    }
}

impl<'de> Deserialize<'de> for Life {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Life, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            at: Place,
            #[serde(default)]
            unit: Unit,
        }

        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Life;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a number of seconds, a place such as `/expires_in`, or `at` and `unit`",
                )
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Life, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Life, E> {
                self.visit_f64(seconds as f64)
            }

            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Life, E> {
                match seconds >= 1.0 {
                    true => Ok(Life::Seconds(seconds)),
                    false => Err(E::custom("a life has one second or more")),
                }
            }

            fn visit_str<E: de::Error>(self, place: &str) -> Result<Life, E> {
                let at = place.parse().map_err(E::custom)?;
                Ok(Life::At { at, unit: Unit::Seconds })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Life, A::Error> {
                let Written { at, unit } = Written::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Life::At { at, unit })
            }
        }

        deserializer.deserialize_any(Read)
    }
}

impl<'de> Deserialize<'de> for End {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<End, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            at: Place,
            offset: Option<String>,
        }

        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = End;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a place such as `/expires_at`, or `at` and `offset`")
            }

            fn visit_str<E: de::Error>(self, place: &str) -> Result<End, E> {
                Ok(End { at: place.parse().map_err(E::custom)?, offset: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<End, A::Error> {
                let Written { at, offset } = Written::deserialize(MapAccessDeserializer::new(map))?;
                let end = End { at, offset };
                match end.has_flaw() {
                    true => Err(de::Error::custom(
                        "an offset from UTC is written as `+09:00`, `-03:30` or `Z`",
                    )),
                    false => Ok(end),
                }
            }
        }

        deserializer.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Response;

    use super::*;

    fn issued(
        body: &str,
        add: impl Fn(Issued, &ExchangeAnswer) -> Issued,
    ) -> (Option<f64>, Option<u64>) {
        let answer = ExchangeAnswer::new(Response::new(Bytes::from(body.to_owned())));
        let issued = add(Issued::new("token"), &answer);
        let stated = issued.stated();
        (stated.expires_in.map(|it| it.as_secs_f64()), stated.expires_at.map(|it| it.as_secs()))
    }

    #[test]
    fn a_life_is_read_in_its_unit() {
        for (life, value, expected) in [
            ("600", "null", (Some(600.0), None)),
            (r#""/v""#, "90", (Some(90.0), None)),
            (r#""/v""#, r#""90.5""#, (Some(90.5), None)),
            (r#"{"at":"/v","unit":"milliseconds"}"#, "1500", (Some(1.5), None)),
            (r#"{"at":"/v","unit":"minutes"}"#, "30", (Some(1_800.0), None)),
            (r#"{"at":"/v","unit":"hours"}"#, "2", (Some(7_200.0), None)),
            (r#"{"at":"/v","unit":"days"}"#, "1", (Some(86_400.0), None)),
            (r#""/v""#, "1767225600", (None, Some(1_767_225_600))),
            (r#""/v""#, "1767225600123", (None, Some(1_767_225_600))),
            (r#""/v""#, r#""2026-01-01T00:00:00Z""#, (None, Some(1_767_225_600))),
            (r#""/v""#, "0", (None, None)),
            (r#""/v""#, r#""soon""#, (None, None)),
            (r#""/missing""#, "1", (None, None)),
        ] {
            let read: Life = serde_json::from_str(life).unwrap();
            let seen =
                issued(&format!(r#"{{"v":{value}}}"#), |issued, answer| read.add(issued, answer));
            assert_eq!(seen, expected, "{life} {value}");
        }
    }

    #[test]
    fn a_moment_is_read_in_every_form_and_in_its_time_zone() {
        for (end, value, expected) in [
            (r#""/v""#, "1767225600", Some(1_767_225_600)),
            (r#""/v""#, "1767225600123", Some(1_767_225_600)),
            (r#""/v""#, r#""2026-01-01T09:00:00+09:00""#, Some(1_767_225_600)),
            (r#"{"at":"/v","offset":"+09:00"}"#, r#""2026-01-01 09:00:00""#, Some(1_767_225_600)),
            (r#"{"at":"/v","offset":"+09:00"}"#, r#""2026-01-01T00:00:00Z""#, Some(1_767_225_600)),
            (r#""/v""#, r#""Thu, 01 Jan 2026 00:00:00 GMT""#, Some(1_767_225_600)),
            (r#""/v""#, r#""2026-01-01 09:00:00""#, None),
            (r#""/v""#, "0", None),
        ] {
            let read: End = serde_json::from_str(end).unwrap();
            let seen =
                issued(&format!(r#"{{"v":{value}}}"#), |issued, answer| read.add(issued, answer));
            assert_eq!(seen, (None, expected), "{end} {value}");
        }
    }

    #[test]
    fn a_life_that_cannot_be_meant_is_an_error() {
        for life in [
            "0",
            "-1",
            "0.5",
            r#""v""#,
            r#"{"at":"/v","unit":"weeks"}"#,
            r#"{"unit":"days"}"#,
            "true",
        ] {
            assert!(serde_json::from_str::<Life>(life).is_err(), "{life}");
        }
        for end in ["60", r#"{"at":"/v","offset":"JST"}"#, r#"{"at":"/v","offset":"+9"}"#] {
            assert!(serde_json::from_str::<End>(end).is_err(), "{end}");
        }
    }
}
