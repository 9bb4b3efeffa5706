//! What the types promise: where they can be used, and what a scheme of one's own can do.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use tower::util::{BoxCloneService, BoxCloneSyncService};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, service_fn};
use tower_outbound_auth::endpoint::{
    ExchangeAnswer, ExchangeRequest, Grant, HttpExchange, RequestContext, Step, TokenEndpoint,
};
use tower_outbound_auth::exchange::{
    ExchangeContext, ExchangeError, ExchangeErrorKind, Identity, Issued,
};
use tower_outbound_auth::scheme::{InvalidToken, Judge, Presentation, Verdict};
use tower_outbound_auth::system::{Atlas, HeaderScheme};
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{
    AccessToken, Auth, AuthLayer, BoxError, Error, ErrorKind, Origin, ResponseFuture, Scheme,
    Secret, TokenSource,
};

use crate::support::*;

fn send_sync<T: Send + Sync + 'static>() {}
fn send_only<T: Send>() {}

#[test]
fn what_is_shared_between_threads_can_be() {
    send_sync::<AuthLayer<Atlas>>();
    send_sync::<Auth<Api>>();
    send_sync::<TokenSource<Arc<dyn Scheme>>>();
    send_sync::<AccessToken>();
    send_sync::<Error>();
    send_sync::<ExchangeError>();
    send_sync::<ExchangeContext>();
    send_only::<ResponseFuture<Api, tower_outbound_auth::replay::Same, Body, Body>>();
}

/// A service that is neither `Send` nor `Sync` is none of the layer's business.
#[tokio::test(start_paused = true)]
async fn a_service_that_stays_on_its_thread_is_fine() {
    let world = world();
    let local = std::rc::Rc::new(std::cell::Cell::new(0));
    let service = world.layer.layer(service_fn({
        let local = local.clone();
        move |_: Request<Body>| {
            local.set(local.get() + 1);
            std::future::ready(Ok::<_, BoxError>(Response::new(Body::default())))
        }
    }));
    service.oneshot(get("/")).await.unwrap();
    assert_eq!(local.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stack_can_be_boxed_below_and_above_and_named_in_a_field() {
    struct Client {
        api: BoxCloneService<Request<Body>, Response<Body>, BoxError>,
    }
    let world = world();
    let below = BoxCloneSyncService::new(world.api.clone());
    let client = Client { api: BoxCloneService::new(world.layer.layer(below)) };
    assert_eq!(client.api.oneshot(get("/")).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_scheme_can_be_chosen_at_run_time() {
    for bearer in [true, false] {
        let scheme: Arc<dyn Presentation> = if bearer {
            Arc::new(HeaderScheme::bearer())
        } else {
            Arc::new(HeaderScheme::new(HeaderName::from_static("x-api-key"), ""))
        };
        let source = TokenSource::fixed(scheme, "abc").unwrap();
        let layer = AuthLayer::new(source).with_origin(Origin::parse(API).unwrap());
        let api = Api::default();
        layer.layer(api.clone()).oneshot(get("/")).await.unwrap();
        assert_eq!(api.seen()[0].token().is_some(), bearer);
    }
}

/// A system with its own word for "refused", and a token endpoint that wants an answer to a challenge.
struct Odd {
    challenges: usize,
}

impl Grant for Odd {
    fn identity(&self) -> Identity {
        Identity::new("odd")
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let step = match (cx.step(), cx.answer()) {
            (Some("answer"), Some(challenge)) => challenge.text()?.parse::<usize>().unwrap() + 1,
            _ => 0,
        };
        let uri = format!("https://auth.example/{step}");
        Ok(ExchangeRequest::new(Request::post(uri).body(Bytes::new())?))
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        let step: usize = answer.text()?.parse().map_err(|_| answer.unavailable())?;
        assert_eq!(answer.request_name(), if step == 0 { "" } else { "answer" });
        if step == self.challenges {
            return Ok(Step::Issued(Issued::new(format!("after-{step}"))));
        }
        Ok(Step::Again("answer"))
    }
}

impl Presentation for Odd {
    fn header_name(&self) -> &HeaderName {
        static AUTHORIZATION: HeaderName = http::header::AUTHORIZATION;
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        tower_outbound_auth::scheme::prefixed_value("Bearer ", token)
    }

    fn judge(&self) -> Judge {
        Judge::new(|response| match response.status.as_u16() {
            419 => Verdict::Refused,
            _ => Verdict::Accepted,
        })
    }
}

fn counting() -> (
    Arc<AtomicUsize>,
    impl Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send>
    + Clone
    + Send,
) {
    let steps = Arc::new(AtomicUsize::new(0));
    let client = service_fn({
        let steps = steps.clone();
        move |request: Request<Body>| {
            steps.fetch_add(1, Ordering::Relaxed);
            let step = request.uri().path()[1..].to_owned();
            async move { Ok::<_, BoxError>(Response::new(Body::from(step))) }
        }
    });
    (steps, client)
}

#[tokio::test(start_paused = true)]
async fn a_scheme_may_ask_for_a_further_step_but_not_for_ever() {
    for (challenges, sent, token) in [(0, 1, true), (1, 2, true), (7, 8, true), (9, 8, false)] {
        let (steps, client) = counting();
        let source = TokenSource::builder_over_http(Odd { challenges }, client)
            .clock(TokioClock::new())
            .build();
        match source.token().await {
            Ok(issued) => assert_eq!(issued.expose(), format!("after-{challenges}")),
            Err(error) => {
                assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Malformed);
            }
        }
        assert_eq!(source.status().generation.is_some(), token);
        assert_eq!(steps.load(Ordering::Relaxed), sent, "{challenges} challenges");
    }
}

#[tokio::test(start_paused = true)]
async fn a_scheme_says_what_a_refusal_is() {
    let (_, client) = counting();
    let exchange = HttpExchange::new(Odd { challenges: 0 }, client);
    let source =
        TokenSource::builder(Odd { challenges: 0 }, exchange).clock(TokioClock::new()).build();
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let api = Api::default();
    let service = layer.layer(api.clone());
    api.answer(StatusCode::UNAUTHORIZED);
    assert_eq!(send(&service, get("/")).await.unwrap().status(), 401);
    assert_eq!((api.requests(), source.status().counters.refusals), (1, 0));
    api.answer(StatusCode::from_u16(419).unwrap());
    send(&service, get("/")).await.unwrap();
    assert_eq!(source.status().counters.refusals, 1);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_covers_the_wait_and_the_replay_together() {
    let world = world_with_delay(secs(2));
    let service = ServiceBuilder::new()
        .timeout(secs(5))
        .layer(world.layer.clone())
        .service(world.api.clone());
    world.api.delay(secs(2));
    let start = now();
    // 2 s for the token and 2 s for the answer are within it …
    send(&service, get("/")).await.unwrap();
    assert_eq!(start.elapsed(), secs(4));
    // … a refusal after 2 s, a renewal of 2 s and a replay of 2 s are not.
    world.api.revoke("token-1");
    let start = now();
    assert!(send(&service, get("/")).await.unwrap_err().is::<tower::timeout::error::Elapsed>());
    assert_eq!(start.elapsed(), secs(5));
    assert_eq!(world.source.token().await.unwrap().expose(), "token-2", "kept for the next");
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_inner_service_pass_unwrapped_and_ours_are_found_through_wrappers() {
    #[derive(Debug, PartialEq)]
    struct Inner(u8);
    impl std::fmt::Display for Inner {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("inner")
        }
    }
    impl std::error::Error for Inner {}
    let world = world();
    let failing = service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>(Inner(7)) });
    let error = send(&world.layer.layer(failing), get("/")).await.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Inner(7)));

    #[derive(Debug)]
    struct Wrapped(BoxError);
    impl std::fmt::Display for Wrapped {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("wrapped")
        }
    }
    impl std::error::Error for Wrapped {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&*self.0)
        }
    }
    let foreign = Request::get("https://evil.test/").body(Body::default()).unwrap();
    let error = send(&world.layer.layer(world.api.clone()), foreign).await.unwrap_err();
    let wrapped = Wrapped(error);
    assert_eq!(Error::find(&wrapped).unwrap().kind(), ErrorKind::ForeignOrigin);
    assert!(Error::find(&Inner(7)).is_none());
}

