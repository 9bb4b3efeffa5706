//! Promise 16: while a token is usable, a request takes no lock, waits for nothing and allocates nothing of ours. The header
//! value is made once per token. (`tests/allocations.rs` counts the allocations of more kinds of requests, and
//! `benches/instructions.rs` the instructions.)

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use allocation_counter::measure;
use futures::FutureExt;
use http::{HeaderName, HeaderValue, Request, Response};
use tower::{Layer, Service, service_fn};
use tower_outbound_auth::clock::{Clock, Now, Sleep};
use tower_outbound_auth::scheme::{InvalidToken, Presentation};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, BoxError, Origin, Secret, TokenSource};

use crate::support::*;

/// A bearer scheme that counts the header values it makes.
struct Counting(HeaderScheme, Arc<AtomicUsize>);

impl Presentation for Counting {
    fn header_name(&self) -> &HeaderName {
        self.0.header_name()
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.header_value(token, None)
    }
}

/// A clock that stops the next thread that reads it, once `stops` is set.
#[derive(Clone, Debug)]
struct StoppingClock {
    clock: ManualClock,
    stops: Arc<AtomicBool>,
    stopped: mpsc::Sender<()>,
    go_on: Arc<Mutex<mpsc::Receiver<()>>>,
}

impl Clock for StoppingClock {
    fn now(&self) -> Now {
        if self.stops.swap(false, Ordering::SeqCst) {
            self.stopped.send(()).unwrap();
            self.go_on.lock().unwrap().recv().unwrap();
        }
        self.clock.now()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        self.clock.sleep(duration)
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn over<S: Presentation>(source: &TokenSource<S>) -> AuthLayer<S> {
    AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap())
}

/// An API that answers at once with the length of the `Authorization` header.
async fn answers(request: Request<Body>) -> Result<Response<Body>, BoxError> {
    let length = request.headers()["authorization"].len();
    let answer = Response::builder().header("x-length", length);
    Ok(answer.body(Body::default())?)
}

#[test]
fn a_request_is_sent_at_its_first_poll_and_needs_no_runtime() {
    let source = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
    runtime().block_on(source.token()).unwrap();
    let mut service = over(&source).layer(service_fn(answers));
    for _ in 0..100 {
        let response = service.call(get("/")).now_or_never().expect("it waits for nothing");
        assert_eq!(response.unwrap().headers()["x-length"], "Bearer token-1".len().to_string());
    }
    assert_eq!(source.status().counters.exchanges(), 1);
}

#[test]
fn a_request_allocates_nothing() {
    let source = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
    runtime().block_on(source.token()).unwrap();
    let api = service_fn(|_: Request<Body>| {
        std::future::ready(Ok::<_, BoxError>(Response::new(Body::default())))
    });
    let mut service = over(&source).layer(api);
    let mut calls = |count: usize| {
        let requests: Vec<_> = (0..count)
            .map(|_| {
                let mut request = get("/");
                request.headers_mut().reserve(4); // room for the credential
                request
            })
            .collect();
        measure(|| {
            for request in requests {
                let response = service.call(request).now_or_never().expect("at once").unwrap();
                assert_eq!(response.status(), 200);
            }
        })
    };
    calls(10);
    assert_eq!(calls(100).count_total, 0);
}

#[test]
fn the_header_value_is_made_once_for_each_token() {
    let made = Arc::new(AtomicUsize::new(0));
    let scheme = Counting(HeaderScheme::bearer(), made.clone());
    let source = TokenSource::new(scheme, ScriptedExchange::new());
    let service = over(&source).layer(service_fn(answers));
    runtime().block_on(async {
        for token in 1..=3 {
            for _ in 0..100 {
                assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
            }
            assert_eq!(made.load(Ordering::Relaxed), token);
            let current = source.token().await.unwrap();
            source.reject(&current).await.unwrap();
        }
    });
}

/// A thread is stopped within its request, while it reads the clock. A lock held there would stop the other threads.
#[test]
fn a_request_that_stands_still_on_another_thread_delays_no_request() {
    let ((stopped, stops), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    let clock = StoppingClock {
        clock: ManualClock::new(),
        stops: Arc::default(),
        stopped,
        go_on: Arc::new(Mutex::new(goes_on)),
    };
    let source = TokenSource::builder(HeaderScheme::bearer(), ScriptedExchange::new())
        .clock(clock.clone())
        .build();
    runtime().block_on(source.token()).unwrap();
    let service = over(&source).layer(service_fn(answers));
    let call = || send(&service, get("/")).now_or_never().expect("it waits for nothing").unwrap();
    std::thread::scope(|scope| {
        clock.stops.store(true, Ordering::SeqCst);
        let first = scope.spawn(|| call().status());
        stops.recv().unwrap();
        let (done, others) = mpsc::channel();
        scope.spawn(move || done.send((0..100).filter(|_| call().status() == 200).count()));
        let sent = others.recv_timeout(secs(20));
        go_on.send(()).unwrap();
        assert_eq!(sent, Ok(100), "no other request waited");
        assert_eq!(first.join().unwrap(), 200);
    });
}
