//! A panic within an exchange is a failed exchange. A panic over a response fails only the request of that response.

use std::sync::{Arc, Mutex};

use futures::future::join_all;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Response};
use tokio::task::JoinError;
use tower::{Layer, service_fn};
use tower_outbound_auth::endpoint::{ExchangeAnswer, ExchangeRequest, Grant, RequestContext, Step};
use tower_outbound_auth::exchange::{self, ExchangeError, ExchangeErrorKind, Identity, Issued};
use tower_outbound_auth::scheme::{Adopt, InvalidToken, Judge, Presentation, Rotation};
use tower_outbound_auth::system::{Atlas, HeaderScheme};
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{AuthLayer, BoxError, Credential, Origin, Secret, TokenSource};

use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_exchange_is_a_failed_exchange() {
    let world = world_with_delay(millis(50));
    world.exchange.panic_next(1);
    let waits = futures::future::join_all((0..20).map(|_| world.source.token())).await;
    for wait in waits {
        let error = wait.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Panicked);
    }
    let error = world.source.token().await.unwrap_err();
    assert_eq!(exchange_kind(&error), ExchangeErrorKind::Panicked, "the stored error");
    assert_eq!(world.exchange.exchanges(), 1);
    tokio::time::sleep(secs(1)).await;
    assert_eq!(world.source.token().await.unwrap().expose(), "token-2");
}

/// The source of an error is a user's type, so it must be dropped outside the lock: this one asks for the status of the
/// token source in its `Drop`, which would otherwise wait for itself.
#[tokio::test(start_paused = true)]
async fn an_error_that_uses_the_source_in_its_drop_does_not_deadlock() {
    #[derive(Debug)]
    struct Nosy(std::sync::Arc<std::sync::OnceLock<TokenSource<HeaderScheme>>>);
    impl std::fmt::Display for Nosy {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("nosy")
        }
    }
    impl std::error::Error for Nosy {}
    impl Drop for Nosy {
        fn drop(&mut self) {
            if let Some(source) = self.0.get() {
                let _ = source.status();
            }
        }
    }
    let own = std::sync::Arc::new(std::sync::OnceLock::new());
    let exchange = exchange::from_fn({
        let own = own.clone();
        move || {
            let nosy = Nosy(own.clone());
            async move { Err::<Issued, _>(unavailable().with_source(nosy)) }
        }
    });
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange).clock(TokioClock::new()).build();
    let _ = own.set(source.clone());
    for _ in 0..3 {
        source.token().await.unwrap_err();
        tokio::time::sleep(secs(30)).await;
    }
    assert_eq!(source.status().consecutive_failures, 3);
}

/// The methods of a scheme.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Question {
    Credentials,
    Request,
    Answer,
    HeaderValue,
    Judge,
    IsAuthentic,
}

/// The Atlas scheme, with a bug: one call of one method panics. Its responses may bring successors.
struct Buggy {
    atlas: Atlas,
    rotation: Option<Rotation>,
    bug: Bug,
}

type Bug = Arc<Mutex<Option<Question>>>;

impl Buggy {
    fn asked(&self, question: Question) {
        panics_if(&self.bug, question);
    }
}

fn panics_if(bug: &Bug, question: Question) {
    let bug = bug.lock().unwrap().take_if(|bug| *bug == question);
    assert!(bug.is_none(), "a bug, on purpose");
}

impl Grant for Buggy {
    fn identity(&self) -> Identity {
        self.atlas.identity()
    }

    fn credentials(&self) -> &[Credential] {
        self.asked(Question::Credentials);
        self.atlas.credentials()
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        self.asked(Question::Request);
        self.atlas.request(cx)
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        self.asked(Question::Answer);
        self.atlas.read(answer)
    }
}

impl Presentation for Buggy {
    fn header_name(&self) -> &HeaderName {
        self.atlas.header_name()
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        self.asked(Question::HeaderValue);
        self.atlas.header_value(token, None)
    }

    fn judge(&self) -> Judge {
        let (bug, judge) = (self.bug.clone(), self.atlas.judge());
        Judge::new(move |response| {
            panics_if(&bug, Question::Judge);
            judge.verdict(response)
        })
    }

    fn rotation(&self) -> Option<&Rotation> {
        self.rotation.as_ref()
    }

    fn is_authentic(&self, _: &Secret) -> bool {
        self.asked(Question::IsAuthentic);
        true
    }
}

/// A source over a token endpoint in memory, and an API that hands out successors if `rotates`.
struct Setup {
    bug: Bug,
    layer: AuthLayer<Buggy>,
    api: Api,
    rotates: bool,
}