#[test]
fn the_identity_of_a_preset_tells_endpoints_and_clients_apart() {
    let (here, there) = ("https://a.example/token", "https://b.example/token");
    let atlas = |url: &str, id: &str| Atlas::new(url, id, "secret").unwrap().identity();
    for other in [atlas(there, "a"), atlas(here, "b")] {
        assert_ne!(other, atlas(here, "a"));
    }
    #[cfg(feature = "rotating")]
    {
        use tower_outbound_auth::system::Rotating;
        let rotating = |url: &str, id: &str| Rotating::new(url, id, "secret").unwrap().identity();
        for other in [rotating(there, "a"), rotating(here, "b"), atlas(here, "a")] {
            assert_ne!(other, rotating(here, "a"));
        }
    }
}

/// Texts from a configuration or the environment are a `String`, given or kept.
#[test]
fn endpoints_and_origins_are_made_of_texts_that_are_given_or_kept() {
    let text = "https://api.example:8443".to_owned();
    let (endpoint, origin) =
        (TokenEndpoint::try_from(&text).unwrap(), Origin::try_from(&text).unwrap());
    assert_eq!(endpoint.origin(), &origin);
    assert_eq!(TokenEndpoint::try_from(text.clone()).unwrap().origin(), &origin);
    assert_eq!(Origin::try_from(text).unwrap(), origin);
}

/// As tower's futures do: one that was always pending would be a hang without a cause.
#[tokio::test(start_paused = true)]
async fn a_future_that_is_polled_after_its_completion_panics() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    let foreign = Request::get("https://elsewhere.example/").body(Body::default()).unwrap();
    for (request, is_sent) in [(foreign, false), (get("/waits-for-its-first-token"), true)] {
        let mut service = service.clone();
        std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        let mut future = Box::pin(service.call(request));
        assert_eq!(future.as_mut().await.is_ok(), is_sent);
        let again = AssertUnwindSafe(future).catch_unwind().await;
        let panic = again.expect_err("a panic, and no hang");
        let message = panic.downcast_ref::<&str>().unwrap();
        assert!(message.contains("after completion"), "{message}");
    }
}
