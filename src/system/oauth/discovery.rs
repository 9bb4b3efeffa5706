//! The token endpoint from an issuer's metadata (RFC 8414, OpenID Connect Discovery 1.0).
//!
//! Only the issuer that a person has configured is asked. What an API says in a response never decides where credentials go.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{Request, StatusCode};
use serde_json::Value;

use crate::basics::TARGET;
use crate::basics::headers::texts;
use crate::clock::Now;
use crate::endpoint::answer::ExchangeAnswer;
use crate::endpoint::members::Members;
use crate::endpoint::request::ExchangeRequest;
use crate::endpoint::token_endpoint::TokenEndpoint;
use crate::error::Error;
use crate::exchange::error::{ExchangeError, ExchangeErrorKind};
use crate::origin::Origin;

/// The names of the requests for metadata: one for each place.
pub(crate) const DISCOVERY: [&str; 3] = ["discovery 1", "discovery 2", "discovery 3"];

/// How long metadata counts as fresh without a `max-age`, and the limits of a `max-age`.
const FRESH: Duration = Duration::from_secs(3_600);
const SHORTEST: Duration = Duration::from_secs(300);
const LONGEST: Duration = Duration::from_secs(86_400);

/// The most characters of a server's text in an error.
const MAX_SHOWN: usize = 200;

/// An issuer, and what its metadata has said.
#[derive(Debug)]
pub(crate) struct Discovery {
    issuer: String,
    url: TokenEndpoint,
    /// Other origins that the token endpoint may have.
    allowed: Vec<Origin>,
    /// The client shows a certificate in TLS, for which the token endpoint may have an alias (RFC 8705 section 5).
    is_tls: bool,
    known: Mutex<Option<Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    endpoint: TokenEndpoint,
    fresh_until: Now,
}

/// What follows an answer to a request for metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The token endpoint is known.
    Endpoint,
    /// The next place may have it.
    Next(&'static str),
}

impl Discovery {
    /// # Errors
    ///
    /// If the issuer is no https URL, has a query or a fragment (RFC 8414 section 2), or is the address of its metadata.
    pub(crate) fn new(issuer: &str) -> Result<Discovery, Error> {
        let wrong = |why: &str| Error::configuration(format!("the issuer {why}"));
        if issuer.contains(['?', '#']) {
            return Err(wrong("has a query or a fragment (RFC 8414 section 2 forbids both)"));
        }
        if issuer.contains("/.well-known/") {
            return Err(wrong(
                "has `/.well-known/`, as the address of its metadata has: give the issuer, without `/.well-known/…`",
            ));
        }
        let url = TokenEndpoint::parse(issuer);
        let url = url.map_err(|error| wrong(&format!("is no usable URL: {error}")))?;
        let (issuer, known) = (issuer.to_owned(), Mutex::default());
        Ok(Discovery { issuer, url, allowed: Vec::new(), is_tls: false, known })
    }

    /// Allows the token endpoint to have one of these origins too.
    pub(crate) fn allowing(self, allowed: Vec<Origin>) -> Discovery {
        Discovery { allowed, ..self }
    }

