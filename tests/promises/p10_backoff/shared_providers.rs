//! Providers that several sources share, and sources that are credentials of each other.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, service_fn};
use tower_outbound_auth::credential::{CredentialProvider, Provided, Rejection};
use tower_outbound_auth::endpoint::{
    ExchangeAnswer, ExchangeRequest, Grant, HttpExchange, RequestContext, Step,
};
use tower_outbound_auth::exchange::{
    Exchange, ExchangeContext, ExchangeError, ExchangeErrorKind, Identity, Issued,
};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ScriptedExchange, TokioClock};
use tower_outbound_auth::{AuthLayer, BoxError, Credential, Origin, Secret, TokenSource};

use crate::support::*;

/// Gives `secret-<version>`.
#[derive(Default)]
struct Vault {
    version: AtomicU64,
    /// How long the next readings take once their value is fixed.
    slow: Mutex<VecDeque<Duration>>,
    rejected: Mutex<Vec<u64>>,
    when_rejected: WhenRejected,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum WhenRejected {
    #[default]
    Nothing,
    Rotate,
    RotateAfter(Duration),
    Hang,
    Panic,
}

impl Vault {
    fn that(when_rejected: WhenRejected) -> Arc<Vault> {
        Arc::new(Vault { when_rejected, ..Vault::default() })
    }

    fn told(&self) -> Vec<u64> {
        self.rejected.lock().unwrap().clone()
    }
}

impl CredentialProvider for Vault {
    async fn read(&self) -> Result<Provided, BoxError> {
        let version = self.version.load(Ordering::SeqCst);
        let slow = self.slow.lock().unwrap().pop_front();
        tokio::time::sleep(slow.unwrap_or_default()).await;
        Ok(Provided::new(format!("secret-{version}"), version))
    }

    async fn rejected(&self, rejection: Rejection<'_>) {
        let version = rejection.version;
        self.rejected.lock().unwrap().push(version);
        match self.when_rejected {
            WhenRejected::Nothing => return,
            WhenRejected::Rotate => {}
            WhenRejected::RotateAfter(time) => tokio::time::sleep(time).await,
            WhenRejected::Hang => std::future::pending().await,
            WhenRejected::Panic => panic!("the provider panics"),
        }
        let (set, next) = (Ordering::SeqCst, version + 1);
        let _ = self.version.compare_exchange(version, next, set, set);
    }
}

/// An endpoint that is slow before it is shown the credentials, or after.
#[derive(Clone)]
struct Login {
    credentials: Vec<Credential>,
    before: Duration,
    after: Duration,
    lifetime: Duration,
    good: Arc<Mutex<String>>,
    shown: Arc<Mutex<Vec<String>>>,
}

fn login(credential: impl Into<Credential>, good: &str) -> Login {
    Login {
        credentials: vec![credential.into()],
        before: Duration::ZERO,
        after: Duration::ZERO,
        lifetime: HOUR,
        good: Arc::new(Mutex::new(good.to_owned())),
        shown: Arc::default(),
    }
}

impl Login {
    fn shown(&self) -> Vec<String> {
        self.shown.lock().unwrap().clone()
    }
}

impl Exchange for Login {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        tokio::time::sleep(self.before).await;
        let value = cx.credential(&self.credentials[0]).await?;
        let nth = {
            let mut shown = self.shown.lock().unwrap();
            shown.push(value.expose().to_owned());
            shown.len()
        };
        tokio::time::sleep(self.after).await;
        match value.expose() == *self.good.lock().unwrap() {
            true => Ok(Issued::new(format!("session-{nth}")).with_expires_in(self.lifetime)),
            false => Err(ExchangeError::new(ExchangeErrorKind::Refused, "unknown credential")),
        }
    }

    fn credentials(&self) -> &[Credential] {
        &self.credentials
    }
}

fn source(exchange: impl Exchange) -> TokenSource<HeaderScheme> {
    TokenSource::builder(HeaderScheme::bearer(), exchange).clock(TokioClock::new()).build()
}

fn kind(error: &tower_outbound_auth::Error) -> ExchangeErrorKind {
    error.exchange().unwrap().kind()
}

