//! Credentials that are read again.

use std::sync::{Arc, Mutex};

use tower_outbound_auth::exchange::{
    Exchange, ExchangeContext, ExchangeError, ExchangeErrorKind, Issued,
};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{Credential, TokenSource};

use crate::secs;
use crate::told::Told;
use crate::until::until;

struct Uses(Vec<Credential>);

impl Exchange for Uses {
    async fn exchange(&self, _: &ExchangeContext) -> Result<Issued, ExchangeError> {
        Ok(Issued::new("abc").with_expires_in(secs(100)))
    }

    fn credentials(&self) -> &[Credential] {
        &self.0
    }
}

/// The lines about credentials of one more exchange.
async fn exchange(
    source: &TokenSource<HeaderScheme>,
    clock: &ManualClock,
    told: &Told,
) -> Vec<String> {
    clock.advance(secs(1_000));
    let _ = source.token().await;
    until(|| told.has("state ")).await;
    let lines = told.take();
    let of_credentials = |line: &String| line.ends_with("changed") || line.ends_with("unreadable");
    lines.into_iter().filter(of_credentials).collect()
}

#[tokio::test]
async fn a_credential_tells_each_change_and_once_that_it_is_unreadable() {
    let (clock, told) = (ManualClock::new(), Told::default());
    let value = Arc::new(Mutex::new(Some("one")));
    let read = value.clone();
    let secret = Credential::from_fn(move || match *read.lock().unwrap() {
        Some(value) => Ok(value.into()),
        None => Err("the key ring is locked".into()),
    });
    let source = TokenSource::builder(HeaderScheme::bearer(), Uses(vec!["id".into(), secret]))
        .clock(clock.clone())
        .observer(told.clone())
        .build();
    let set = |new| *value.lock().unwrap() = new;
    assert_eq!(exchange(&source, &clock, &told).await, [""; 0], "the first value is no change");
    assert_eq!(exchange(&source, &clock, &told).await, [""; 0], "nor is the same value");
    set(Some("two"));
    assert_eq!(exchange(&source, &clock, &told).await, ["function None changed"]);
    set(None);
    assert_eq!(exchange(&source, &clock, &told).await, ["function None unreadable"]);
    assert_eq!(exchange(&source, &clock, &told).await, [""; 0], "it is told once");
    set(Some("two"));
    assert_eq!(exchange(&source, &clock, &told).await, [""; 0], "the old value is no change");
    set(None);
    assert_eq!(exchange(&source, &clock, &told).await, ["function None unreadable"]);
}

#[tokio::test]
async fn a_variable_that_is_not_set_is_named() {
    let (clock, told) = (ManualClock::new(), Told::default());
    let unset = Credential::env("NOT_SET_ANYWHERE");
    let source = TokenSource::builder(HeaderScheme::bearer(), Uses(vec![unset]))
        .clock(clock.clone())
        .observer(told.clone())
        .build();
    let lines = exchange(&source, &clock, &told).await;
    assert_eq!(lines, [r#"env Some("NOT_SET_ANYWHERE") unreadable"#]);
    assert_eq!(exchange(&source, &clock, &told).await, [""; 0], "it is told once");
}

/// An endpoint that refuses the credentials, or says that another member of the request is wrong.
struct Refuses(Vec<Credential>, &'static str);

impl Exchange for Refuses {
    async fn exchange(&self, _: &ExchangeContext) -> Result<Issued, ExchangeError> {
        Err(ExchangeError::new(ExchangeErrorKind::Refused, "no").with_code(self.1))
    }

    fn credentials(&self) -> &[Credential] {
        &self.0
    }
}

#[tokio::test]
async fn refused_credentials_are_told_by_their_places_and_another_refusal_is_not() {
    let refused = async |credentials, code| {
        let (clock, told) = (ManualClock::new(), Told::default());
        let source = TokenSource::builder(HeaderScheme::bearer(), Refuses(credentials, code))
            .clock(clock.clone())
            .observer(told.clone())
            .build();
        source.token().await.unwrap_err();
        until(|| told.has("state ")).await;
        let lines = told.take_events();
        let end = lines.iter().position(|line| line.contains("finished")).unwrap();
        let is_about_it = |line: &&String| line.ends_with(" refused") && !line.contains("wait");
        lines[end..].iter().filter(is_about_it).cloned().collect::<Vec<_>>()
    };
    let variable = || Credential::env("CARGO_PKG_NAME"); // cargo sets it
    let lines = refused(vec!["id".into(), variable()], "invalid_client").await;
    assert_eq!(lines, [r#"env Some("CARGO_PKG_NAME") refused"#]);
    assert_eq!(refused(vec!["id".into()], "invalid_client").await, ["value None refused"]);
    assert_eq!(refused(vec![], "invalid_client").await, ["unknown None refused"]);
    assert_eq!(refused(vec![variable()], "invalid_scope").await, [""; 0]);
}
