//! Promise 13: a credential goes to the given origins only; a foreign response means nothing.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::header::{AUTHORIZATION, HOST, HeaderName, LOCATION};
use http::{HeaderValue, Request, Response};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_outbound_auth::scheme::{InvalidToken, Presentation, Rotation};
use tower_outbound_auth::testkit::ScriptedExchange;
use tower_outbound_auth::{AuthLayer, ErrorKind, Foreign, Origin, Secret, TokenSource};

use crate::support::*;

fn request(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_foreign_request_is_an_error_that_names_the_origin_and_is_not_sent() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    for (uri, kind, named) in [
        ("https://evil.test/x?token=1", ErrorKind::ForeignOrigin, "https://evil.test "),
        ("https://api.example:8443/", ErrorKind::ForeignOrigin, "https://api.example:8443 "),
        ("http://api.example/", ErrorKind::Insecure, "http://api.example "),
        ("https://user@api.example/", ErrorKind::ForeignOrigin, "user information"),
        ("https://api.example./", ErrorKind::ForeignOrigin, "https://api.example. "),
        ("/relative", ErrorKind::ForeignOrigin, "Origin::relative()"),
    ] {
        let error = send(&service, request(uri)).await.unwrap_err();
        assert_eq!(ours(&error).kind(), kind, "{uri}");
        assert!(error.to_string().contains(named), "{error}");
        assert!(!ours(&error).is_transient());
    }
    assert_eq!((world.api.requests(), world.exchange.exchanges()), (0, 0));
    // Upper case and the default port are the same origin.
    send(&service, request("https://API.EXAMPLE:443/x")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_layer_without_origins_sends_nothing() {
    let world = world();
    let service = AuthLayer::new(world.source.clone()).layer(world.api.clone());
    let error = send(&service, get("/")).await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::ForeignOrigin);
    assert!(error.to_string().contains("https://api.example"), "{error}");
    assert_eq!((world.api.requests(), world.exchange.exchanges()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_host_header_that_contradicts_the_uri_is_refused() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    for host in ["evil.test", "api.example:8443", "api.example@evil.test", ""] {
        let mut request = get("/");
        request.headers_mut().insert(HOST, HeaderValue::from_str(host).unwrap());
        let mut among_many = request.clone();
        for number in 0..20 {
            let name = HeaderName::try_from(format!("x-{number}")).unwrap();
            among_many.headers_mut().insert(name, HeaderValue::from_static("value"));
        }
        for request in [request, among_many] {
            let error = send(&service, request).await.unwrap_err();
            assert_eq!(ours(&error).kind(), ErrorKind::ForeignOrigin, "{host:?}");
        }
    }
    let mut two = get("/");
    two.headers_mut().append(HOST, HeaderValue::from_static("api.example"));
    two.headers_mut().append(HOST, HeaderValue::from_static("evil.test"));
    let error = send(&service, two).await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::ForeignOrigin, "one of two Host headers");
    assert_eq!(world.api.requests(), 0);
    let mut same = get("/");
    same.headers_mut().insert(HOST, HeaderValue::from_static("api.example:443"));
    send(&service, same).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_uri_without_authority_needs_origin_relative() {
    let world = world();
    let layer = AuthLayer::new(world.source.clone()).with_origin(Origin::relative());
    let service = layer.layer(world.api.clone());
    send(&service, request("/pkg.Service/Method")).await.unwrap();
    assert_eq!(world.api.tokens(), ["token-1"]);
    let error = send(&service, get("/")).await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::ForeignOrigin, "a URI with an authority");
    assert_eq!(world.api.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn send_unauthenticated_sends_a_foreign_request_without_credential_wait_or_observation() {
    let world = world_with_delay(secs(5));
    let service =
        world.layer.clone().with_foreign(Foreign::SendUnauthenticated).layer(world.api.clone());
    let start = now();
    let mut foreign = request("https://evil.test/");
    foreign.headers_mut().insert(AUTHORIZATION, "Bearer stray".parse().unwrap());
    assert_eq!(send(&service, foreign).await.unwrap().status(), 401);
    assert_eq!(start.elapsed(), secs(0));
    assert_eq!((world.api.tokens(), world.exchange.exchanges()), (vec!["none".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn a_successor_from_our_own_origin_is_adopted_and_its_header_removed() {
    let world = world();
    let layer = rotating(&world);
    let api = service_fn(|_: Request<Body>| async {
        tokio::time::sleep(millis(5)).await;
        let response = Response::builder().header(AUTHORIZATION, "Bearer next");
        Ok::<_, Infallible>(response.body(Body::default()).unwrap())
    });
    let service = layer.layer(api);
    tokio::time::sleep(millis(1)).await;
    layer.source().token().await.unwrap();
    tokio::time::sleep(millis(5)).await;
    let answer = send(&service, get("/")).await.unwrap();
    assert!(answer.headers().get(AUTHORIZATION).is_none());
    assert_eq!(layer.source().token().await.unwrap().expose(), "next");
}

/// A scheme whose tokens travel as `Token` and are rotated in the `authorization` header of responses.
struct Rotating {
    credential: HeaderName,
    rotation: Rotation,
}

impl Presentation for Rotating {
    fn header_name(&self) -> &HeaderName {
        &self.credential
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        tower_outbound_auth::scheme::plain_value(token)
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.rotation)
    }
}

fn rotating(world: &World) -> AuthLayer<Rotating> {
    let credential = HeaderName::from_static("token");
    let scheme = Rotating { credential, rotation: Rotation::in_header(AUTHORIZATION) };
    let source =
        TokenSource::builder(scheme, ScriptedExchange::new()).clock(world.clock.clone()).build();
    AuthLayer::new(source).with_origin(Origin::parse(API).unwrap())
}

type Log = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// Two hosts: ours redirects to the foreign one, which says 401 and hands out a token.
async fn two_hosts(log: Log, request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let token = request.headers().get("token").map(|token| token.to_str().unwrap().to_owned());
    log.lock().unwrap().push((request.uri().to_string(), token));
    Ok(match request.uri().host().unwrap() {
        "api.example" if request.uri().path() == "/redirect" => Response::builder()
            .status(302)
            .header(LOCATION, "https://evil.test/catch")
            .body(Body::default()),
        "api.example" => Response::builder().status(200).body(Body::default()),
        _ => Response::builder()
            .status(401)
            .header(AUTHORIZATION, "Bearer EVIL")
            .header("token", "EVIL")
            .body(Body::default()),
    }
    .unwrap())
}

#[tokio::test(start_paused = true)]
async fn below_a_redirect_layer_a_foreign_host_gets_no_credential_and_its_answer_is_ignored() {
    let world = world();
    let log = Log::default();
    let layer = rotating(&world).with_foreign(Foreign::SendUnauthenticated);
    let api = service_fn({
        let log = log.clone();
        move |request| two_hosts(log.clone(), request)
    });
    let service =
        ServiceBuilder::new().layer(FollowRedirectLayer::new()).layer(layer.clone()).service(api);
    let answer = service.oneshot(get("/redirect")).await.unwrap();
    assert_eq!(answer.status(), 401, "the foreign host's own");
    let log = log.lock().unwrap().clone();
    assert_eq!(
        log,
        [
            ("https://api.example/redirect".to_owned(), Some("token-1".to_owned())),
            ("https://evil.test/catch".to_owned(), None),
        ]
    );
    let status = layer.source().status();
    assert_eq!(status.counters.exchanges(), 1, "no renewal");
    assert_eq!(status.counters.rotations_adopted + status.counters.rotations_not_adopted(), 0);
    assert_eq!(layer.source().token().await.unwrap().expose(), "token-1");
}

#[tokio::test(start_paused = true)]
async fn below_a_redirect_layer_a_redirect_to_a_foreign_host_is_an_error_that_names_the_origin() {
    let world = world();
    let log = Log::default();
    let api = service_fn({
        let log = log.clone();
        move |request| two_hosts(log.clone(), request)
    });
    let service = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(rotating(&world))
        .service(api);
    let error = service.oneshot(get("/redirect")).await.unwrap_err();
    assert!(error.to_string().contains("https://evil.test"), "{error}");
    assert_eq!(log.lock().unwrap().len(), 1);
}

/// The order that the documentation warns of: a redirect layer *below* copies the credential itself, and
/// no layer above can see it. What this one can do is to keep the foreign answer from doing harm.
#[tokio::test(start_paused = true)]
async fn above_a_redirect_layer_a_foreign_answer_neither_renews_nor_is_adopted() {
    let world = world();
    let log = Log::default();
    let api = service_fn({
        let log = log.clone();
        move |request| two_hosts(log.clone(), request)
    });
    let layer = rotating(&world).with_response_uri(|extensions| {
        extensions.get::<tower_http::follow_redirect::RequestUri>().map(|uri| uri.0.clone())
    });
    let service =
        ServiceBuilder::new().layer(layer.clone()).layer(FollowRedirectLayer::new()).service(api);
    let answer = service.oneshot(get("/redirect")).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["token"], "EVIL", "untouched");
    let status = layer.source().status();
    assert_eq!(status.counters.exchanges(), 1);
    assert_eq!(status.counters.refusals, 0);
    assert_eq!(layer.source().token().await.unwrap().expose(), "token-1");
    let leaked = |(uri, token): &(String, Option<String>)| uri.contains("evil") && token.is_some();
    let leaked = log.lock().unwrap().iter().any(leaked);
    assert!(leaked, "tower-http has learned to strip custom headers: the documentation may say so");
}