impl Setup {
    fn new(rotates: bool) -> Setup {
        let issued = Arc::new(Mutex::new(0));
        let endpoint = service_fn(move |_: Request<Body>| {
            let number = {
                let mut issued = issued.lock().unwrap();
                *issued += 1;
                *issued
            };
            async move {
                tokio::time::sleep(millis(50)).await;
                let token = format!(r#"{{"access_token":"exchanged-{number}","expires_in":3600}}"#);
                Ok::<_, BoxError>(Response::new(Body::from(token)))
            }
        });
        let bug = Bug::default();
        let atlas = Atlas::new("https://atlas.example/authtoken", "id", "secret").unwrap();
        let rotation = Rotation::in_header(AUTHORIZATION).adopt(Adopt::EveryNewer);
        let scheme = Buggy { atlas, rotation: rotates.then_some(rotation), bug: bug.clone() };
        let source =
            TokenSource::builder_over_http(scheme, endpoint).clock(TokioClock::new()).build();
        let layer = AuthLayer::new(source).with_origin(Origin::parse(API).unwrap());
        Setup { bug, layer, api: Api::default(), rotates }
    }

    fn panics_at(&self, question: Question) {
        *self.bug.lock().unwrap() = Some(question);
    }

    /// A call on a task of its own.
    async fn call(&self, path: &str) -> Result<Result<u16, BoxError>, JoinError> {
        let (api, rotates) = (self.api.clone(), self.rotates);
        let inner = service_fn(move |mut request: Request<Body>| {
            let api = api.clone();
            async move {
                let token = request.headers_mut().remove("token").unwrap();
                let bearer = format!("Bearer {}", token.to_str().unwrap());
                request.headers_mut().insert(AUTHORIZATION, bearer.parse().unwrap());
                let mut response = send(&api, request).await?;
                if rotates && response.status() == 200 {
                    let successor = format!("successor-{}", api.requests());
                    response.headers_mut().insert(AUTHORIZATION, successor.parse().unwrap());
                }
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let call = send(&self.layer.layer(inner), get(path));
        tokio::spawn(async move { call.await.map(|response| response.status().as_u16()) }).await
    }

    async fn is_served(&self) {
        assert_eq!(self.call("/").await.unwrap().unwrap(), 200);
    }

    /// How many exchanges there were, and how many of them failed.
    fn exchanges(&self) -> (u64, u64) {
        let counters = self.layer.source().status().counters;
        (counters.exchanges(), counters.exchanges_failed)
    }

    async fn is_told_of_a_panic(&self) {
        let error = self.call("/").await.unwrap().unwrap_err();
        assert_eq!(ours(&error).exchange().unwrap().kind(), ExchangeErrorKind::Panicked);
    }
}

async fn fails_like_any_other_exchange(question: Question) {
    let setup = is_one_failed_exchange(question).await;

    // While a token is usable, no caller sees a failed exchange.
    tokio::time::sleep(HOUR * 95 / 100).await;
    setup.panics_at(question);
    setup.is_served().await;
    setup.layer.source().settled().await;
    assert_eq!(setup.exchanges(), (3, 2));
    tokio::time::sleep(secs(1)).await;
    setup.is_served().await;
    setup.layer.source().settled().await;
    assert_eq!(setup.exchanges(), (4, 2));
    assert_eq!(setup.layer.source().status().waiters, 0);
}

async fn is_one_failed_exchange(question: Question) -> Setup {
    let setup = Setup::new(false);
    setup.panics_at(question);
    let start = now();
    join_all((0..20).map(|_| setup.is_told_of_a_panic())).await;
    assert!(start.elapsed() <= millis(60), "{:?}", start.elapsed());
    setup.is_told_of_a_panic().await; // the pause is kept
    assert_eq!(setup.exchanges(), (1, 1));
    assert_eq!(setup.api.requests(), 0);
    tokio::time::sleep(secs(1)).await;
    setup.is_served().await;
    assert_eq!(setup.exchanges(), (2, 1));
    setup
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_scheme_over_its_credentials_is_a_failed_exchange() {
    fails_like_any_other_exchange(Question::Credentials).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_scheme_over_its_request_is_a_failed_exchange() {
    fails_like_any_other_exchange(Question::Request).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_scheme_over_an_answer_is_a_failed_exchange() {
    fails_like_any_other_exchange(Question::Answer).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_scheme_over_a_header_value_is_a_failed_exchange() {
    fails_like_any_other_exchange(Question::HeaderValue).await;
}

async fn is_the_panic_of_one_caller(question: Question) {
    let setup = Setup::new(question != Question::Judge);
    setup.is_served().await;
    setup.api.delay(millis(50));
    setup.panics_at(question);
    let calls = join_all((0..20).map(|_| setup.call("/"))).await;
    let panics = calls.iter().filter(|call| call.as_ref().is_err_and(JoinError::is_panic));
    assert_eq!(panics.count(), 1);
    for call in calls.into_iter().flatten() {
        assert_eq!(call.unwrap(), 200);
    }
    assert_eq!(setup.exchanges(), (1, 0));

    // A refused token is renewed at once.
    let current = setup.layer.source().token().await.unwrap();
    setup.api.revoke(current.expose());
    let start = now();
    setup.is_served().await;
    assert!(start.elapsed() <= millis(200), "{:?}", start.elapsed());
    assert_eq!(setup.exchanges(), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_scheme_over_a_response_fails_only_that_request() {
    is_the_panic_of_one_caller(Question::Judge).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_scheme_over_a_successor_fails_only_that_request() {
    is_the_panic_of_one_caller(Question::HeaderValue).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_scheme_over_a_signature_fails_only_that_request() {
    is_the_panic_of_one_caller(Question::IsAuthentic).await;
}