    /// For a client that shows a certificate in TLS.
    pub(crate) fn for_tls(self, is_tls: bool) -> Discovery {
        Discovery { is_tls, ..self }
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The issuer as a URL.
    pub(crate) fn url(&self) -> &TokenEndpoint {
        &self.url
    }

    /// The token endpoint, if the metadata is fresh.
    pub(crate) fn fresh(&self, now: Now) -> Option<TokenEndpoint> {
        self.known().filter(|known| !now.has_reached(known.fresh_until)).map(|known| known.endpoint)
    }

    /// The token endpoint of the last metadata, fresh or not.
    pub(crate) fn last(&self) -> Option<TokenEndpoint> {
        self.known().map(|known| known.endpoint)
    }

    fn known(&self) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The places of the metadata: inserted before the path as RFC 8414 section 3.1 says, with both names, and appended as
    /// OpenID Connect says.
    pub(crate) fn places(&self) -> Vec<String> {
        let root = self.url.origin().to_string();
        let path = self.url.uri().path().trim_end_matches('/');
        let mut places = vec![
            format!("{root}/.well-known/oauth-authorization-server{path}"),
            format!("{root}/.well-known/openid-configuration{path}"),
        ];
        if !path.is_empty() {
            places.push(format!("{root}{path}/.well-known/openid-configuration"));
        }
        places
    }

    /// The request for metadata of this name. It has no credential. Earlier metadata counts as fresh for five more minutes, so
    /// that an issuer which never answers delays one exchange, and not each.
    pub(crate) fn request(
        &self,
        name: &'static str,
        now: Now,
    ) -> Result<ExchangeRequest, ExchangeError> {
        if let Some(known) = &mut *self.known.lock().unwrap_or_else(PoisonError::into_inner) {
            known.fresh_until = now + SHORTEST;
        }
        let number = number_of(name);
        let place = self.places().into_iter().nth(number).unwrap_or_default();
        let request = Request::get(place).header(ACCEPT, "application/json").body(Bytes::new())?;
        Ok(ExchangeRequest::new(request).named(name).without_refresh_token())
    }

    /// Reads an answer with metadata.
    ///
    /// # Errors
    ///
    /// If there is no earlier metadata, and this one is that of another issuer, puts the token endpoint elsewhere, or is not
    /// there.
    pub(crate) fn read(&self, answer: &ExchangeAnswer) -> Result<Found, ExchangeError> {
        let next = DISCOVERY.get(number_of(answer.request_name()) + 1);
        let next = next.filter(|name| number_of(name) < self.places().len());
        if answer.status().is_success()
            && let Ok(members) = Members::of(answer)
        {
            return match self.learn(answer, &members) {
                Ok(()) => Ok(Found::Endpoint),
                Err(error) => self.or_the_last(error),
            };
        }
        let has_none = answer.status().is_success() || answer.status() == StatusCode::NOT_FOUND;
        match next.filter(|_| has_none) {
            Some(next) => Ok(Found::Next(next)),
            None if has_none => self.or_the_last(self.nothing_there(answer)),
            None => self.or_the_last(answer.unavailable()),
        }
    }

    /// The earlier metadata is used, if there is any.
    ///
    /// # Errors
    ///
    /// Otherwise this error.
    pub(crate) fn or_the_last(&self, error: ExchangeError) -> Result<Found, ExchangeError> {
        let error = self.of_the_issuer(error);
        if self.last().is_none() {
            return Err(error);
        }
        tracing::warn!(target: TARGET, cause = %error, "the metadata of an issuer cannot be used: its last token endpoint is used");
        Ok(Found::Endpoint)
    }

    fn nothing_there(&self, answer: &ExchangeAnswer) -> ExchangeError {
        let tried = self.places().len();
        let message =
            format!("there is no metadata at any of its {tried} places: check the issuer's URL");
        let error = ExchangeError::new(ExchangeErrorKind::Unavailable, message);
        error.with_status(answer.status()).in_doubt()
    }

    fn of_the_issuer(&self, error: ExchangeError) -> ExchangeError {
        error
            .map_message(|message| format!("the metadata of the issuer {}: {message}", self.issuer))
    }

    fn learn(&self, answer: &ExchangeAnswer, members: &Members<'_>) -> Result<(), ExchangeError> {
        let wrong = |why: String| {
            ExchangeError::new(ExchangeErrorKind::Malformed, why).with_status(answer.status())
        };
        let text = |name| members.text(name).map(|text| text.map(|it| it.expose().to_owned()));
        let issuer = text("issuer")?.unwrap_or_default();
        if issuer != self.issuer {
            return Err(wrong(format!(
                "it is of the issuer \"{}\", and the two must be equal letter for letter: correct the configuration, if this \
                 is the right server; for an address inside a cluster, which the metadata does not have, use `OAuth::builder` or \
                 `OAuth::keycloak`, with `OAuthClient::audience`",
                visible(&issuer)
            )));
        }
        let alias = if self.is_tls { alias_of(answer)? } else { None };
        let endpoint = alias.map_or_else(|| text("token_endpoint"), |alias| Ok(Some(alias)))?;
        let endpoint = endpoint.ok_or_else(|| wrong("it has no `token_endpoint`".to_owned()))?;
        let endpoint = TokenEndpoint::parse(&endpoint);
        let endpoint = endpoint.map_err(|error| {
            wrong(format!("`token_endpoint` is not usable: {}", visible(&error.to_string())))
        })?;
        let origin = endpoint.origin();
        if origin != self.url.origin() && !self.allowed.contains(origin) {
            return Err(wrong(format!(
                "the token endpoint is at {}, which is another origin than the issuer's: allow it by \
                 `token_endpoint_origin`, if it is right",
                visible(&origin.to_string())
            )));
        }
        let now = answer.received().unwrap_or(Now::NEVER);
        let fresh_until = now + max_age(answer).map_or(FRESH, |age| age.clamp(SHORTEST, LONGEST));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let last = known.as_ref().map(|known| known.endpoint.clone());
        let moved = last.filter(|last| last.origin() != origin);
        let endpoint = match moved {
            Some(last) => {
                let (issuer, to) = (&*self.issuer, visible(&origin.to_string()));
                tracing::warn!(target: TARGET, issuer, to, "an issuer has moved its token endpoint to another origin: the old one is used until the next start");
                last
            }
            None => endpoint,
        };
        *known = Some(Known { endpoint, fresh_until });
        Ok(())
    }
}

/// The token endpoint for clients that show a certificate in TLS (RFC 8705 section 5). None if the metadata has no aliases.
///
/// # Errors
///
/// If it has aliases, and none of the token endpoint.
fn alias_of(answer: &ExchangeAnswer) -> Result<Option<String>, ExchangeError> {
    let metadata = serde_json::from_slice::<Value>(answer.text_bytes()).unwrap_or_default();
    let Some(aliases) = metadata.get("mtls_endpoint_aliases") else { return Ok(None) };
    match aliases.get("token_endpoint").and_then(Value::as_str) {
        Some(alias) => Ok(Some(alias.to_owned())),
        None => Err(ExchangeError::new(
            ExchangeErrorKind::Configuration,
            "`mtls_endpoint_aliases` has no `token_endpoint`, and a client with a certificate needs one (RFC 8705 section \
             5): call `OAuth::builder` with its address, if the provider does not correct that",
        )),
    }
}

fn number_of(name: &str) -> usize {
    DISCOVERY.iter().position(|it| *it == name).unwrap_or_default()
}

fn max_age(answer: &ExchangeAnswer) -> Option<Duration> {
    let directives = texts(answer.headers(), &CACHE_CONTROL).flat_map(|value| value.split(','));
    let mut ages = directives.filter_map(|it| {
        let (name, seconds) = it.trim().split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| seconds.parse().ok())?
    });
    ages.next().map(Duration::from_secs)
}

/// A server's text for an error: it cannot forge a line of a log.
fn visible(text: &str) -> String {
    let visible = |c: char| if matches!(c, ' '..='~') && c != '"' { c } else { '_' };
    text.chars().take(MAX_SHOWN).map(visible).collect()
}

#[cfg(test)]
mod tests;
