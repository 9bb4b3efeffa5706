//! Decides which requests get the credential.

use std::fmt;
use std::sync::Arc;

use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use crate::error::{Error, ErrorKind};
use crate::exchange::chain::{Chain, SourceId};
use crate::origin::Origin;
use crate::origin::parts::{host_agrees, is_same};
use crate::scheme::request::RequestHead;

/// What happens to a request to an origin that the credential is not bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// The request fails with an error that names the origin. This is the default: an error is better
    /// than a request that silently lacks its credential.
    #[default]
    Refuse,
    /// The request is sent without the credential, at once, and its response is not inspected. For
    /// use under a layer that follows redirects. The layer removes a credential header of the caller
    /// (with [`CallerHeader::Keep`], the header stays).
    SendUnauthenticated,
}

/// What happens to a credential header that the caller set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallerHeader {
    /// All its values are replaced. This is the default: the layer is responsible for this header.
    #[default]
    Replace,
    /// The header is kept, and the request passes as if it were exempt.
    Keep,
}

/// A request with this extension passes untouched: it gets no credential, does not wait, is not
/// checked and is not sent again.
///
/// ```
/// use tower_outbound_auth::Exempt;
///
/// let request = http::Request::get("https://api.example/health").extension(Exempt).body(())?;
/// # assert!(request.extensions().get::<Exempt>().is_some());
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exempt;

/// Decides that a request is exempt.
type ExemptIf = Arc<dyn Fn(RequestHead<'_>) -> bool + Send + Sync>;

/// The verdict on a request that may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    WithCredential,
    Unauthenticated,
}

#[derive(Clone, Default)]
pub(crate) struct Guard {
    pub(crate) origins: Vec<Origin>,
    pub(crate) foreign: Foreign,
    pub(crate) caller_header: CallerHeader,
    pub(crate) exempt_if: Option<ExemptIf>,
}

impl Guard {
    /// A quick test whether a request gets the credential. It succeeds for nearly all requests: nothing exempts
    /// them, their origin is written in the usual way, and their method and headers need no check. For other
    /// requests, [`admit`](Guard::admit) decides.
    #[inline(always)]
    pub(crate) fn is_plain<B>(&self, request: &Request<B>) -> bool {
        !has_dangerous_method(request.method())
            && request.extensions().is_empty()
            && self.exempt_if.is_none()
            && self.caller_header == CallerHeader::Replace
            && (self.origins.first().is_some_and(|origin| origin.is_written_so(request.uri()))
                || self.is_another_origin(request.uri()))
            && has_plain_headers(request.headers(), request.uri())
    }

    /// A quick test whether a request goes to a bound origin other than the first. Most layers have one origin, so
    /// only the test of the first is inlined.
    #[inline(never)]
    fn is_another_origin(&self, uri: &Uri) -> bool {
        self.origins.iter().skip(1).any(|origin| origin.is_written_so(uri))
    }

    /// Judges a request before anything else happens to it.
    #[cold]
    #[inline(never)]
    pub(crate) fn admit<B>(
        &self,
        request: &mut Request<B>,
        credential: &HeaderName,
        source: SourceId,
    ) -> Result<Admission, Error> {
        let exempt = request.extensions().get::<Exempt>().is_some()
            || self.exempt_if.as_ref().is_some_and(|exempt| exempt(RequestHead::of(request)))
            || self.caller_header == CallerHeader::Keep
                && request.headers().contains_key(credential);
        if exempt {
            return Ok(Admission::Unauthenticated);
        }
        if self.is_ours(request.uri()) {
            let mut hosts = request.headers().get_all(HOST).iter();
            if !hosts.all(|host| host_agrees(host.as_bytes(), request.uri())) {
                return Err(host_differs());
            }
            if has_dangerous_method(request.method()) {
                return Err(Error::new(
                    ErrorKind::Insecure,
                    "TRACE and CONNECT get no credential: the answer to a TRACE shows it (RFC 9110 section \
                     9.3.8), and a CONNECT is for a proxy. Send such a request without this layer, or with \
                     the extension Exempt",
                ));
            }
            // A request of this source's own exchange is detected later, because it waits for itself.
            let is_foreign_exchange = Chain::in_request(request.extensions())
                .is_some_and(|chain| !chain.contains(source));
            if is_foreign_exchange && request.headers().contains_key(credential) {
                return Err(replaces_a_credential(credential));
            }
            return match names(request.headers(), credential) {
                true => Err(Error::new(
                    ErrorKind::Insecure,
                    format!(
                        "the request's Connection header names {credential}: the next proxy would take the \
                         credential off (RFC 9110 section 7.6.1). Take that name out"
                    ),
                )),
                false => Ok(Admission::WithCredential),
            };
        }
        match self.foreign {
            Foreign::SendUnauthenticated => {
                request.headers_mut().remove(credential);
                Ok(Admission::Unauthenticated)
            }
            Foreign::Refuse => Err(self.refuse(request.uri())),
        }
    }

