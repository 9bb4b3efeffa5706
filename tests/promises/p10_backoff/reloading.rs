//! A refused secret is read again once a second while there are requests. A changed secret ends the pause.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use tower_outbound_auth::credential::{CredentialProvider, Provided};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::{BoxError, Credential};

use super::support::*;
use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_refused_secret_is_reloaded_once_a_second_and_a_new_one_ends_the_pause() {
    let (endpoint, changing) = (FakeEndpoint::that_takes("right"), ChangingSecret::with("wrong"));
    let source = endpoint.source(changing.credential());
    let ask_for = async |time| {
        let start = now();
        while start.elapsed() < time {
            source.token().await.unwrap_err();
            tokio::time::sleep(millis(10)).await;
        }
    };
    // The pause is drawn from 8 to 10 s, and all of this is over before that.
    ask_for(millis(6_500)).await;
    assert_eq!(endpoint.received(), ["wrong"], "asked once in the slot of ten seconds");
    assert_eq!(changing.reads(), 1 + 6, "and looked up once a second");
    changing.set("right");
    ask_for(millis(490)).await;
    assert_eq!(endpoint.received(), ["wrong"]);
    tokio::time::sleep(millis(20)).await;
    source.token().await.unwrap_err(); // has it looked up
    tokio::time::sleep(millis(10)).await;
    source.token().await.unwrap();
    assert_eq!(endpoint.received(), ["wrong", "right"]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_secret_is_an_error_and_is_found_within_a_second_of_its_arrival() {
    let (endpoint, file) = (FakeEndpoint::that_takes("late"), TempFile::new(""));
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
    assert_eq!(endpoint.received(), ["late"]);
}

#[tokio::test(start_paused = true)]
async fn a_changed_secret_ends_the_pause_of_every_source_that_shares_it() {
    let (endpoint, changing) = (FakeEndpoint::that_takes("right"), ChangingSecret::with("wrong"));
    let credential = changing.credential();
    let sources = [(); 3].map(|()| endpoint.source(credential.clone()));
    for source in &sources {
        source.token().await.unwrap_err();
    }
    changing.set("right");
    for _ in 0..2 {
        for source in &sources {
            let _ = source.token().await; // starts a reload
        }
        tokio::time::sleep(millis(1_100)).await;
    }
    for source in &sources {
        source.token().await.unwrap();
    }
    assert_eq!(endpoint.received(), ["wrong", "wrong", "wrong", "right", "right", "right"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_not_reloaded_without_requests_nor_while_it_is_accepted() {
    let (endpoint, changing) = (FakeEndpoint::that_takes("right"), ChangingSecret::with("wrong"));
    let source = endpoint.source(changing.credential());
    source.token().await.unwrap_err();
    tokio::time::sleep(secs(9)).await;
    assert_eq!(changing.reads(), 1, "nobody asked");
    changing.set("right");
    source.retry_now();
    // Until shortly before the refresh-ahead time, which is at 80 % of an hour at the earliest.
    for _ in 0..2_800 {
        source.token().await.unwrap();
        tokio::time::sleep(secs(1)).await;
    }
    assert_eq!(changing.reads(), 2, "one reading for each exchange");
    assert_eq!(endpoint.received(), ["wrong", "right"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_given_as_a_value_keeps_its_pause() {
    let endpoint = FakeEndpoint::that_takes("right");
    let source = endpoint.source("wrong");
    for _ in 0..700 {
        source.token().await.unwrap_err();
        tokio::time::sleep(millis(10)).await;
    }
    assert_eq!(endpoint.received(), ["wrong"]);
}

/// Its first value is wrong. Then it panics.
#[derive(Default)]
struct Panics(AtomicUsize);

impl CredentialProvider for Panics {
    async fn read(&self) -> Result<Provided, BoxError> {
        assert_eq!(self.0.fetch_add(1, Ordering::Relaxed), 0, "a bug of the provider");
        Ok(Provided::new("wrong", 0))
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_panics_while_a_probe_reloads_it_does_not_panic_the_caller() {
    let endpoint = FakeEndpoint::that_takes("right");
    let source = endpoint.source(Credential::from_provider(Panics::default()));
    for _ in 0..2 {
        let error = source.probe().await.unwrap_err();
        assert_eq!(exchange_kind(&error), ExchangeErrorKind::Refused, "{error}");
    }
    assert_eq!(endpoint.received(), ["wrong"]);
}

#[tokio::test(start_paused = true)]
async fn warm_up_reloads_a_refused_secret_at_once_and_requests_then_wait_their_second() {
    let (endpoint, changing) = (FakeEndpoint::that_takes("right"), ChangingSecret::with("wrong"));
    let source = endpoint.source(changing.credential());
    source.warm_up(secs(1)).await.unwrap_err();
    assert_eq!(changing.reads(), 1);
    source.warm_up(secs(1)).await.unwrap_err();
    assert_eq!(changing.reads(), 2, "without waiting for the second");
    source.token().await.unwrap_err();
    tokio::time::sleep(millis(10)).await;
    assert_eq!(changing.reads(), 2, "a request does not read it again so soon");
    changing.set("right");
    source.warm_up(secs(1)).await.unwrap();
    assert_eq!((changing.reads(), endpoint.received()), (4, vec!["wrong".into(), "right".into()]));
}
