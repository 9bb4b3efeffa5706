//! Promise 18: no secret in Debug, Display, errors, logs or panics; caps on what a server may send.

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use tower::{Layer, Service, service_fn};
use tower_outbound_auth::endpoint::{
    ExchangeAnswer, ExchangeRequest, HttpExchange, Step, TokenEndpoint,
};
use tower_outbound_auth::exchange::{self, ExchangeError, ExchangeErrorKind, Identity, Issued};
use tower_outbound_auth::scheme::{InvalidToken, Presentation};
use tower_outbound_auth::system::{Atlas, HeaderScheme, RefreshTokenIn};
use tower_outbound_auth::testkit::{ScriptedExchange, TokioClock};
use tower_outbound_auth::{AccessToken, AuthLayer, BoxError, Origin, Secret, TokenSource};

use crate::log::log_in_paused_time;
use crate::support::*;

const SECRET: &str = "canary-client-secret";
const TOKEN: &str = "canary.access.token";

fn clean(text: &str, what: &str) {
    for part in ["canary", "client-secret", "access.token", "tenant=canary"] {
        assert!(!text.contains(part), "{what} shows a secret: {text}");
    }
}

fn shown(what: &impl Debug) {
    let name = std::any::type_name_of_val(what);
    clean(&format!("{what:?}"), name);
    clean(&format!("{what:#?}"), name);
}

fn chain(error: &(dyn std::error::Error + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        clean(&format!("{error}"), "Display");
        clean(&format!("{error:?}"), "Debug");
        next = error.source();
    }
}

fn scheme() -> Atlas {
    Atlas::new("https://api.example/authtoken?tenant=canary", "the-client", SECRET).unwrap()
}

/// A token endpoint and API in one, which answers an exchange with `body`.
fn host(
    status: u16,
    body: Bytes,
) -> impl Service<
    Request<Body>,
    Response = Response<Body>,
    Error = BoxError,
    Future = impl Future<Output = Result<Response<Body>, BoxError>> + Send,
> + Clone
+ Send
+ Sync
+ Debug
+ 'static {
    service_fn(move |request: Request<Body>| {
        let exchange = request.uri().path() == "/authtoken";
        let answer = if exchange {
            Response::builder().status(status).body(Body::new(body.clone()))
        } else {
            Response::builder().status(200).body(Body::default())
        };
        async move { Ok::<_, BoxError>(answer?) }
    })
}

