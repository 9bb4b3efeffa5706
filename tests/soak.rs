//! A day of a service, on a paused clock: a thousand callers with one request a minute each, token
//! endpoints that fail, revocations, new tokens in responses. The number of exchanges stays within its
//! bound, no caller gets an error while a token is usable, and at the end of the day there is no more
//! memory in use than after its first hour.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use futures::future::join_all;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use tower::{Layer, Service, ServiceExt, service_fn};
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::exchange::{
    Exchange, ExchangeContext, ExchangeError, ExchangeErrorKind, Issued,
};
use tower_outbound_auth::scheme::{InvalidToken, Presentation, Rotation};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::token::State;
use tower_outbound_auth::{AuthLayer, BoxError, Error, Origin, Recovery, Secret, TokenSource};

const CALLERS: u64 = 1_000;
const HOUR: u64 = 3_600;

/// Token endpoint and API. Tokens are numbers, and valid for an hour unless they are revoked.
#[derive(Clone)]
struct World(Arc<Mutex<Day>>);

struct Day {
    clock: TokioClock,
    began: Duration,
    rng: fastrand::Rng,
    issued: u64,
    revoked: u64,
    /// When the tokens that are still valid were issued. The last one is number `issued`.
    alive: VecDeque<u64>,
    exchanges: u64,
    requests: u64,
    /// Refusals that a caller got.
    handed_on: u64,
}

impl Day {
    fn now(&self) -> u64 {
        (self.clock.now().monotonic() - self.began).as_secs()
    }

    /// An outage of ten minutes every four hours, the first after two hours.
    fn is_down(&self) -> bool {
        (self.now() + 2 * HOUR) % (4 * HOUR) < 600
    }

    fn issue(&mut self) -> String {
        let now = self.now();
        self.issued += 1;
        self.alive.push_back(now);
        while self.alive.front().is_some_and(|issued| issued + HOUR <= now) {
            self.alive.pop_front();
        }
        self.issued.to_string()
    }

    fn accepts(&self, token: &str) -> bool {
        let number: u64 = token.parse().unwrap();
        let oldest = self.issued - self.alive.len() as u64 + 1;
        let issued = number.checked_sub(oldest).and_then(|nth| self.alive.get(nth as usize));
        number > self.revoked && issued.is_some_and(|issued| issued + HOUR > self.now())
    }
}

impl World {
    fn new(clock: TokioClock) -> World {
        let began = clock.now().monotonic();
        World(Arc::new(Mutex::new(Day {
            clock,
            began,
            rng: fastrand::Rng::with_seed(7),
            issued: 0,
            revoked: 0,
            alive: VecDeque::new(),
            exchanges: 0,
            requests: 0,
            handed_on: 0,
        })))
    }

