//! Where a credential is sent. The input's lines are an origin, a request's URI, and its `Host`.
//!
//! 1. An origin contains a URI if scheme, host and port are the same, by a simple reading of the
//!    text.
//! 2. A request gets the credential only in this case, and only if its `Host` agrees.
//! 3. Plain http is only for loopback addresses.

use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderValue, Request, Response, Uri};
use http_body_util::{Empty, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

use crate::block_on;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let (Some(origin_text), Some(uri_text)) = (lines.next(), lines.next()) else { return };
    let Ok(origin) = Origin::parse(origin_text) else { return };
    let ours = parts(origin_text).expect("an origin that cannot be read by hand");
    if !ours.0 {
        assert!(is_loopback(&ours.1), "{origin_text}: in the clear");
    }
    assert!(Origin::parse(&origin.to_string()).is_ok_and(|again| again == origin), "{origin}");

    let Ok(uri) = uri_text.parse::<Uri>() else { return };
    let same = parts(uri_text).as_ref() == Some(&ours);
    assert_eq!(origin.contains(&uri), same, "{origin_text} and {uri_text}");

    let host = lines.next().map(str::trim);
    let host = host.and_then(|host| Some((host, HeaderValue::from_str(host).ok()?)));
    let mut request = Request::get(uri).body(Full::<Bytes>::default()).unwrap();
    if let Some((_, value)) = &host {
        request.headers_mut().insert(HOST, value.clone());
    }
    let agrees = host.is_none_or(|(host, _)| {
        let scheme = if ours.0 { "https" } else { "http" };
        parts(&format!("{scheme}://{host}")).as_ref() == Some(&ours)
            && !host.contains(['/', '?', '#'])
    });
    assert_eq!(gets_credential(origin, request), same && agrees, "{text}");
}

/// Whether a request reaches the inner service. It must then have the credential.
fn gets_credential(origin: Origin, request: Request<Full<Bytes>>) -> bool {
    let source = TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap();
    let api = service_fn(|request: Request<Full<Bytes>>| async move {
        assert_eq!(request.headers()[AUTHORIZATION], "Bearer abc");
        Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let service = AuthLayer::new(source).with_origin(origin).layer(api);
    block_on(service.oneshot(request)).is_ok()
}

/// Whether a URI is https, and its host and port, by a simple reading.
fn parts(uri: &str) -> Option<(bool, String, u16)> {
    let (scheme, rest) = uri.split_once("://")?;
    let https = match &*scheme.to_ascii_lowercase() {
        "https" | "wss" => true,
        "http" | "ws" => false,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let end_of_v6 = authority.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match authority[end_of_v6..].find(':') {
        Some(colon) => (&authority[..end_of_v6 + colon], &authority[end_of_v6 + colon + 1..]),
        None => (authority, if https { "443" } else { "80" }),
    };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    if host.is_empty() || authority.contains('@') || !digits {
        return None;
    }
    Some((https, host.to_ascii_lowercase(), port.parse().ok()?))
}

fn is_loopback(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse() == Ok(Ipv6Addr::LOCALHOST),
        None => host.parse::<Ipv4Addr>().is_ok_and(|it| it.octets()[0] == 127),
    }
}