    pub(crate) fn is_ours(&self, uri: &Uri) -> bool {
        self.origins.iter().any(|origin| origin.contains(uri))
    }

    #[cold]
    fn refuse(&self, uri: &Uri) -> Error {
        let Some(origin) = Origin::of_uri(uri) else {
            let relative = uri.authority().is_none();
            return Error::new(
                ErrorKind::ForeignOrigin,
                if relative {
                    "the request's URI names no host, so nothing shows where the credential would go: \
                     use an absolute URI, or with_origin(Origin::relative()) if the inner service has \
                     one peer"
                } else {
                    "the request's URI is not http(s), or has user information or an unusable \
                     port: the credential was not sent"
                },
            );
        };
        let over_https = match origin.to_string().strip_prefix("http://") {
            Some(rest) => self.origins.iter().any(|ours| {
                Origin::danger_plain_http(&format!("https://{rest}")).is_ok_and(|it| it == *ours)
            }),
            None => false,
        };
        if over_https {
            return Error::new(
                ErrorKind::Insecure,
                format!("{origin} would get the credential over plain http: use https"),
            );
        }
        Error::new(
            ErrorKind::ForeignOrigin,
            format!(
                "{origin} is not an origin of this credential, which is bound to {}: add it by with_origin, or let \
                 requests to other origins pass without the credential by with_foreign(Foreign::SendUnauthenticated)",
                listed(&self.origins)
            ),
        )
    }
}

/// The origins in a sentence: three at most.
fn listed(origins: &[Origin]) -> String {
    let shown: Vec<_> = origins.iter().take(3).map(Origin::to_string).collect();
    match (shown.split_last(), origins.len()) {
        (None, _) => "no origin yet".to_owned(),
        (Some((one, [])), _) => one.clone(),
        (Some((last, others)), ..=3) => format!("{} and {last}", others.join(", ")),
        (Some(_), count) => format!("{} and {} more", shown.join(", "), count - shown.len()),
    }
}

/// Whether requests of this method never get a credential.
fn has_dangerous_method(method: &Method) -> bool {
    matches!(*method, Method::TRACE | Method::CONNECT)
}

/// Whether there is no `Connection`, and every `Host` equals the authority of the URI exactly.
#[inline(always)]
fn has_plain_headers(headers: &HeaderMap, uri: &Uri) -> bool {
    // Up to about thirty headers, comparing all names is faster than two hash look-ups.
    !headers.keys().any(|name| *name == HOST || *name == CONNECTION) || has_its_host(headers, uri)
}

#[inline(never)]
fn has_its_host(headers: &HeaderMap, uri: &Uri) -> bool {
    let authority = uri.authority().map_or("", |authority| authority.as_str()).as_bytes();
    headers.iter().all(|(name, value)| {
        (*name != HOST || is_same(value.as_bytes(), authority)) && *name != CONNECTION
    })
}

/// Whether `Connection` names this header. The header would then be for the next hop only.
fn names(headers: &HeaderMap, name: &HeaderName) -> bool {
    let values = headers.get_all(CONNECTION).iter().map(HeaderValue::as_bytes);
    let mut options =
        values.flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    options.any(|option| option.eq_ignore_ascii_case(name.as_str().as_bytes()))
}

#[cold]
fn replaces_a_credential(credential: &HeaderName) -> Error {
    Error::new(
        ErrorKind::Configuration,
        format!(
            "the token endpoint's client goes through another layer, which would replace the {credential} \
             header of the exchange request: give it a client without that layer, or make its requests \
             exempt there (with_exempt_if, or the extension Exempt)"
        ),
    )
}

#[cold]
fn host_differs() -> Error {
    Error::new(
        ErrorKind::ForeignOrigin,
        "the request's Host header contradicts its URI: the credential was not sent",
    )
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("origins", &self.origins)
            .field("foreign", &self.foreign)
            .field("caller_header", &self.caller_header)
            .field("exempt_if", &self.exempt_if.as_ref().map(|_| "…"))
            .finish()
    }
}

#[cfg(test)]
mod tests;