    fn day<T>(&self, look: impl FnOnce(&mut Day) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    async fn answer(
        self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Full<Bytes>>, BoxError> {
        let token =
            request.headers()[AUTHORIZATION].to_str()?.trim_start_matches("Bearer ").to_owned();
        let delay = self.day(|day| day.rng.u64(5..200));
        tokio::time::sleep(Duration::from_millis(delay)).await;
        let mut response = Response::new(Full::default());
        self.day(|day| {
            day.requests += 1;
            if !day.accepts(&token) {
                *response.status_mut() = http::StatusCode::UNAUTHORIZED;
            } else if day.rng.u64(..100) == 0 {
                let successor = HeaderValue::from_str(&day.issue()).unwrap();
                response.headers_mut().insert(AUTHORIZATION, successor);
            }
        });
        Ok(response)
    }
}

impl Exchange for World {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        cx.mark_sent();
        let (down, luck) = self.day(|day| {
            day.exchanges += 1;
            (day.is_down(), day.rng.u64(..20))
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        match luck {
            _ if down => Err(ExchangeError::new(ExchangeErrorKind::Unavailable, "down")),
            0 => panic!("as it happens"),
            1 => std::future::pending().await,
            _ => Ok(Issued::new(self.day(Day::issue)).with_expires_in(Duration::from_secs(HOUR))),
        }
    }
}

/// Bearer tokens. Responses bring new ones.
struct Rotating(HeaderScheme, Rotation);

impl Presentation for Rotating {
    fn header_name(&self) -> &HeaderName {
        self.0.header_name()
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        self.0.header_value(token, None)
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.1)
    }
}

/// A caller: one request a minute, all day. An error counts only while there is a usable token.
async fn call<S, T>(nth: u64, mut api: T, source: TokenSource<S>, world: World)
where
    S: Presentation,
    T: Service<Request<Full<Bytes>>, Response = Response<Full<Bytes>>, Error = BoxError>,
{
    tokio::time::sleep(Duration::from_millis(nth * 60)).await;
    let mut minutes = tokio::time::interval(Duration::from_secs(60));
    loop {
        minutes.tick().await;
        let request = Request::get("https://api.example/").body(Full::default()).unwrap();
        match api.ready().await.unwrap().call(request).await {
            Ok(response) if response.status() == 200 => {}
            // If a renewal after a revocation fails, or there are two revocations in a row, the caller
            // gets the server's answer and a `Recovery`.
            Ok(response) => {
                let said: Option<&Recovery> = response.extensions().get();
                assert!(matches!(said, Some(Recovery::RenewalFailed | Recovery::Replayed)));
                world.day(|day| day.handed_on += 1);
            }
            Err(error) => {
                Error::find(&*error).expect("an error of the layer's own");
                let state = source.status().state;
                assert!(matches!(state, State::Failing | State::Exchanging), "{state}: {error}");
            }
        }
    }
}

fn a_day<S: Presentation>(scheme: S) -> (World, TokenSource<S>) {
    // Without a backtrace, because its symbols would use most of the memory.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    let (world, source) = runtime.block_on(async {
        let clock = TokioClock::new();
        let world = World::new(clock.clone());
        (world.clone(), TokenSource::builder(scheme, world).clock(clock).build())
    });
    let layer =
        AuthLayer::new(source.clone()).with_origin(Origin::parse("https://api.example").unwrap());
    let api = layer.layer(service_fn({
        let world = world.clone();
        move |request| world.clone().answer(request)
    }));
    // As many callers at once as a thread keeps memory for. Otherwise the day's first crowd would
    // look like a leak.
    runtime.block_on(async {
        while source.token().await.is_err() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let request = || Request::get("https://api.example/").body(Full::default()).unwrap();
        let crowd = (0..100).map(|_| api.clone().oneshot(request()));
        assert!(join_all(crowd).await.iter().all(|it| it.as_ref().unwrap().status() == 200));
    });
    let mut live = Vec::new();
    let mut tasks = Vec::new();
    let hours = measure_hours(&mut live, &mut tasks, |hour| {
        if hour == 0 {
            for nth in 0..CALLERS {
                runtime.spawn(call(nth, api.clone(), source.clone(), world.clone()));
            }
        }
        runtime.block_on(async {
            tokio::time::sleep(Duration::from_secs(HOUR / 2)).await;
            if hour % 2 == 1 {
                world.day(|day| day.revoked = day.issued);
            }
            tokio::time::sleep(Duration::from_secs(HOUR / 2)).await;
        });
        runtime.metrics().num_alive_tasks()
    });
    assert_eq!(hours, 24);
    let (first, last) = (live[0], live[23]);
    assert!((last - first).abs() * 100 <= first, "live bytes by the hour: {live:?}");
    let all_callers = CALLERS as usize..=CALLERS as usize + 1; // an exchange may also be running
    assert!(tasks.iter().all(|alive| all_callers.contains(alive)), "a caller failed: {tasks:?}");
    assert_eq!(source.status().waiters, 0);
    let handed_on = world.day(|day| day.handed_on);
    // A renewal that hangs leaves a revoked token in use for eleven seconds, with about 17 requests
    // each.
    assert!(handed_on <= 1_000, "{handed_on} refusals in a day of twelve revocations");
    (world, source)
}

/// The live bytes and tasks at the end of each hour.
fn measure_hours(
    live: &mut Vec<i64>,
    tasks: &mut Vec<usize>,
    mut hour: impl FnMut(u64) -> usize,
) -> u64 {
    let mut bytes = 0;
    live.reserve(24);
    tasks.reserve(24);
    for nth in 0..24 {
        bytes += measure(|| tasks.push(hour(nth))).bytes_current;
        live.push(bytes);
    }
    live.len() as u64
}

/// Expiries, revocations and failures. An outage of ten minutes causes at most 24 attempts.
const BOUND: u64 = 24 * 10 / 8 + 1 + 12 + 6 * 24 + 24;

#[test]
#[ignore = "a minute: .ci/deep"]
fn a_day_of_exchanges() {
    let (world, source) = a_day(HeaderScheme::bearer());
    let counters = source.status().counters;
    let (exchanges, requests) = world.day(|day| (day.exchanges, day.requests));
    println!("{requests} requests, {exchanges} exchanges, {counters:?}");
    assert!(requests >= 23 * 60 * CALLERS);
    assert!((30..=BOUND).contains(&exchanges), "{exchanges} exchanges");
}

#[test]
#[ignore = "a minute: .ci/deep"]
fn a_day_of_rotations() {
    let rotation = Rotation::in_header(AUTHORIZATION);
    let (world, source) = a_day(Rotating(HeaderScheme::bearer(), rotation));
    let counters = source.status().counters;
    let (exchanges, requests) = world.day(|day| (day.exchanges, day.requests));
    println!("{requests} requests, {exchanges} exchanges, {counters:?}");
    assert!(requests >= 23 * 60 * CALLERS);
    assert!(counters.rotations_adopted > 10_000, "{counters:?}");
    assert!((1..=40).contains(&exchanges), "{exchanges} exchanges");
}
