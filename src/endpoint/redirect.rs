//! Where a redirect of a token endpoint leads, for the text of its error.
//!
//! A server may write anything into `Location`, also a credential or a session. So the query is never shown, and the path
//! only if it is harmless. Without its path, a redirect within one origin would tell nothing.

use http::Uri;
use http::header::LOCATION;

use crate::credential::shown::Shown;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::quotes::is_quoted_in_path;
use crate::origin::Origin;

/// A longer origin is not shown, because it would fill the log.
const MAX_ORIGIN: usize = 100;
/// A longer path is not shown, for the same reason.
const MAX_PATH: usize = 100;
/// A longer segment of a path may be a session or a token.
const MAX_SEGMENT: usize = 40;

/// The text of the error for a redirect.
pub(crate) fn message(answer: &ExchangeAnswer) -> String {
    let Some((origin, path)) = target(answer) else {
        return "the answer is a redirect without a usable address: check the address of the token endpoint; if it is \
                right, something in between (a proxy, a captive portal) may have answered in its place"
            .to_owned();
    };
    let is_within = answer.asked().is_some_and(|endpoint| origin.contains(endpoint));
    let path = if is_harmless(&path, answer.shown()) { &path } else { "" };
    let what_to_do = match is_within {
        true => {
            "check the path of the token endpoint; if it is right, something in between (a proxy, a captive portal) may \
             have answered in its place"
        }
        false => {
            "if the token endpoint has moved, use its new address; else something in between (a proxy, a captive portal) \
             answered in the token endpoint's place"
        }
    };
    format!(
        "the answer is a redirect to {origin}{path}, which is not followed because the request has the credentials: \
         {what_to_do}"
    )
}

/// The origin and the path of `Location`. A relative one is resolved against the endpoint (RFC 3986 section 5.2).
fn target(answer: &ExchangeAnswer) -> Option<(Origin, String)> {
    let location = answer.headers().get(LOCATION)?.to_str().ok()?;
    let location = location.split(['?', '#']).next().unwrap_or_default();
    if has_scheme(location) {
        return absolute(location);
    }
    let endpoint = answer.asked()?;
    if location.starts_with("//") {
        return absolute(&format!("{}:{location}", endpoint.scheme_str()?));
    }
    let path = match location {
        "" => endpoint.path().to_owned(),
        _ if location.starts_with('/') => location.to_owned(),
        _ => {
            let (folder, _) = endpoint.path().rsplit_once('/')?;
            format!("{folder}/{location}")
        }
    };
    Some((Origin::of_uri(endpoint)?, path))
}

fn absolute(url: &str) -> Option<(Origin, String)> {
    let uri: Uri = url.parse().ok()?;
    let origin = Origin::of_uri(&uri)?;
    (origin.to_string().len() <= MAX_ORIGIN).then(|| (origin, uri.path().to_owned()))
}

fn has_scheme(location: &str) -> bool {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    location.split_once(':').is_some_and(|(scheme, _)| scheme.chars().all(is_scheme))
}

/// Whether a path can be shown: it is short and plain, and has neither a part of a credential nor a segment that may be a
/// token.
fn is_harmless(path: &str, shown: &Shown) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._~/-".contains(c);
    let is_name = |it: &str| it.len() <= MAX_SEGMENT && !matches!(it, "." | "..");
    path.len() <= MAX_PATH
        && path.chars().all(is_plain)
        && path.split('/').all(is_name)
        && !is_quoted_in_path(path, shown)
}
