//! The proxy. Copy this file.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONNECTION, HOST, RETRY_AFTER, VIA, WWW_AUTHENTICATE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use tower::{Service, ServiceExt};
use tower_outbound_auth::{BoxError, Error};

/// The state of the server: a client with its own credential, and the address of the API.
#[derive(Clone)]
pub(crate) struct Proxy<T> {
    pub(crate) api: T,
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
}

/// Headers that concern one connection and not the message (RFC 9110 section 7.6.1).
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Forwards a request to the API, and its response back. Neither body is collected.
pub(crate) async fn forward<T, RB>(State(proxy): State<Proxy<T>>, request: Request) -> Response
where
    T: Service<Request, Response = http::Response<RB>, Error = BoxError>,
    RB: http_body::Body<Data = bytes::Bytes, Error: Into<BoxError>> + Send + 'static,
{
    if request.method() == Method::CONNECT {
        return StatusCode::METHOD_NOT_ALLOWED.into_response(); // no tunnel may use our credential
    }
    let (head, body) = request.into_parts();
    // A new request, without the version and the extensions of the end user's connection.
    let mut outbound = Request::new(body);
    *outbound.method_mut() = head.method;
    *outbound.uri_mut() = uri_of(proxy.scheme, proxy.authority, head.uri);
    *outbound.headers_mut() = end_to_end(head.headers);
    outbound.headers_mut().remove(AUTHORIZATION); // the end user's credential is for this proxy
    outbound.headers_mut().remove(HOST); // the client sets the API's host
    outbound.headers_mut().append(VIA, HeaderValue::from_static("1.1 proxy"));

    let mut response = match proxy.api.oneshot(outbound).await {
        // The API refuses our credential. The end user cannot correct this, and must not be asked for a
        // credential.
        Ok(response) if response.status() == StatusCode::UNAUTHORIZED => {
            return StatusCode::BAD_GATEWAY.into_response();
        }
        Ok(response) => response.map(Body::new),
        Err(error) => return failed(&error),
    };
    *response.version_mut() = http::Version::default(); // the server sets its own
    *response.headers_mut() = end_to_end(std::mem::take(response.headers_mut()));
    response.headers_mut().remove(WWW_AUTHENTICATE); // the challenge is about our credential, with any status
    response
}

fn uri_of(scheme: Scheme, authority: Authority, asked: Uri) -> Uri {
    let mut parts = asked.into_parts();
    (parts.scheme, parts.authority) = (Some(scheme), Some(authority));
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    Uri::from_parts(parts).unwrap_or_default() // a URI with scheme and host; a bare `/` would be refused as foreign
}

/// Removes the headers of one connection: the known ones, and those that `Connection` names.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    named.iter().for_each(|name| drop(headers.remove(name)));
    HOP_BY_HOP.iter().for_each(|name| drop(headers.remove(*name)));
    headers
}

/// Answers 503 if a later try may get a token. Otherwise, or if the API gives no answer, answers
/// 502.
fn failed(error: &BoxError) -> Response {
    let ours = Error::find(&**error);
    let status = match ours {
        Some(ours) if ours.is_transient() => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_GATEWAY,
    };
    match ours.and_then(Error::retry_after) {
        Some(pause) => (status, [(RETRY_AFTER, (pause.as_secs() + 1).to_string())]).into_response(),
        None => status.into_response(),
    }
}