fn success() -> Bytes {
    Bytes::from(format!(r#"{{"access_token":"{TOKEN}","expires_in":3600}}"#))
}

#[tokio::test(start_paused = true)]
async fn no_public_type_shows_a_secret_in_debug() {
    let client =
        service_fn(|_: Request<Body>| async { Err::<Response<Body>, BoxError>("no".into()) });
    let layer = AuthLayer::new(TokenSource::over_http(scheme(), host(200, success())))
        .with_origin(Origin::parse(API).unwrap())
        .rebuild_source(|source| source.clock(TokioClock::new()))
        .with_exempt_if(|_| false);
    let mut service = layer.layer(world().api.clone().map());
    let token = layer.source().token().await.unwrap();
    assert_eq!(token.expose(), TOKEN);

    shown(&Secret::from(SECRET));
    shown(&scheme());
    shown(scheme().endpoint());
    shown(&Identity::new("header"));
    shown(&layer);
    shown(layer.source());
    shown(&layer.source().status());
    shown(&token);
    shown(&token.header_value().clone());
    shown(&token.generation());
    shown(&Issued::new(TOKEN));
    shown(&Step::Issued(Issued::new(TOKEN)));
    shown(&HttpExchange::new(scheme(), client));
    shown(&exchange::from_fn(|| async { Ok(Issued::new(TOKEN)) }));
    let request = Request::post("https://api.example/token?secret=canary")
        .header("client-secret", SECRET)
        .body(Bytes::from(SECRET));
    shown(&ExchangeRequest::new(request.unwrap()));
    shown(&ExchangeAnswer::new(Response::builder().header("x", TOKEN).body(success()).unwrap()));
    let call = service.call(get("/"));
    shown(&call);
    call.await.unwrap();
}

/// Gives the service below a `Debug`.
trait Map {
    fn map(self) -> Named;
}

#[derive(Clone, Debug)]
struct Named;

impl Map for Api {
    fn map(self) -> Named {
        Named
    }
}

impl Service<Request<Body>> for Named {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Response<Body>, std::convert::Infallible>>;
    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: Request<Body>) -> Self::Future {
        assert!(request.headers()["token"].is_sensitive());
        std::future::ready(Ok(Response::new(Body::default())))
    }
}

/// The ways in which an exchange can fail. The secrets stand in the worst places.
fn failures() -> Vec<(u16, Bytes, ExchangeErrorKind)> {
    let text = |text: String| Bytes::from(text);
    let huge = Bytes::from(vec![b' '; 300 * 1024]);
    let long = format!(r#"{{"access_token":"{TOKEN}{}"}}"#, "x".repeat(64 * 1024));
    use ExchangeErrorKind::{Expired, Malformed, Refused, Unavailable};
    vec![
        (401, text(format!(r#"{{"error":"bad secret {SECRET}"}}"#)), Refused),
        (400, text(r#"{"error":"Missing Client-Id or Client-Secret"}"#.into()), Refused),
        (401, text(format!("<html>{SECRET}</html>")), Unavailable),
        (403, text(format!("blocked: {SECRET}")), Unavailable),
        (302, Bytes::new(), Unavailable),
        (404, text(SECRET.into()), Unavailable),
        (502, text(format!(r#"{{"error":"invalid_client {SECRET}"}}"#)), Unavailable),
        (204, Bytes::new(), Malformed),
        (200, Bytes::new(), Malformed),
        (200, text(format!("<html>{TOKEN}</html>")), Malformed),
        (200, text(format!(r#"{{"access_token":{{"{TOKEN}":1}}}}"#)), Malformed),
        (
            200,
            text(format!(r#"{{"access_token":"{TOKEN}","access_token":"{TOKEN}2"}}"#)),
            Malformed,
        ),
        (200, text(format!(r#"{{"id_token":"{TOKEN}"}}"#)), Malformed),
        (200, text(r#"{"access_token":null}"#.into()), Malformed),
        (200, text(r#"{"access_token":""}"#.into()), Malformed),
        (200, text(format!(r#"{{"access_token":"{TOKEN} "}}"#)), Malformed),
        (200, text(format!(r#"{{"access_token":"{TOKEN}\r\nx: y"}}"#)), Malformed),
        (200, text(format!(r#"{{"access_token":"{TOKEN}é"}}"#)), Malformed),
        (200, text(format!(r#"{{"access_token":"{TOKEN}","expires_in":0.5}}"#)), Expired),
        (200, text("[".repeat(10_000)), Malformed),
        (200, text(long), Malformed),
        (200, huge, Malformed),
    ]
}

#[tokio::test(start_paused = true)]
async fn no_error_shows_a_secret_and_each_has_its_kind() {
    for (n, (status, body, kind)) in failures().into_iter().enumerate() {
        let source = TokenSource::builder_over_http(scheme(), host(status, body))
            .clock(TokioClock::new())
            .build();
        for _ in 0..2 {
            let error = source.token().await.expect_err("a failure");
            assert_eq!(error.exchange().unwrap().kind(), kind, "case {n}: {error:?}");
            chain(&error);
        }
        shown(&source);
        shown(&source.status());
        assert!(error_code_is_short(source.status().last_error.as_ref().unwrap()));
    }
}

fn error_code_is_short(error: &ExchangeError) -> bool {
    error.code().is_none_or(|code| code.len() <= 64 && code.bytes().all(|c| c.is_ascii_graphic()))
}

#[test]
fn no_log_event_shows_a_secret_and_each_failed_attempt_is_one_warning() {
    let logs = log_in_paused_time(async {
        for (status, body, _) in failures() {
            let source = TokenSource::builder_over_http(scheme(), host(status, body))
                .clock(TokioClock::new())
                .build();
            source.token().await.unwrap_err();
            source.token().await.unwrap_err();
        }
        let clock = TokioClock::new();
        let source =
            TokenSource::builder_over_http(scheme(), host(200, success())).clock(clock).build();
        let token: AccessToken = source.token().await.unwrap();
        source.reject(&token).await.unwrap_err();

        let world = world();
        world.exchange.fail_next(1, unavailable());
        world.exchange.panic_next(1);
        for _ in 0..5 {
            let _ = world.source.token().await;
            tokio::time::sleep(secs(2)).await;
        }
    });
    clean(&logs, "the log");
    let count = |level: &str| logs.lines().filter(|line| line.contains(level)).count();
    assert_eq!(count(" WARN "), failures().len() + 2, "{logs}");
    assert_eq!(count(" INFO "), 1, "one recovery");
    assert!(logs.contains("exchange failed") && logs.contains("next_attempt_in"));
}

#[test]
fn an_endpoint_never_shows_its_query_and_a_bad_secret_is_not_quoted() {
    shown(&TokenEndpoint::parse("https://api.example/token?secret=canary").unwrap());
    for (id, secret) in [
        ("id", "canary\n"),
        ("id", ""),
        ("id", "canary secret"),
        ("canary\r\nx: y", "secret"),
        ("id", "canary-é"),
    ] {
        let error = Atlas::new("https://api.example/token", id, secret).unwrap_err();
        chain(&error);
        assert_eq!(error.kind(), tower_outbound_auth::ErrorKind::Configuration);
    }
    for url in [
        "http://api.example/canary",
        "https://user:canary@api.example/",
        "canary",
        "/canary",
        "https://api.example/#canary",
        "",
        "ftp://api.example/",
    ] {
        chain(&Atlas::new(url, "id", "secret").unwrap_err());
    }
}

/// A scheme that counts the header values that are dropped.
struct Tracked(HeaderScheme, Arc<AtomicUsize>);

/// The bytes of a value.
struct Wiped(Vec<u8>, Arc<AtomicUsize>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.1.fetch_add(1, SeqCst);
    }
}

impl Presentation for Tracked {
    fn header_name(&self) -> &HeaderName {
        self.0.header_name()
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        let bytes = Wiped(format!("Bearer {}", token.expose()).into(), self.1.clone());
        HeaderValue::from_maybe_shared(Bytes::from_owner(bytes)).map_err(|_| InvalidToken::Other)
    }
}

/// A service may keep things for each thread. It must not keep a token that was replaced.
#[test]
fn idle_services_and_idle_threads_do_not_keep_a_replaced_token() {
    let wiped = Arc::new(AtomicUsize::new(0));
    let exchange = ScriptedExchange::new();
    let source = TokenSource::new(Tracked(HeaderScheme::bearer(), wiped.clone()), exchange.clone());
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let api =
        service_fn(async |_: Request<Body>| Ok::<_, BoxError>(Response::new(Body::default())));
    let service = layer.layer(api);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let used = || {
        let clone = service.clone();
        runtime().block_on(async { send(&clone, get("/")).await.unwrap() });
        clone
    };
    thread::scope(|scope| {
        let (idle, idling) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let used = &used;
        scope.spawn(move || {
            idle.send(used()).unwrap();
            ended.recv().unwrap_err(); // the thread goes on, and sends nothing more
        });
        let clones = [used(), idling.recv().unwrap()];
        assert_eq!((exchange.exchanges(), wiped.load(SeqCst)), (1, 0), "the token is in use");
        runtime().block_on(async {
            let token = source.token().await.unwrap();
            source.reject(&token).await.unwrap();
        });
        assert_eq!((exchange.exchanges(), wiped.load(SeqCst)), (2, 1), "its successor is");
        drop((clones, end));
    });
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_with_a_line_break_is_not_sent_and_the_credentials_are_sent() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let endpoint = service_fn({
        let asked = asked.clone();
        move |request: Request<Body>| {
            let mut asked = asked.lock().unwrap();
            asked.push(request.uri().path().to_owned());
            let nth = asked.len();
            let body = format!(
                r#"{{"access_token":"t-{nth}","expires_in":60,"refresh_token":"canary\r\nx: y"}}"#
            );
            async move { Ok::<_, BoxError>(Response::new(Body::from(body))) }
        }
    });
    let refresh = TokenEndpoint::parse("https://api.example/refresh").unwrap();
    let scheme = scheme().with_refresh(refresh, RefreshTokenIn::default());
    let source = TokenSource::builder_over_http(scheme, endpoint).clock(TokioClock::new()).build();
    for nth in 1..=3 {
        assert_eq!(source.token().await.unwrap().expose(), format!("t-{nth}"));
        tokio::time::sleep(secs(60)).await;
    }
    assert_eq!(*asked.lock().unwrap(), ["/authtoken"; 3]);
    shown(&source);
}
