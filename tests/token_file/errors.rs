//! There is no token, or it has expired.

use std::fs::{self, File};
use std::time::SystemTime;

use tower_outbound_auth::ErrorKind;
use tower_outbound_auth::exchange::ExchangeErrorKind;

use super::log::log_of;
use super::*;

/// The text of an error between the system's name and the pause.
fn said(setup: &Setup, error: &Error) -> String {
    let path = setup.folder.token();
    let begins = format!("no token: token_file ({}): ", path.display());
    let text = error.to_string();
    let text = text.strip_prefix(&begins).unwrap_or_else(|| panic!("{text}"));
    let (text, _pause) = text.rsplit_once("; the next attempt is due in ").expect("a pause");
    text.replace(path.to_str().unwrap(), "PATH")
}

const ADVICE: &str = "check the path, and the program that writes the file";

#[tokio::test]
async fn a_file_that_is_missing_at_the_start_is_an_error_that_passes_and_is_read_when_it_appears() {
    let setup = Setup::without_file().await;
    let (error, exchange) = setup.no_token().await;
    assert_eq!(exchange.kind(), ExchangeErrorKind::Unavailable);
    assert!(error.is_transient());
    let missing = "cannot be read: No such file or directory (os error 2)";
    assert_eq!(said(&setup, &error), format!("the credential in file PATH {missing}: {ADVICE}"));
    setup.rewrite().await;
    setup.no_token().await; // within the pause
    assert_eq!(setup.looks(), 1);
    setup.clock.advance(secs(1));
    setup.good().await;
    assert_eq!(setup.looks(), 2);
}

