//! Header names that are cheap to clone, and headers that are found quickly.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use http::header::{AGE, DATE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::basics::bounds;

/// The most names that are kept.
const MAX_NAMES: usize = 256;

/// Up to this many headers, comparing their names is faster than a hash look-up.
const FEW: usize = 8;

static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// The same name as a static one. The clone of a name that was made at run time changes a reference
/// count: 60 ns, and 231 ns with two threads. The memory for a static name is never freed; names come
/// from configurations, so there are few.
pub(crate) fn interned(name: &HeaderName) -> HeaderName {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    interned_in(&mut names, name)
}

fn interned_in(names: &mut Vec<&'static str>, name: &HeaderName) -> HeaderName {
    text_in(names, name.as_str()).map_or_else(|| name.clone(), HeaderName::from_static)
}

/// The same text as a static one, for the names of systems. None if too many names are kept already.
#[cfg(feature = "login")]
pub(crate) fn interned_text(text: &str) -> Option<&'static str> {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    text_in(&mut names, text)
}

fn text_in(names: &mut Vec<&'static str>, text: &str) -> Option<&'static str> {
    let known = names.iter().copied().find(|known| *known == text);
    if known.is_some() || names.len() >= MAX_NAMES {
        return known;
    }
    let text: &'static str = Box::leak(text.into());
    names.push(text);
    Some(text)
}

/// The first value of a header. With few headers, comparing all names is twice as fast as a hash look-up.
/// The header is absent from nearly every request and response.
#[inline(always)]
pub(crate) fn find<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let absent = headers.len() <= FEW && !headers.keys().any(|it| it == name);
    if absent { None } else { headers.get(name) }
}

/// How long an answer has been in a cache: the largest `Age` header, or zero without one.
pub(crate) fn age(headers: &HeaderMap) -> Duration {
    let ages = texts(headers, &AGE).flat_map(|value| value.split(','));
    ages.filter_map(|age| seconds(age.trim())).map(bounds::span).max().unwrap_or_default()
}

/// An answer's `Date`, since the epoch.
pub(crate) fn date(headers: &HeaderMap) -> Option<Duration> {
    http_date(texts(headers, &DATE).next()?)
}

/// What the clock of the server shows when its answer arrives, since the epoch: the `Date`, and the time in a cache.
pub(crate) fn servers_clock(headers: &HeaderMap) -> Option<Duration> {
    date(headers).map(|date| date.saturating_add(age(headers)))
}

pub(crate) fn http_date(text: &str) -> Option<Duration> {
    httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()
}

/// A number of digits, with or without a fraction. Exponents and signs are not accepted.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits(whole) && digits(fraction) { text.parse().ok() } else { None }
}

pub(crate) fn texts<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::header::HeaderScheme;
    use crate::token::source::TokenSource;

    #[test]
    fn an_interned_name_is_the_same_name_kept_once() {
        for name in ["x-made-at-run-time", "authorization"] {
            let made = || HeaderName::try_from(name.to_owned()).unwrap();
            let (first, second) = (interned(&made()), interned(&made()));
            assert_eq!((&first, &second), (&made(), &made()));
            assert_eq!(first.as_str().as_ptr(), second.as_str().as_ptr());
        }
    }

    #[test]
    fn a_header_is_found_among_few_and_among_many() {
        const WANTED: HeaderName = HeaderName::from_static("x-wanted");
        let mut headers = HeaderMap::new();
        for number in 0..2 * FEW {
            assert_eq!(find(&headers, &WANTED), None);
            let mut with = headers.clone();
            with.append(WANTED, HeaderValue::from_static("first"));
            with.append(WANTED, HeaderValue::from_static("second"));
            assert_eq!(find(&with, &WANTED).unwrap(), "first");
            let name = HeaderName::try_from(format!("x-{number}")).unwrap();
            headers.insert(name, HeaderValue::from_static("value"));
        }
    }

    #[test]
    fn only_a_fixed_number_of_names_is_kept_and_other_names_still_work() {
        let mut names = Vec::new();
        let made = |number: usize| HeaderName::try_from(format!("x-{number}")).unwrap();
        for number in 0..2 * MAX_NAMES {
            assert_eq!(interned_in(&mut names, &made(number)), made(number));
        }
        assert_eq!(names.len(), MAX_NAMES);
        assert_eq!(interned_in(&mut names, &made(0)).as_str().as_ptr(), names[0].as_ptr());
    }

    #[test]
    fn sources_of_equal_names_share_the_name_s_text() {
        let source = || {
            let name = HeaderName::try_from("x-of-two-sources".to_owned()).unwrap();
            TokenSource::fixed(HeaderScheme::new(name, ""), "abc").unwrap()
        };
        let sources = [source(), source()];
        let [first, second] = sources.each_ref().map(|it| it.core().header_name.as_str().as_ptr());
        assert_eq!(first, second);
    }
}
