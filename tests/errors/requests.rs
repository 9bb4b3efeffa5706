//! Requests that are not sent.

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::endpoint::HttpExchange;
use tower_outbound_auth::system::{ClientCredentials, HeaderScheme};
use tower_outbound_auth::{AuthLayer, BoxError, Origin, TokenSource};

type Body = Full<Bytes>;

fn layer() -> AuthLayer<HeaderScheme> {
    let source = TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap();
    let origin = |text| Origin::parse(text).unwrap();
    AuthLayer::new(source)
        .with_origin(origin("https://api.example"))
        .with_origin(origin("https://eu.example"))
}

async fn said(request: http::request::Builder) -> String {
    let api =
        service_fn(|_: Request<Body>| async { Ok::<_, BoxError>(Response::new(Body::default())) });
    let request = request.body(Body::default()).unwrap();
    layer().layer(api).oneshot(request).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_request_to_an_origin_that_is_not_bound_says_which_are() {
    assert_eq!(
        said(Request::get("https://other.example/x?key=1")).await,
        "https://other.example is not an origin of this credential, which is bound to https://api.example and \
         https://eu.example: add it by with_origin, or let requests to other origins pass without the credential by \
         with_foreign(Foreign::SendUnauthenticated)",
    );
}

#[tokio::test]
async fn at_most_three_origins_are_listed() {
    let source = TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap();
    let mut layer = AuthLayer::new(source);
    let mut texts = Vec::new();
    for number in 0..=5 {
        let api = service_fn(|_: Request<Body>| async {
            Ok::<_, BoxError>(Response::new(Body::default()))
        });
        let request = Request::get("https://other.example/").body(Body::default()).unwrap();
        let text = layer.layer(api).oneshot(request).await.unwrap_err().to_string();
        let (_, listed) = text.split_once("is bound to ").expect(&text);
        texts.push(listed.split_once(": add it").expect(&text).0.replace("https://", ""));
        layer = layer.with_origin(Origin::parse(&format!("https://{number}.example")).unwrap());
    }
    let three = "0.example, 1.example and 2.example";
    let four = "0.example, 1.example, 2.example and 1 more";
    let five = "0.example, 1.example, 2.example and 2 more";
    let one_and_two = ["0.example", "0.example and 1.example"];
    assert_eq!(texts, ["no origin yet", one_and_two[0], one_and_two[1], three, four, five]);
}

#[tokio::test]
async fn a_request_whose_destination_is_unclear_says_why() {
    assert_eq!(
        said(Request::get("/relative")).await,
        "the request's URI names no host, so nothing shows where the credential would go: use an absolute URI, or \
         with_origin(Origin::relative()) if the inner service has one peer",
    );
    assert_eq!(
        said(Request::get("https://user@api.example/")).await,
        "the request's URI is not http(s), or has user information or an unusable port: the credential was not sent",
    );
    assert_eq!(
        said(Request::get("https://api.example/").header("host", "other.example")).await,
        "the request's Host header contradicts its URI: the credential was not sent",
    );
}

#[tokio::test]
async fn a_request_that_would_show_the_credential_says_how() {
    assert_eq!(
        said(Request::get("http://api.example/")).await,
        "http://api.example would get the credential over plain http: use https",
    );
    assert_eq!(
        said(Request::builder().method(Method::TRACE).uri("https://api.example/")).await,
        "TRACE and CONNECT get no credential: the answer to a TRACE shows it (RFC 9110 section 9.3.8), and a CONNECT \
         is for a proxy. Send such a request without this layer, or with the extension Exempt",
    );
}

#[tokio::test]
async fn a_token_client_below_another_layer_says_what_would_be_replaced() {
    let endpoint = service_fn(|_: Request<Body>| async {
        Ok::<_, BoxError>(Response::new(Body::from(r#"{"access_token":"abc"}"#)))
    });
    let origin = Origin::parse("https://idp.example").unwrap();
    let other = layer().with_origin(origin).layer(endpoint);
    let oauth = ClientCredentials::new("https://idp.example/token", "billing", "secret").unwrap();
    let scheme = HeaderScheme::bearer();
    let source = TokenSource::new(scheme, HttpExchange::new(oauth, other));
    let text = crate::without_the_pause(&source.token().await.unwrap_err());
    assert_eq!(
        text,
        "no token: client_credentials (https://idp.example/token, client \"billing\"): the token endpoint's client goes \
         through another layer, which would replace the authorization header of the exchange request: give it a client \
         without that layer, or make its requests exempt there (with_exempt_if, or the extension Exempt)",
    );
}