#[tokio::test]
async fn the_start_of_a_service_waits_for_a_file_that_is_still_to_be_written() {
    let setup = Setup::without_file().await;
    let source = setup.source.clone();
    let start = tokio::spawn(async move { source.warm_up(HOUR).await });
    while setup.source.status().consecutive_failures == 0 {
        tokio::task::yield_now().await;
    }
    setup.rewrite().await;
    while !start.is_finished() {
        setup.source.settled().await;
        setup.clock.advance(secs(1));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    start.await.unwrap().unwrap();
    setup.good().await;
}

#[tokio::test]
async fn a_file_that_has_no_token_says_where_it_is_and_why() {
    for (content, why) in [
        ("", "is empty, or being written"),
        ("\n", "is empty, or being written"),
        ("to\u{7}ken", "has a control character"),
    ] {
        let setup = Setup::without_file().await;
        setup.folder.write(content);
        let (error, exchange) = setup.no_token().await;
        assert_eq!(said(&setup, &error), format!("the credential in file PATH {why}: {ADVICE}"));
        assert_eq!(exchange.kind(), ExchangeErrorKind::Unavailable);
    }
    let setup = Setup::without_file().await;
    fs::create_dir(setup.folder.token()).unwrap();
    let (error, _) = setup.no_token().await;
    let why = "cannot be read: not a regular file";
    assert_eq!(said(&setup, &error), format!("the credential in file PATH {why}: {ADVICE}"));
    let setup = Setup::without_file().await;
    setup.folder.write("two words");
    let (_, exchange) = setup.no_token().await;
    assert_eq!(exchange.kind(), ExchangeErrorKind::Malformed);
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_without_permission_says_so_and_a_usable_token_stays_in_use() {
    use std::os::unix::fs::PermissionsExt;
    let forbid = |setup: &Setup| {
        let path = setup.folder.token();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        File::open(path).is_ok() // root may read everything
    };
    let setup = Setup::without_file().await;
    setup.rewrite().await;
    if forbid(&setup) {
        return;
    }
    let (error, exchange) = setup.no_token().await;
    assert_eq!(exchange.kind(), ExchangeErrorKind::Unavailable);
    assert!(said(&setup, &error).contains("Permission denied"), "{error}");
    let setup = Setup::new().await;
    forbid(&setup);
    for _ in 0..50 {
        setup.clock.advance(MINUTE);
        setup.good().await;
    }
}

#[tokio::test]
async fn an_unusable_new_text_is_a_failure_and_the_token_stays_in_use() {
    let setup = Setup::new().await;
    setup.folder.rename_to("two\u{7}words");
    for _ in 0..50 {
        setup.clock.advance(MINUTE);
        setup.good().await;
    }
    let status = setup.source.status();
    let error = status.last_error.unwrap().to_string();
    let named = format!("token_file ({}): ", setup.folder.token().display());
    assert!(error.starts_with(&named) && error.contains("has a control character"), "{error}");
}

#[tokio::test]
async fn an_expired_jwt_is_an_error_with_the_age_of_the_file_and_is_looked_at_with_pauses() {
    let setup = Setup::without_file().await;
    setup.rewrite().await;
    #[allow(clippy::disallowed_methods)] // the file system's clock
    let an_hour_ago = SystemTime::now() - HOUR;
    File::options()
        .write(true)
        .open(setup.folder.token())
        .unwrap()
        .set_modified(an_hour_ago)
        .unwrap();
    setup.clock.advance(HOUR + secs(90));
    let (error, exchange) = setup.no_token().await;
    assert_eq!(exchange.kind(), ExchangeErrorKind::Expired);
    let said = said(&setup, &error);
    let (before, after) = said.split_once(" s ago: ").expect(&said);
    let age =
        before.strip_prefix("the token in the file expired 90 s ago, and the file was changed ");
    assert!((3_600..3_700).contains(&age.expect(&said).parse::<u64>().unwrap()), "{said}");
    assert_eq!(after, "check the program that writes the file, and the clock of this machine");
    for _ in 0..100 {
        setup.no_token().await; // the stored error
    }
    assert_eq!(setup.looks(), 1);
    for _ in 0..600 {
        setup.clock.advance(secs(1));
        setup.no_token().await;
        setup.source.settled().await;
    }
    assert!((20..=30).contains(&setup.looks()), "{}", setup.looks());
    setup.rewrite().await;
    setup.clock.advance(secs(30));
    setup.good().await;
    assert_eq!(setup.seen().len(), 1, "the expired token was never sent");
}

#[tokio::test]
async fn a_token_is_used_up_to_its_exp_and_not_after_it() {
    for (change, now) in [
        ((|_| {}) as fn(&Folder), "the file was changed "),
        (Folder::remove, "the file cannot be read now: "),
        (|folder| folder.write(""), "the file is empty now: "),
    ] {
        let setup = Setup::new().await;
        change(&setup.folder);
        for _ in 0..119 {
            setup.clock.advance(secs(30));
            setup.good().await;
        }
        setup.clock.advance(secs(31)); // `exp` is in whole seconds, and rounded up
        let (error, exchange) = setup.no_token().await;
        assert_eq!(exchange.kind(), ExchangeErrorKind::Expired);
        assert!(said(&setup, &error).contains(now), "{error}");
        assert_eq!(setup.server.requests().len(), 120);
        setup.rewrite().await;
        setup.clock.advance(secs(1));
        setup.good().await;
    }
}

#[test]
fn a_missing_path_and_a_wrong_origin_are_errors_at_once() {
    for (path, api) in [("", "https://api.example"), ("/run/token", "http://api.example")] {
        let error = AuthLayer::token_file(path, api).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{path} {api}");
    }
}

#[test]
fn no_log_and_no_error_shows_a_token() {
    let (told, tells) = std::sync::mpsc::channel();
    let log = log_of(async move {
        let setup = Setup::new().await;
        let mut texts = String::new();
        setup.server.revoke_tokens();
        setup.rewrite().await;
        setup.good().await;
        setup.clock.advance(HOUR + MINUTE);
        let (error, exchange) = setup.no_token().await;
        texts += &format!("{error} {error:?} {exchange:?} {:?} {:?}", setup.source, setup.api);
        let bad = format!("{}\u{7}", setup.issue().await);
        setup.folder.rename_to(&bad);
        setup.clock.advance(secs(30));
        let (error, exchange) = setup.no_token().await;
        texts += &format!("{error} {error:?} {exchange:?} {:?}", setup.source.status());
        let mut tokens = setup.seen();
        tokens.push(bad.trim_end_matches('\u{7}').to_owned());
        told.send((texts, tokens)).unwrap();
    });
    let (texts, tokens) = tells.recv().unwrap();
    assert_eq!(tokens.len(), 1 + 2 + 1);
    for part in tokens.iter().flat_map(|token| token.split('.').skip(1)) {
        assert!(!texts.contains(part) && !log.contains(part), "a part of a token is shown");
    }
    assert!(log.contains("has a control character"), "the log was listened to");
}
