//! The memory of the layer: sizes, bytes per instance, allocations per request.
//!
//! `cargo bench --features test-util --bench memory`. All figures are counts. They are the same in each run,
//! except those of hyper, which vary slightly.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fmt::Debug;
use std::future::{Future, ready};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use allocation_counter::measure;
use http::{HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use tokio::runtime::Runtime;
use tower::{Layer, Service, service_fn};
use tower_outbound_auth::clock::SystemClock;
use tower_outbound_auth::exchange::{Exchange, Issued, from_fn};
use tower_outbound_auth::replay::{Off, Same};
use tower_outbound_auth::scheme::Adopt;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{Auth, AuthLayer, BoxError, TokenSource};

use common::goals::Goals;
use common::rotating::{HandsOut, jwt};
use common::{Api, Body, loopback, once, ours, request, token};

const KIB: i64 = 1024;
/// The text of the token, and the header's value.
const COPIES: i64 = 2;

fn main() -> ExitCode {
    let mut goals = Goals::new();
    sizes(&mut goals);
    bytes(&mut goals);
    per_request(&mut goals);
    rotating(&mut goals);
    over_hyper(&goals);
    cold_paths(&goals);
    goals.exit()
}

fn sizes(goals: &mut Goals) {
    type Service<R> = Auth<Api, R>;
    let over = |whole: usize, inner: usize| (whole - inner) as i64;
    let inner = size_of::<<Api as tower::Service<Request<Body>>>::Future>();
    let off = size_of::<<Service<Off> as tower::Service<Request<Body>>>::Future>();
    let same = size_of::<<Service<Same> as tower::Service<Request<Body>>>::Future>();
    let service = over(size_of::<Service<Same>>(), size_of::<Api>());
    goals.count("service over the inner one: bytes", service, 80);
    goals.count("future over the inner one, Off: bytes", over(off, inner), 32);
    goals.note("future over the inner one, Same: bytes", over(same, inner));
}

/// The memory of a layer, its service and its source, without the texts of its token.
fn bytes(goals: &mut Goals) {
    let runtime = loopback::runtime();
    let warm = |layer: &AuthLayer<HeaderScheme>| {
        runtime.block_on(layer.source().token()).unwrap();
    };
    warm(&ours::exchanging(exchange())); // the runtime and the thread keep this memory
    once(&mut ours::layer().layer(Api), request());
    let texts = COPIES * token().len() as i64;

    let (mut fixed, mut source, mut tenant) = (None, None, None);
    let taken = measure(|| fixed = Some(ours::layer().layer(Api))).bytes_current;
    goals.count("layer, service, source, fixed token: bytes", taken - texts, 8 * KIB);
    let taken = measure(|| {
        let layer = ours::exchanging(exchange());
        warm(&layer);
        once(&mut layer.layer(Api), request());
        source = Some(layer.source().clone()); // counts everything that was not freed
    });
    let alone = taken.bytes_current - texts;
    goals.aim("a tenant: a source that one thread has used: bytes", alone, 2 * KIB);
    let taken = measure(|| {
        let layer = ours::exchanging(exchange());
        warm(&layer);
        let service = layer.layer(Api);
        once(&mut service.clone(), request());
        tenant = Some((layer, service));
    });
    let one = taken.bytes_current - texts;
    goals.count("the same with layer and service: bytes", one, 8 * KIB);
    let (_, service) = tenant.as_ref().unwrap();
    let more: i64 = (1..16).map(|_| on_a_thread_of_its_own(service)).sum();
    goals.aim("the same, used by 16 threads: bytes", one + more, 8 * KIB);
}

fn on_a_thread_of_its_own(service: &Auth<Api>) -> i64 {
    let send = || {
        once(&mut ours::layer().layer(Api), request()); // the thread keeps this for all instances
        measure(|| once(&mut service.clone(), request())).bytes_current
    };
    thread::scope(|scope| scope.spawn(send).join().unwrap())
}

/// Allocations in steady state, without those of making the request.
fn per_request(goals: &mut Goals) {
    let off = || ours::layer().with_replay(Off).layer(Api);
    let mut row = |what: &str, most, measured: f64| {
        let row = format!("{what}: allocations per request");
        match most {
            Some(most) => goals.count(&row, measured.ceil() as i64, most),
            None => goals.note(&row, measured),
        }
    };
    row("no replay", Some(0), allocations(off(), request));
    row("no replay, run-time header values", Some(0), allocations(off(), run_time_values));
    let named = HeaderName::from_bytes(b"x-made-at-run-time").unwrap();
    let source = TokenSource::fixed(HeaderScheme::new(named, ""), token()).unwrap();
    let named = ours::over(source).with_replay(Off).layer(Api);
    row("no replay, run-time header name", Some(0), allocations(named, request));
    let cloned = off();
    let cloned = service_fn(move |request: Request<Body>| cloned.clone().call(request));
    row("no replay, service cloned", Some(0), allocations(cloned, request));
    let armed = || ours::layer().layer(Api);
    row("armed, static header values", Some(0), allocations(armed(), request));
    row("armed, four run-time header values", Some(4), allocations(armed(), run_time_values));
    // The http crate's clone of the extensions.
    let clone = measure(|| drop(with_extension().extensions().clone())).count_total;
    let clone = clone - measure(|| drop(with_extension())).count_total;
    let most = i64::try_from(clone).ok();
    row("armed, an extension", most, allocations(armed(), with_extension));
}

fn rotating(goals: &mut Goals) {
    let service = |adopt, api| {
        let layer = common::rotating::layer(adopt, SystemClock::new(), jwt(0, 1024));
        layer.with_replay(Off).layer(api)
    };
    let over = |adopt, api: HandsOut| {
        allocations(service(adopt, api.clone()), request) - allocations(api, request)
    };
    let other = || HandsOut::always(&jwt(1, 1024));
    let when_due = over(Adopt::WhenDue, other()).ceil() as i64;
    goals.count("when due: allocations per request", when_due, 0);
    let current = over(Adopt::EveryNewer, other());
    goals.note("every newer, current token: allocations per request", current);
    let tokens: Vec<_> = (1..=64).map(|number| jwt(number, 1024)).collect();
    let each = over(Adopt::EveryNewer, HandsOut::one_in(1, &tokens));
    goals.note("every newer, another each time: allocations per request", each);
}

/// Keeping a request for a second sending also clones the inner service.
fn over_hyper(goals: &Goals) {
    let (runtime, address) = (loopback::runtime(), loopback::serve());
    let client = || loopback::client(false);
    let bare = over_loopback(&runtime, address, client());
    let off = loopback::layer(address).with_replay(Off).layer(client());
    let off = over_loopback(&runtime, address, off) - bare;
    let armed = loopback::layer(address).layer(client());
    let armed = over_loopback(&runtime, address, armed) - bare;
    goals.note("hyper-util's client, bare: allocations per request", format!("{bare:.2}"));
    goals.note("over hyper-util's client, no replay: more", format!("{off:.2}"));
    goals.note("over hyper-util's client, armed: more", format!("{armed:.2}"));
}

/// The cost of a request that must wait.
fn cold_paths(goals: &Goals) {
    let runtime = loopback::runtime();
    let cold = || {
        let mut service = ours::exchanging(exchange()).layer(Api);
        let request = request();
        measure(|| drop(runtime.block_on(service.call(request)).unwrap()))
    };
    cold();
    let cold = cold();
    goals.note("cold request, its exchange included: allocations", cold.count_total);
    goals.note("cold request, its exchange included: bytes at most", cold.bytes_max);

    refused();
    let (renewed, again) = refused();
    goals.note("refused, renewed, sent again, exchange included: allocations", renewed);
    goals.note("refused, sent again with a token that is there: allocations", again);
}

/// Two requests are refused. One causes the renewal, and the other finds it done. What each allocates after
/// its 401.
fn refused() -> (u64, u64) {
    let (runtime, served) = (loopback::runtime(), AtomicUsize::new(0));
    let served: &'static AtomicUsize = Box::leak(Box::new(served));
    let api = service_fn(|_: Request<Body>| {
        let status = if served.fetch_add(1, Ordering::Relaxed) < 2 { 401 } else { 200 };
        ready(Response::builder().status(status).body(Body::default()))
    });
    let layer = ours::exchanging(exchange());
    runtime.block_on(layer.source().token()).unwrap();
    let mut service = layer.layer(api);
    let [one, other] = [request(), request()].map(|request| service.call(request));
    let (one, other) = (end(&runtime, one), end(&runtime, other));
    assert_eq!(layer.source().status().counters.exchanges(), 2);
    (one, other)
}

fn end(runtime: &Runtime, call: impl Future<Output = Result<Response<Body>, BoxError>>) -> u64 {
    let mut response = None;
    let taken = measure(|| response = Some(runtime.block_on(call)));
    assert_eq!(response.unwrap().unwrap().status(), 200);
    taken.count_total
}

/// Tokens without a network, a new one for each exchange.
fn exchange() -> impl Exchange {
    let issued = AtomicUsize::new(0);
    from_fn(move || {
        let number = issued.fetch_add(1, Ordering::Relaxed);
        ready(Ok(Issued::new(format!("{}{number}", &token()[1..]))))
    })
}

/// Allocations per request, in steady state.
fn allocations(mut service: impl Service<Request<Body>>, request: fn() -> Request<Body>) -> f64 {
    let mut run = |requests: Vec<_>| {
        let send = || requests.into_iter().for_each(|request| once(&mut service, request));
        measure(send).count_total as f64
    };
    run((0..10).map(|_| request()).collect());
    run((0..100).map(|_| request()).collect()) / 100.0
}

fn over_loopback<S>(runtime: &Runtime, address: SocketAddr, mut service: S) -> f64
where
    S: Service<Request<Body>, Response = Response<Incoming>, Error: Debug>,
{
    let mut run = |count| {
        let requests = loopback::requests(address, count);
        let send = || runtime.block_on(loopback::send(&mut service, requests));
        measure(send).count_total as f64 / count as f64
    };
    run(100);
    run(1_000)
}

fn run_time_values() -> Request<Body> {
    let mut request = request();
    for value in request.headers_mut().values_mut() {
        *value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
    }
    request
}

fn with_extension() -> Request<Body> {
    let mut request = request();
    request.extensions_mut().insert("for a layer below");
    request
}
