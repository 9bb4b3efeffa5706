//! Promise 10, of credentials: they are read again before each exchange, where reading may block; a
//! changed one ends the pause that a refused one began.

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use http::{Request, Response};
use tower::service_fn;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::Atlas;
use tower_outbound_auth::testkit::{ManualClock, TokioClock};
use tower_outbound_auth::{BoxError, Credential, Error, Secret, TokenSource};

use crate::support::*;

/// A file of a test's own, which goes when it is dropped.
pub(crate) struct TempFile(pub(crate) PathBuf);

impl TempFile {
    pub(crate) fn new(text: &str) -> TempFile {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("outbound-auth-{}-{nth}", std::process::id());
        let file = TempFile(std::env::temp_dir().join(name));
        file.write(text);
        file
    }

    pub(crate) fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }

    pub(crate) fn credential(&self) -> Credential {
        Credential::file(&self.0)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A token endpoint that knows one secret, and keeps what it was shown.
#[derive(Clone)]
pub(crate) struct Endpoint {
    good: &'static str,
    shown: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    pub(crate) fn that_knows(good: &'static str) -> Endpoint {
        Endpoint { good, shown: Arc::default() }
    }

    pub(crate) fn source(&self, secret: impl Into<Credential>) -> TokenSource<Atlas> {
        let endpoint = self.clone();
        let client = service_fn(move |request: Request<Body>| {
            let secret = request.headers()["client-secret"].to_str().unwrap().to_owned();
            let good = secret == endpoint.good || endpoint.good.is_empty();
            endpoint.shown.lock().unwrap().push(secret);
            let (status, body) = match good {
                true => (200, r#"{"access_token":"abc","expires_in":3600}"#),
                false => (401, r#"{"error":"Invalid credentials"}"#),
            };
            let response = Response::builder().status(status).body(Body::from(body)).unwrap();
            async { Ok::<_, BoxError>(response) }
        });
        let atlas = Atlas::new("https://atlas.example/authtoken", "id", secret).unwrap();
        TokenSource::builder_over_http(atlas, client).clock(TokioClock::new()).build()
    }

    pub(crate) fn shown(&self) -> Vec<String> {
        self.shown.lock().unwrap().clone()
    }
}

async fn an_hour_later(source: &TokenSource<Atlas>) -> Result<(), Error> {
    tokio::time::sleep(HOUR).await;
    source.token().await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_rotated_on_disk_is_shown_by_the_next_exchange() {
    let (endpoint, file) = (Endpoint::that_knows(""), TempFile::new("first"));
    let source = endpoint.source(file.credential());
    source.token().await.unwrap();
    file.write("second\n");
    an_hour_later(&source).await.unwrap();
    assert_eq!(endpoint.shown(), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn one_line_break_at_the_end_is_removed_and_nothing_else() {
    for (text, secret) in [("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), ("s3cret", "s3cret")] {
        let (endpoint, file) = (Endpoint::that_knows(""), TempFile::new(text));
        endpoint.source(file.credential()).token().await.unwrap();
        assert_eq!(endpoint.shown(), [secret], "{text:?}");
    }
    for text in ["s3cret\n\n", "s3cret\r", "s3\tcret", "s3cret\0", "\ns3cret", "s3cret \n"] {
        let (endpoint, file) = (Endpoint::that_knows(""), TempFile::new(text));
        let error = endpoint.source(file.credential()).token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration);
        let said = format!("{error} {error:?}");
        assert!(said.contains(&*file.0.to_string_lossy()), "it says where: {said}");
        assert!(!said.contains("s3cret"), "{said}");
        assert!(endpoint.shown().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_empty_or_gone_or_no_text_keeps_the_last_good_secret() {
    let (endpoint, file) = (Endpoint::that_knows(""), TempFile::new("good"));
    let source = endpoint.source(file.credential());
    source.token().await.unwrap();
    file.write("");
    an_hour_later(&source).await.unwrap();
    file.write("\n");
    an_hour_later(&source).await.unwrap();
    fs::write(&file.0, b"\xff\xfe").unwrap();
    an_hour_later(&source).await.unwrap();
    fs::remove_file(&file.0).unwrap();
    an_hour_later(&source).await.unwrap();
    assert_eq!(endpoint.shown(), ["good"; 5]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_secret_is_an_error_that_names_it_and_is_found_within_a_second_of_its_arrival() {
    let (endpoint, file) = (Endpoint::that_knows("late"), TempFile::new(""));
    fs::remove_file(&file.0).unwrap();
    let source = endpoint.source(file.credential());
    let error = source.token().await.unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    file.write("late");
    let start = now();
    while source.token().await.is_err() {
        assert!(start.elapsed() < millis(1_200), "within a second");
        tokio::time::sleep(millis(50)).await;
    }
    assert_eq!(endpoint.shown(), ["late"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_from_the_environment_is_read_when_it_is_needed() {
    let source = Endpoint::that_knows("").source(Credential::env("OUTBOUND_AUTH_NO_SUCH_VARIABLE"));
    let error = source.token().await.unwrap_err().to_string();
    assert!(error.contains("OUTBOUND_AUTH_NO_SUCH_VARIABLE cannot be read"), "{error}");
    // A variable that every test run has, and that can stand in a header.
    let endpoint = Endpoint::that_knows("");
    endpoint.source(Credential::env("CARGO_PKG_NAME")).token().await.unwrap();
    assert_eq!(endpoint.shown(), ["tower-outbound-auth"]);
}

/// A secret that a test changes, and that counts how often it is read.
#[derive(Clone, Default)]
struct Ring(Arc<Mutex<(String, usize)>>);

impl Ring {
    fn with(secret: &str) -> Ring {
        Ring(Arc::new(Mutex::new((secret.to_owned(), 0))))
    }

    fn set(&self, secret: &str) {
        self.0.lock().unwrap().0 = secret.to_owned();
    }

    fn reads(&self) -> usize {
        self.0.lock().unwrap().1
    }

    fn credential(&self) -> Credential {
        let ring = self.clone();
        Credential::from_fn(move || {
            let mut ring = ring.0.lock().unwrap();
            ring.1 += 1;
            Ok(Secret::from(&*ring.0))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_secret_is_reloaded_once_a_second_and_a_new_one_ends_the_pause() {
    let (endpoint, ring) = (Endpoint::that_knows("right"), Ring::with("wrong"));
    let source = endpoint.source(ring.credential());
    let ask_for = async |time| {
        let start = now();
        while start.elapsed() < time {
            source.token().await.unwrap_err();
            tokio::time::sleep(millis(10)).await;
        }
    };
    ask_for(millis(7_500)).await;
    assert_eq!(endpoint.shown(), ["wrong"], "asked once in the slot of ten seconds");
    assert_eq!(ring.reads(), 1 + 7, "and looked up once a second");
    ring.set("right");
    ask_for(millis(490)).await;
    assert_eq!(endpoint.shown(), ["wrong"]);
    tokio::time::sleep(millis(20)).await;
    source.token().await.unwrap_err(); // has it looked up
    tokio::time::sleep(millis(10)).await;
    source.token().await.unwrap();
    assert_eq!(endpoint.shown(), ["wrong", "right"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_not_reloaded_without_requests_nor_while_it_is_accepted_nor_in_an_outage() {
    let (endpoint, ring) = (Endpoint::that_knows("right"), Ring::with("wrong"));
    let source = endpoint.source(ring.credential());
    source.token().await.unwrap_err();
    tokio::time::sleep(secs(9)).await;
    assert_eq!(ring.reads(), 1, "nobody asked");
    ring.set("right");
    source.retry_now();
    for _ in 0..3_000 {
        source.token().await.unwrap();
        tokio::time::sleep(secs(1)).await;
    }
    assert!(ring.reads() <= 3, "{}", ring.reads());
}

#[tokio::test(start_paused = true)]
async fn a_secret_given_as_a_value_is_never_reloaded_and_its_pause_stays() {
    let endpoint = Endpoint::that_knows("right");
    let source = endpoint.source("wrong");
    for _ in 0..700 {
        source.token().await.unwrap_err();
        tokio::time::sleep(millis(10)).await;
    }
    assert_eq!(endpoint.shown(), ["wrong"]);
}

#[test]
fn reading_a_secret_blocks_no_async_thread() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (go, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let secret = Credential::from_fn(move || {
            wait.lock()
                .unwrap()
                .recv_timeout(secs(20))
                .map_err(|_| "the async thread is blocked")?;
            Ok("s3cret".into())
        });
        let source = Endpoint::that_knows("").source(secret);
        let other = async {
            tokio::task::yield_now().await;
            go.send(()).unwrap();
        };
        let (token, ()) = futures::join!(source.token(), other);
        token.unwrap();
    });
}

#[tokio::test(start_paused = true)]
async fn a_function_that_fails_or_panics_is_a_failed_exchange() {
    for panics in [false, true] {
        let secret = Credential::from_fn(move || {
            assert!(!panics, "as it is told to");
            Err("the key ring is locked".into())
        });
        let error = Endpoint::that_knows("").source(secret).token().await.unwrap_err();
        let kind = error.exchange().unwrap().kind();
        let expected = match panics {
            true => ExchangeErrorKind::Panicked,
            false => ExchangeErrorKind::Configuration,
        };
        assert_eq!(kind, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn every_source_that_shares_a_credential_notices_its_change() {
    let (endpoint, ring) = (Endpoint::that_knows("right"), Ring::with("wrong"));
    let credential = ring.credential();
    let sources = [(); 3].map(|()| endpoint.source(credential.clone()));
    for source in &sources {
        source.token().await.unwrap_err();
    }
    ring.set("right");
    for _ in 0..2 {
        for source in &sources {
            let _ = source.token().await;
        }
        tokio::time::sleep(millis(1_100)).await;
    }
    for source in &sources {
        source.token().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_reload_hangs_there_is_no_second_one() {
    let reads = Arc::new(AtomicUsize::new(0));
    let (release, hang) = mpsc::channel::<()>();
    let hang = Mutex::new(hang);
    let secret = Credential::from_fn({
        let reads = reads.clone();
        move || {
            if reads.fetch_add(1, Ordering::Relaxed) > 0 {
                let _ = hang.lock().unwrap().recv(); // until the test is over
            }
            Ok("wrong".into())
        }
    });
    let source = Endpoint::that_knows("right").source(secret);
    for _ in 0..500 {
        source.token().await.unwrap_err();
        tokio::time::advance(millis(10)).await;
        tokio::task::yield_now().await;
    }
    assert!(reads.load(Ordering::Relaxed) <= 2);
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_too_long_is_no_secret() {
    let file = TempFile::new(&"x".repeat(64 * 1024 + 1));
    let error = Endpoint::that_knows("").source(file.credential()).token().await.unwrap_err();
    let cause = error.exchange().and_then(std::error::Error::source).unwrap().to_string();
    assert_eq!(cause, "longer than 64 KiB");
}

#[test]
fn a_reload_whose_runtime_has_ended_is_made_again() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (endpoint, ring) = (Endpoint::that_knows("right"), Ring::with("wrong"));
    let clock = ManualClock::new();
    let source = endpoint.source(ring.credential()).to_builder().clock(clock.clone()).build();
    runtime().block_on(source.token()).unwrap_err();
    clock.advance(secs(1));
    runtime().block_on(source.token()).unwrap_err(); // has it looked up, on a runtime that ends at once
    ring.set("right");
    clock.advance(secs(1));
    runtime().block_on(async {
        for _ in 0..60_000 {
            if source.token().await.is_ok() {
                return;
            }
            tokio::time::sleep(millis(1)).await; // for the thread that reads it
        }
        panic!("nobody looks any more");
    });
}

#[test]
fn a_reload_on_a_blocked_runtime_is_made_again_after_its_deadline() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (endpoint, ring) = (Endpoint::that_knows("right"), Ring::with("wrong"));
    let clock = ManualClock::new();
    let source = endpoint.source(ring.credential()).to_builder().clock(clock.clone()).build();
    for _ in 0..6 {
        runtime().block_on(source.token()).unwrap_err();
        clock.advance(secs(300));
    }
    runtime().block_on(source.token()).unwrap_err(); // the next exchange is due in four minutes at least
    clock.advance(secs(1));
    let still = runtime();
    still.block_on(source.token()).unwrap_err(); // has it looked up, on a runtime that nobody drives any more
    ring.set("right");
    clock.advance(secs(12));
    runtime().block_on(async {
        for _ in 0..60_000 {
            if source.token().await.is_ok() {
                return;
            }
            tokio::time::sleep(millis(1)).await; // for the thread that reads it
        }
        panic!("nobody looks any more");
    });
    drop(still);
}

/// Moves the clock until this ends.
pub(crate) async fn while_time_passes<T>(
    clock: &ManualClock,
    future: impl Future<Output = T>,
) -> T {
    let mut future = std::pin::pin!(future);
    for _ in 0..100_000 {
        if let std::task::Poll::Ready(ended) = futures::poll!(&mut future) {
            return ended;
        }
        clock.advance(millis(500));
        tokio::time::sleep(millis(1)).await; // for the threads that read
    }
    panic!("it does not end");
}

#[tokio::test]
async fn a_credential_whose_reading_hangs_costs_one_thread_and_a_clear_error() {
    let reads = Arc::new(AtomicUsize::new(0));
    let (release, hang) = mpsc::channel::<()>();
    let hang = Mutex::new(hang);
    let secret = Credential::from_fn({
        let reads = reads.clone();
        move || {
            reads.fetch_add(1, Ordering::Relaxed);
            let _ = hang.lock().unwrap().recv(); // until the test is over
            Ok("right".into())
        }
    });
    let clock = ManualClock::new();
    // Two sources that share it.
    let sources = [(); 2].map(|()| {
        Endpoint::that_knows("right")
            .source(secret.clone())
            .to_builder()
            .clock(clock.clone())
            .build()
    });
    for _ in 0..5 {
        for source in &sources {
            source.retry_now();
            let error = while_time_passes(&clock, source.token()).await.unwrap_err();
            let exchange = error.exchange().unwrap();
            assert_eq!(exchange.kind(), ExchangeErrorKind::Configuration);
            assert!(exchange.to_string().contains("more than 5 s"), "{exchange}");
        }
    }
    assert_eq!(reads.load(Ordering::Relaxed), 1);
    drop(release);
    for source in &sources {
        source.retry_now();
        while_time_passes(&clock, source.token()).await.unwrap();
    }
}
