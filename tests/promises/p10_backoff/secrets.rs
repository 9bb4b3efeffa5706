//! A secret is read before each exchange, where reading may block. A bad reading keeps the last good secret.

use std::fs;
use std::sync::{Mutex, mpsc};

use tower_outbound_auth::Credential;
use tower_outbound_auth::exchange::ExchangeErrorKind;

use super::support::*;
use crate::support::*;

#[tokio::test(start_paused = true)]
async fn a_secret_that_changed_on_disk_is_sent_by_the_next_exchange() {
    let (endpoint, file) = (FakeEndpoint::that_takes_all(), TempFile::new("first"));
    let source = endpoint.source(file.credential());
    source.token().await.unwrap();
    file.write("second\n");
    an_hour_later(&source).await.unwrap();
    assert_eq!(endpoint.received(), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_from_the_environment_is_read_by_the_exchange() {
    let source =
        FakeEndpoint::that_takes_all().source(Credential::env("OUTBOUND_AUTH_NO_SUCH_VARIABLE"));
    let error = source.token().await.unwrap_err().to_string();
    assert!(error.contains("OUTBOUND_AUTH_NO_SUCH_VARIABLE cannot be read"), "{error}");
    // A variable that every test run has, and that can stand in a header.
    let endpoint = FakeEndpoint::that_takes_all();
    endpoint.source(Credential::env("CARGO_PKG_NAME")).token().await.unwrap();
    assert_eq!(endpoint.received(), ["tower-outbound-auth"]);
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
        let endpoint = FakeEndpoint::that_takes_all();
        let source = endpoint.source(secret);
        let other = async {
            tokio::task::yield_now().await;
            go.send(()).unwrap();
        };
        let (token, ()) = futures::join!(source.token(), other);
        token.unwrap();
        assert_eq!(endpoint.received(), ["s3cret"]);
    });
}

#[tokio::test(start_paused = true)]
async fn one_line_break_at_the_end_is_removed_and_other_control_characters_are_an_error() {
    for (text, secret) in [("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), ("s3cret", "s3cret")] {
        let (endpoint, file) = (FakeEndpoint::that_takes_all(), TempFile::new(text));
        endpoint.source(file.credential()).token().await.unwrap();
        assert_eq!(endpoint.received(), [secret], "{text:?}");
    }
    for text in ["s3cret\n\n", "s3cret\r", "s3\tcret", "s3cret\0", "\ns3cret", "s3cret \n"] {
        let (endpoint, file) = (FakeEndpoint::that_takes_all(), TempFile::new(text));
        let error = endpoint.source(file.credential()).token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration);
        let said = format!("{error} {error:?}");
        assert!(said.contains(&*file.0.to_string_lossy()), "it says where: {said}");
        assert!(!said.contains("s3cret"), "{said}");
        assert!(endpoint.received().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn while_a_file_is_empty_or_gone_or_no_text_the_last_good_secret_is_sent() {
    let (endpoint, file) = (FakeEndpoint::that_takes_all(), TempFile::new("good"));
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
    assert_eq!(endpoint.received(), ["good"; 5]);
}

#[tokio::test(start_paused = true)]
async fn a_file_of_more_than_64_kib_is_an_error() {
    let file = TempFile::new(&"x".repeat(64 * 1024 + 1));
    let error = FakeEndpoint::that_takes_all().source(file.credential()).token().await.unwrap_err();
    let cause = error.exchange().and_then(std::error::Error::source).unwrap().to_string();
    assert_eq!(cause, "longer than 64 KiB");
}

#[tokio::test(start_paused = true)]
async fn a_function_that_fails_or_panics_is_a_failed_exchange() {
    for panics in [false, true] {
        let secret = Credential::from_fn(move || {
            assert!(!panics, "as it is told to");
            Err("the key ring is locked".into())
        });
        let error = FakeEndpoint::that_takes_all().source(secret).token().await.unwrap_err();
        let kind = error.exchange().unwrap().kind();
        let expected = match panics {
            true => ExchangeErrorKind::Panicked,
            false => ExchangeErrorKind::Configuration,
        };
        assert_eq!(kind, expected);
    }
}
