//! Reading a secret hangs, or its runtime ends: there is one reading at a time, and the next one is made anew.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use tower_outbound_auth::Credential;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::testkit::ManualClock;

use super::support::*;
use crate::support::*;

#[tokio::test(start_paused = true)]
async fn while_a_reload_hangs_no_second_reload_starts() {
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
    let source = FakeEndpoint::that_takes("right").source(secret);
    for round in 0..500 {
        source.token().await.unwrap_err();
        tokio::time::advance(millis(10)).await;
        tokio::task::yield_now().await;
        if round == 150 {
            // The first reload was due after 1 s. The thread that reads begins in real time.
            for _ in 0..60_000 {
                if reads.load(Ordering::Relaxed) == 2 {
                    break;
                }
                std::thread::sleep(millis(1));
            }
        }
    }
    assert_eq!(reads.load(Ordering::Relaxed), 2, "the exchange, and one reload");
    drop(release);
}

#[tokio::test]
async fn a_reading_that_hangs_costs_one_thread_and_an_error_after_5_s() {
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
        FakeEndpoint::that_takes("right")
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
    // No time passes by this clock: a thread that the machine has no time for is no reading that hangs.
    for source in &sources {
        source.retry_now();
        source.token().await.unwrap();
    }
}

#[test]
fn a_reload_whose_runtime_has_ended_is_made_again() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (endpoint, changing) = (FakeEndpoint::that_takes("right"), ChangingSecret::with("wrong"));
    let clock = ManualClock::new();
    let source = endpoint.source(changing.credential()).to_builder().clock(clock.clone()).build();
    runtime().block_on(source.token()).unwrap_err();
    clock.advance(secs(1));
    runtime().block_on(source.token()).unwrap_err(); // has it looked up, on a runtime that ends at once
    changing.set("right");
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
    let (endpoint, changing) = (FakeEndpoint::that_takes("right"), ChangingSecret::with("wrong"));
    let clock = ManualClock::new();
    let source = endpoint.source(changing.credential()).to_builder().clock(clock.clone()).build();
    for _ in 0..6 {
        runtime().block_on(source.token()).unwrap_err();
        clock.advance(secs(300));
    }
    runtime().block_on(source.token()).unwrap_err(); // the next exchange is due in four minutes at least
    clock.advance(secs(1));
    let still = runtime();
    still.block_on(source.token()).unwrap_err(); // has it looked up, on a runtime that nobody drives any more
    changing.set("right");
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
