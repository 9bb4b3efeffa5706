//! Which requests get the credential, which pass without it, and which are errors.

use http::header::{AUTHORIZATION, CONNECTION};

use super::*;

fn guard() -> Guard {
    let origins = vec![Origin::parse("https://api.example").unwrap()];
    Guard { origins, ..Guard::default() }
}

/// A request in which the caller set the credential header.
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
fn a_bound_origin_is_recognised_in_every_spelling() {
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
        extended.extensions_mut().insert("an extension of the caller");
        assert_eq!(judged(&guard(), extended), verdict, "{uri} {host:?}, with extension");
    }
}

#[test]
fn the_quick_test_accepts_each_bound_origin_and_no_other() {
    let origins = ["https://api.example", "https://other.example", "https://third.example:8443"];
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
fn a_host_header_that_contradicts_the_uri_is_an_error() {
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
fn trace_and_connect_get_no_credential() {
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
    assert_eq!(
        judged(&guard(), lower),
        Ok(Admission::WithCredential),
        "methods are compared with case"
    );
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
    // A proxy that removes headers ignores anything else in the list.
    let mut odd = request("https://api.example/x", None);
    let value = HeaderValue::from_bytes(b"authorization, \xff").unwrap();
    odd.headers_mut().append(CONNECTION, value);
    assert_eq!(judged(&guard(), odd), Err(ErrorKind::Insecure));
}

#[test]
fn a_request_with_only_a_connection_header_is_checked() {
    let mut request = Request::get("https://api.example/x").body(()).unwrap();
    assert!(guard().is_plain(&request));
    request.headers_mut().insert(CONNECTION, HeaderValue::from_static("authorization"));
    assert!(!guard().is_plain(&request));
    assert_eq!(judged(&guard(), request), Err(ErrorKind::Insecure));
}

#[test]
fn an_exempt_request_is_sent_without_a_credential_to_any_origin() {
    for uri in ["https://api.example/x", "https://evil.test/x"] {
        let mut exempt = request(uri, None);
        exempt.extensions_mut().insert(Exempt);
        assert_eq!(judged(&guard(), exempt), Ok(Admission::Unauthenticated));

        let exempt_if = |is: bool| Guard { exempt_if: Some(Arc::new(move |_| is)), ..guard() };
        assert_eq!(judged(&exempt_if(true), request(uri, None)), Ok(Admission::Unauthenticated));
        let verdict = judged(&guard(), request(uri, None));
        assert_eq!(judged(&exempt_if(false), request(uri, None)), verdict);

        let keep = Guard { caller_header: CallerHeader::Keep, ..guard() };
        assert_eq!(judged(&keep, request(uri, None)), Ok(Admission::Unauthenticated));
        let without = Request::get(uri).body(()).unwrap();
        assert_eq!(
            judged(&keep, without),
            verdict,
            "without the header, the request gets the credential"
        );
    }
}

#[test]
fn a_foreign_request_that_is_sent_unauthenticated_loses_its_credential_header() {
    let guard = Guard { foreign: Foreign::SendUnauthenticated, ..guard() };
    let mut request = request("https://evil.test/x", None);
    assert!(matches!(
        guard.admit(&mut request, &AUTHORIZATION, SourceId::next()),
        Ok(Admission::Unauthenticated)
    ));
    assert!(request.headers().is_empty());
}

#[test]
fn debug_shows_the_origins_of_a_layer() {
    let guard = Guard { exempt_if: Some(Arc::new(|_| true)), ..Guard::default() };
    let shown =
        r#"Guard { origins: [], foreign: Refuse, caller_header: Replace, exempt_if: Some("…") }"#;
    assert_eq!(format!("{guard:?}"), shown);
}
