//! Which requests get the credential.

use std::fmt;
use std::sync::Arc;

use http::header::{CONNECTION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};

use crate::error::{Error, ErrorKind};
use crate::exchange::chain::{Chain, SourceId};
use crate::origin::Origin;
use crate::origin::parts::{host_agrees, is_same};
use crate::scheme::request::RequestHead;

/// What becomes of a request to an origin that the credential is not bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Foreign {
    /// It fails with an error that names the origin. The default: sending something else than what was
    /// asked for, silently, is worse than failing.
    #[default]
    Refuse,
    /// It is sent without the credential, at once, and its response is not looked at: for use under a
    /// layer that follows redirects. A credential header that it brings along is taken off (with
    /// [`CallerHeader::Keep`], it stays).
    SendUnauthenticated,
}

/// What becomes of a credential header that the caller set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallerHeader {
    /// All its values are replaced. The default: this layer is responsible for that header.
    #[default]
    Replace,
    /// It is kept, and the request passes as if it were exempt.
    Keep,
}

/// A request with this extension passes untouched: without credential, wait, guard or retry.
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
    /// Whether a request gets the credential, told at a glance. So it is for nearly all: nothing makes one exempt,
    /// the origin is written in the usual way, and neither its method nor its headers need a look. Of any other,
    /// [`admit`](Guard::admit) decides.
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

    /// Whether a request goes to an origin other than the first, told at a glance. Most layers have one: the test of
    /// the first is inlined, and those of the others are not.
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
            // A request of this source's own exchange is found out later, as one that waits for itself.
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
                    "the request's URI is not one of http(s), or has user information or an unusable \
                     port: the credential stays here"
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
                "{origin} is not an origin of this credential: allow it by with_origin, or let foreign \
                 requests pass without the credential by Foreign::SendUnauthenticated"
            ),
        )
    }
}

/// Whether a request of this method must not carry a credential.
fn has_dangerous_method(method: &Method) -> bool {
    matches!(*method, Method::TRACE | Method::CONNECT)
}

/// Whether there is no `Connection`, and every `Host` is the authority of the URI letter for letter.
#[inline(always)]
fn has_plain_headers(headers: &HeaderMap, uri: &Uri) -> bool {
    // Comparing all names costs less than hashing two of them, up to some thirty headers.
    !headers.keys().any(|name| *name == HOST || *name == CONNECTION) || has_its_host(headers, uri)
}

#[inline(never)]
fn has_its_host(headers: &HeaderMap, uri: &Uri) -> bool {
    let authority = uri.authority().map_or("", |authority| authority.as_str()).as_bytes();
    headers.iter().all(|(name, value)| {
        (*name != HOST || is_same(value.as_bytes(), authority)) && *name != CONNECTION
    })
}

/// Whether `Connection` names this header: it is then for the next hop alone.
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
        "the request's Host header contradicts its URI: the credential stays here",
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
mod tests {
    use http::header::{AUTHORIZATION, CONNECTION};

    use super::*;

    fn guard() -> Guard {
        let origins = vec![Origin::parse("https://api.example").unwrap()];
        Guard { origins, ..Guard::default() }
    }

    /// A request with the credential header of its caller.
    fn request(uri: &str, host: Option<&'static str>) -> Request<()> {
        let mut request = Request::get(uri).header(AUTHORIZATION, "theirs").body(()).unwrap();
        if let Some(host) = host {
            request.headers_mut().insert(HOST, HeaderValue::from_static(host));
        }
        request
    }

    fn judged(guard: &Guard, mut request: Request<()>) -> Result<Admission, ErrorKind> {
        let at_a_glance = guard.is_plain(&request);
        let judged = guard.admit(&mut request, &AUTHORIZATION, SourceId::next());
        assert!(!at_a_glance || judged.as_ref().is_ok_and(|it| *it == Admission::WithCredential));
        judged.map_err(|error| error.kind())
    }

    #[test]
    fn a_credential_goes_to_its_origins_however_they_are_written() {
        let (ours, foreign) = (Ok(Admission::WithCredential), Err(ErrorKind::ForeignOrigin));
        for (uri, host, verdict) in [
            ("https://api.example/x", None, ours),
            ("https://api.example/x", Some("api.example"), ours),
            ("https://API.example:443/x", Some("api.example"), ours),
            ("https://api.example/x", Some("evil.test"), foreign),
            ("https://evil.test/x", None, foreign),
            ("https://evil.test/x", Some("api.example"), foreign),
            ("http://evil.test/x", None, foreign),
            ("http://api.example/x", None, Err(ErrorKind::Insecure)),
            ("/x", None, foreign),
        ] {
            assert_eq!(judged(&guard(), request(uri, host)), verdict, "{uri} {host:?}");
            let mut extended = request(uri, host);
            extended.extensions_mut().insert("an extension of somebody's");
            assert_eq!(judged(&guard(), extended), verdict, "{uri} {host:?}, with extension");
        }
    }