#[tokio::test(start_paused = true)]
async fn an_exchange_sends_and_reports_the_value_that_was_read_for_it() {
    let vault = Vault::that(WhenRejected::Nothing);
    let shared = Credential::from_provider(vault.clone());
    let slow = Login { before: millis(100), ..login(shared.clone(), "another") };
    let (slow_source, quick_source) = (source(slow.clone()), source(login(shared, "secret-1")));
    let waiting = tokio::spawn(async move { slow_source.token().await });
    tokio::time::sleep(millis(50)).await;
    // While the slow exchange is under way, another one reads a newer value.
    vault.version.store(1, Ordering::SeqCst);
    quick_source.token().await.unwrap();
    waiting.await.unwrap().unwrap_err();
    // The newer value is there by then, so it is shown at once.
    assert_eq!(slow.shown(), ["secret-0", "secret-1"]);
    assert_eq!(vault.told(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reading_neither_restores_an_old_value_nor_reports_an_accepted_one() {
    let vault = Vault::that(WhenRejected::Rotate);
    vault.slow.lock().unwrap().extend([millis(100), millis(0), millis(100)]);
    let shared = Credential::from_provider(vault.clone());
    let first = login(shared.clone(), "secret-1");
    let second = Login { before: millis(100), ..login(shared, "secret-1") };
    let (first_source, second_source) = (source(first.clone()), source(second.clone()));
    let waiting = tokio::spawn(async move { first_source.token().await });
    tokio::time::sleep(millis(50)).await;
    vault.version.store(1, Ordering::SeqCst);
    second_source.token().await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(second.shown(), ["secret-1"]);
    assert_eq!(first.shown(), ["secret-0", "secret-1"]);
    assert_eq!(vault.told(), [0], "secret-1 was never refused");
}

/// Shows both of its credentials.
struct Both([Credential; 2]);

impl Grant for Both {
    fn identity(&self) -> Identity {
        Identity::new("both")
    }

    fn credentials(&self) -> &[Credential] {
        &self.0
    }

    fn request(&self, _: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        unreachable!("a credential is missing")
    }

    fn read(&self, _: ExchangeAnswer) -> Result<Step, ExchangeError> {
        unreachable!("nothing was sent")
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_another_source_met_is_not_reported_here() {
    let vault = Vault::that(WhenRejected::Rotate);
    let upstream = ScriptedExchange::new();
    upstream.fail_next(9, ExchangeError::new(ExchangeErrorKind::Refused, "login refused"));
    let upstream = source(upstream);
    let minted = Credential::minted(move || {
        let upstream = upstream.clone();
        async move { Ok(Secret::from(upstream.token().await?.expose())) }
    });
    let client = service_fn(|_: Request<Full<Bytes>>| async {
        Err::<Response<Full<Bytes>>, _>(BoxError::from("nothing is sent"))
    });
    let both = Both([Credential::from_provider(vault.clone()), minted.clone()]);
    let error = source(HttpExchange::new(both, client)).token().await.unwrap_err();
    assert_eq!(kind(&error), ExchangeErrorKind::Refused, "of the kind of the other source's");
    assert!(vault.told().is_empty());
    // The same in an exchange of one's own.
    let error = source(login(minted, "x")).token().await.unwrap_err();
    assert_eq!(kind(&error), ExchangeErrorKind::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_or_panics_over_a_report_hides_no_refusal() {
    for (when_rejected, after, ends) in [
        (WhenRejected::Hang, secs(0), secs(5)),
        (WhenRejected::Hang, secs(6), secs(8)), // half of what was left
        (WhenRejected::Panic, secs(0), secs(0)),
    ] {
        let vault = Vault::that(when_rejected);
        let login = Login { after, ..login(Credential::from_provider(vault), "another") };
        let start = now();
        let error = source(login).token().await.unwrap_err();
        assert_eq!(kind(&error), ExchangeErrorKind::Refused);
        assert_eq!(start.elapsed(), ends);
    }
}

/// A source that is made later.
#[derive(Default)]
struct Later(OnceLock<TokenSource<HeaderScheme>>);

impl CredentialProvider for Later {
    async fn read(&self) -> Result<Provided, BoxError> {
        CredentialProvider::read(self.0.get().ok_or("not yet")?).await
    }
}

#[tokio::test(start_paused = true)]
async fn sources_that_are_credentials_of_each_other_in_a_circle_are_a_reentrant_error() {
    for size in [2, 3, 5] {
        let places: Vec<Arc<Later>> = (0..size).map(|_| Arc::default()).collect();
        let next = |nth: usize| Credential::from_provider(places[(nth + 1) % size].clone());
        let sources: Vec<_> = (0..size).map(|nth| source(login(next(nth), "x"))).collect();
        for (place, source) in places.iter().zip(&sources) {
            place.0.set(source.clone()).ok();
        }
        let start = now();
        let answers = futures::future::join_all(sources.iter().map(TokenSource::token)).await;
        assert_eq!(start.elapsed(), secs(0));
        for answer in answers {
            assert_eq!(kind(&answer.unwrap_err()), ExchangeErrorKind::Reentrant);
        }
    }
    // Nothing is left of it: two sources in a row still wait for each other.
    let exchange = ScriptedExchange::new().with_delay(secs(1), TokioClock::new());
    let inner = source(exchange);
    let outer = source(login(inner, "token-1"));
    let answers = futures::future::join_all((0..10).map(|_| outer.token())).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().expose() == "session-1"));
}

#[tokio::test(start_paused = true)]
async fn the_token_of_the_repeated_exchange_lives_from_its_own_beginning() {
    let vault = Vault::that(WhenRejected::RotateAfter(secs(4)));
    let login = Login { lifetime: secs(4), ..login(Credential::from_provider(vault), "secret-1") };
    let source = source(login);
    assert_eq!(source.token().await.unwrap().expose(), "session-2");
    assert_eq!(source.status().expires_in, Some(secs(4)));
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_listed_twice_is_read_and_reported_once() {
    let vault = Vault::that(WhenRejected::Nothing);
    let credential = Credential::from_provider(vault.clone());
    let twice = Login { credentials: vec![credential.clone(), credential], ..login("", "x") };
    source(twice).token().await.unwrap_err();
    assert_eq!(vault.told(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_helped_an_exchange_is_refunded_to_the_other_source() {
    let identity = source(ScriptedExchange::new());
    let login = login(identity.clone(), "token-1");
    let layer = AuthLayer::new(source(login.clone())).with_origin(Origin::parse(API).unwrap());
    let api = Api::default();
    let service = layer.layer(api.clone());
    send(&service, get("/")).await.unwrap();
    // Both tokens are revoked, eight times in a row.
    for nth in 2..10 {
        *login.good.lock().unwrap() = format!("token-{nth}");
        let last = api.tokens().last().unwrap().clone();
        api.revoke(&last);
        assert_eq!(send(&service, get("/")).await.unwrap().status(), 200, "{nth}");
        tokio::time::sleep(secs(2)).await;
    }
    assert_eq!(identity.status().renewal_budget, 5);
}
