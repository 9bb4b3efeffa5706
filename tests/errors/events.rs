//! The event of a failed exchange.

use tower_outbound_auth::endpoint::HttpClient;
use tower_outbound_auth::exchange::{self, ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::scheme::Presentation;
use tower_outbound_auth::system::{Atlas, HeaderScheme};
use tower_outbound_auth::{Credential, TokenSource};

use crate::log::log_of;

/// The event of an exchange of this source, which fails.
fn event<P: Presentation>(source: &TokenSource<P>) -> String {
    let log = log_of(async {
        source.token().await.unwrap_err();
    });
    log.lines().find(|line| line.contains("exchange failed")).expect(&log).to_owned()
}

#[test]
fn a_cause_that_the_error_has_in_its_text_is_not_repeated() {
    let secret = Credential::env("OUTBOUND_AUTH_ERRORS_NOT_SET");
    let atlas = Atlas::new("http://127.0.0.1:1/token", "reports", secret).unwrap();
    let event = event(&TokenSource::over_http(atlas, HttpClient::plain().unwrap()));
    assert_eq!(event.matches("it is not set").count(), 1, "{event}");
    assert!(!event.contains("cause"), "{event}");
}

#[test]
fn another_cause_is_a_field() {
    let login = exchange::from_fn(|| async {
        let error = ExchangeError::new(ExchangeErrorKind::Unreachable, "the login failed");
        Err(error.with_source("cable cut"))
    });
    let event = event(&TokenSource::new(HeaderScheme::bearer(), login));
    assert!(event.contains("the login failed") && event.contains("cause=cable cut"), "{event}");
}