    #[test]
    fn each_of_several_origins_is_told_at_a_glance_and_no_other_is() {
        let origins =
            ["https://api.example", "https://other.example", "https://third.example:8443"];
        let guard = Guard {
            origins: origins.iter().map(|it| Origin::parse(it).unwrap()).collect(),
            ..Guard::default()
        };
        for origin in origins {
            let request = request(&format!("{origin}/x"), None);
            assert!(guard.is_plain(&request), "{origin}");
            assert_eq!(judged(&guard, request), Ok(Admission::WithCredential), "{origin}");
        }
        for origin in ["https://evil.test", "https://third.example", "https://other.example:8443"] {
            let request = request(&format!("{origin}/x"), None);
            assert!(!guard.is_plain(&request), "{origin}");
            assert_eq!(judged(&guard, request), Err(ErrorKind::ForeignOrigin), "{origin}");
        }
    }

    #[test]
    fn every_host_header_has_to_agree_with_the_uri() {
        for (second, verdict) in [
            ("api.example", Ok(Admission::WithCredential)),
            ("evil.test", Err(ErrorKind::ForeignOrigin)),
        ] {
            let mut two = request("https://api.example/x", Some("api.example"));
            two.headers_mut().append(HOST, HeaderValue::from_static(second));
            assert_eq!(judged(&guard(), two), verdict, "{second}");
        }
    }

    #[test]
    fn a_method_that_echoes_or_tunnels_gets_no_credential() {
        for method in [Method::TRACE, Method::CONNECT] {
            let mut trace = request("https://api.example/x", None);
            *trace.method_mut() = method.clone();
            assert_eq!(judged(&guard(), trace), Err(ErrorKind::Insecure), "{method}");
            let mut exempt = request("https://api.example/x", None);
            *exempt.method_mut() = method.clone();
            exempt.extensions_mut().insert(Exempt);
            assert_eq!(judged(&guard(), exempt), Ok(Admission::Unauthenticated), "{method}");
        }
        let mut lower = request("https://api.example/x", None);
        *lower.method_mut() = Method::from_bytes(b"trace").unwrap();
        assert_eq!(judged(&guard(), lower), Ok(Admission::WithCredential), "another method");
    }

    #[test]
    fn a_connection_header_that_names_the_credentials_header_is_an_error() {
        for (values, refused) in [
            (&["authorization"][..], true),
            (&["close, Authorization"], true),
            (&["close", "keep-alive ,AUTHORIZATION , te"], true),
            (&["close"], false),
            (&["x-authorization"], false),
            (&[""], false),
        ] {
            for host in [None, Some("api.example")] {
                let mut request = request("https://api.example/x", host);
                for value in values {
                    request.headers_mut().append(CONNECTION, HeaderValue::from_static(value));
                }
                let verdict = judged(&guard(), request);
                let expected =
                    if refused { Err(ErrorKind::Insecure) } else { Ok(Admission::WithCredential) };
                assert_eq!(verdict, expected, "{values:?} {host:?}");
            }
        }
        // A proxy that takes names off does not mind what else stands there.
        let mut odd = request("https://api.example/x", None);
        let value = HeaderValue::from_bytes(b"authorization, \xff").unwrap();
        odd.headers_mut().append(CONNECTION, value);
        assert_eq!(judged(&guard(), odd), Err(ErrorKind::Insecure));
    }

    #[test]
    fn a_request_with_no_other_header_than_connection_is_looked_at() {
        let mut request = Request::get("https://api.example/x").body(()).unwrap();
        assert!(guard().is_plain(&request));
        request.headers_mut().insert(CONNECTION, HeaderValue::from_static("authorization"));
        assert!(!guard().is_plain(&request));
        assert_eq!(judged(&guard(), request), Err(ErrorKind::Insecure));
    }

    #[test]
    fn what_is_exempt_is_sent_bare_wherever_it_goes() {
        for uri in ["https://api.example/x", "https://evil.test/x"] {
            let mut exempt = request(uri, None);
            exempt.extensions_mut().insert(Exempt);
            assert_eq!(judged(&guard(), exempt), Ok(Admission::Unauthenticated));

            let exempt_if = |is: bool| Guard { exempt_if: Some(Arc::new(move |_| is)), ..guard() };
            assert_eq!(
                judged(&exempt_if(true), request(uri, None)),
                Ok(Admission::Unauthenticated)
            );
            let verdict = judged(&guard(), request(uri, None));
            assert_eq!(judged(&exempt_if(false), request(uri, None)), verdict);

            let keep = Guard { caller_header: CallerHeader::Keep, ..guard() };
            assert_eq!(judged(&keep, request(uri, None)), Ok(Admission::Unauthenticated));
            let without = Request::get(uri).body(()).unwrap();
            assert_eq!(judged(&keep, without), verdict, "there is none to keep");
        }
    }

    #[test]
    fn a_foreign_request_that_passes_bare_loses_its_credential_header() {
        let guard = Guard { foreign: Foreign::SendUnauthenticated, ..guard() };
        let mut request = request("https://evil.test/x", None);
        assert!(matches!(
            guard.admit(&mut request, &AUTHORIZATION, SourceId::next()),
            Ok(Admission::Unauthenticated)
        ));
        assert!(request.headers().is_empty());
    }

    #[test]
    fn what_a_layer_is_bound_to_is_shown() {
        let guard = Guard { exempt_if: Some(Arc::new(|_| true)), ..Guard::default() };
        let shown = r#"Guard { origins: [], foreign: Refuse, caller_header: Replace, exempt_if: Some("…") }"#;
        assert_eq!(format!("{guard:?}"), shown);
    }
}
