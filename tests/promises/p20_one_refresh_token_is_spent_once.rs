//! Promise 20: one refresh token is spent once. A new one is stored before it is used; one whose answer
//! was lost is not spent again; where it is not taken, the credential is shown once.

use std::sync::{Arc, Mutex};

use futures::FutureExt;
use tower_outbound_auth::exchange::{
    Exchange, ExchangeContext, ExchangeError, ExchangeErrorKind, Issued,
};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

use crate::support::*;

/// An authorization server that hands out refresh tokens, takes each once, and revokes all that it has
/// handed out when one comes a second time.
#[derive(Clone, Default)]
struct Grants(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    exchanges: usize,
    /// Exchanges that showed the credential.
    credentials: usize,
    /// The refresh token that is good, and those that were.
    good: Option<String>,
    spent: Vec<String>,
    reused: usize,
    answers: Answers,
    then: Then,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Answers {
    #[default]
    WithANewOne,
    WithoutOne,
    Never,
}

/// What becomes of the answer to the next refresh.
#[derive(Clone, Copy, Default, PartialEq)]
enum Then {
    #[default]
    Arrives,
    IsLost,
    NeverComes,
    Panics,
}

impl Grants {
    fn source(&self) -> TokenSource<HeaderScheme> {
        TokenSource::builder(HeaderScheme::bearer(), self.clone()).clock(TokioClock::new()).build()
    }

    fn answers(&self, answers: Answers) {
        self.0.lock().unwrap().answers = answers;
    }

    fn next(&self, then: Then) {
        self.0.lock().unwrap().then = then;
    }

    fn revoke(&self) {
        self.0.lock().unwrap().good = None;
    }

    /// Exchanges; those that showed the credential; refresh tokens that came a second time.
    fn counts(&self) -> (usize, usize, usize) {
        let state = self.0.lock().unwrap();
        (state.exchanges, state.credentials, state.reused)
    }

    /// Whether the server takes this refresh token.
    fn takes(&self, token: &str) -> bool {
        let mut state = self.0.lock().unwrap();
        if state.spent.iter().any(|spent| spent == token) {
            state.reused += 1;
            state.good = None;
            return false;
        }
        let good = state.good.as_deref() == Some(token);
        if good && state.answers == Answers::WithANewOne {
            state.good = None;
            state.spent.push(token.to_owned());
        }
        good
    }

    fn issue(&self, refreshed: bool) -> Issued {
        let mut state = self.0.lock().unwrap();
        let (nth, answers) = (state.exchanges, state.answers);
        let issued = Issued::new(format!("token-{nth}")).with_expires_in(HOUR);
        match answers {
            Answers::WithANewOne => {
                state.good = Some(format!("refresh-{nth}"));
                issued.with_refresh_token(format!("refresh-{nth}"))
            }
            Answers::WithoutOne if refreshed => issued.keeping_refresh_token(),
            Answers::WithoutOne | Answers::Never => issued,
        }
    }
}

impl Exchange for Grants {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        self.0.lock().unwrap().exchanges += 1;
        tokio::time::sleep(millis(50)).await;
        if let Some(token) = cx.refresh_token()
            && self.takes(token.expose())
        {
            let issued = self.issue(true);
            let then = std::mem::take(&mut self.0.lock().unwrap().then);
            return match then {
                Then::Arrives => Ok(issued),
                Then::IsLost => Err(ExchangeError::new(ExchangeErrorKind::Unreachable, "reset")),
                Then::NeverComes => std::future::pending().await,
                Then::Panics => panic!("after the server has acted"),
            };
        }
        self.0.lock().unwrap().credentials += 1;
        Ok(self.issue(false))
    }
}

/// Asks for a token in `hours`.
async fn after_hours(source: &TokenSource<HeaderScheme>, hours: u32) {
    for _ in 0..hours {
        tokio::time::sleep(HOUR).await;
        source.token().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn each_refresh_token_is_spent_once_and_the_credential_is_sent_once() {
    let grants = Grants::default();
    let source = grants.source();
    after_hours(&source, 24).await;
    assert_eq!(grants.counts(), (24, 1, 0));
    assert_eq!(source.status().counters.refresh_tokens_spent, 23);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_callers_spend_one_refresh_token() {
    let grants = Grants::default();
    let source = grants.source();
    after_hours(&source, 1).await;
    tokio::time::sleep(HOUR).await;
    let callers = (0..10_000).map(|_| {
        let source = source.clone();
        tokio::spawn(async move { source.token().await.unwrap().expose().to_owned() })
    });
    for token in futures::future::join_all(callers).await {
        assert_eq!(token.unwrap(), "token-2");
    }
    assert_eq!(grants.counts(), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refused_access_token_is_renewed_by_the_refresh_token() {
    let grants = Grants::default();
    let layer = AuthLayer::new(grants.source()).with_origin(Origin::parse(API).unwrap());
    let (source, api) = (layer.source().clone(), Api::default());
    let service = tower::Layer::layer(&layer, api.clone());
    send(&service, get("/")).await.unwrap();
    let callers = (0..50).map(|_| {
        api.revoke("token-1");
        send(&service, post("/", "body"))
    });
    for response in futures::future::join_all(callers).await {
        assert_eq!(response.unwrap().status(), 200);
    }
    assert_eq!(grants.counts(), (2, 1, 0));
    assert!(!format!("{source:?} {layer:?}").contains("refresh-"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_new_refresh_token_keeps_the_old_one() {
    let grants = Grants::default();
    let source = grants.source();
    after_hours(&source, 1).await;
    grants.answers(Answers::WithoutOne);
    after_hours(&source, 5).await;
    assert_eq!(grants.counts(), (6, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn without_refresh_tokens_each_exchange_sends_the_credential() {
    let grants = Grants::default();
    grants.answers(Answers::Never);
    let source = grants.source();
    after_hours(&source, 3).await;
    assert_eq!(grants.counts(), (3, 3, 0));
    assert_eq!(source.status().counters.refresh_tokens_spent, 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_refused_refresh_token_the_credential_is_sent_once() {
    let grants = Grants::default();
    let source = grants.source();
    after_hours(&source, 2).await;
    grants.revoke();
    after_hours(&source, 1).await;
    assert_eq!(grants.counts(), (3, 2, 0), "in the same exchange");
    after_hours(&source, 1).await;
    assert_eq!(grants.counts(), (4, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_whose_answer_was_lost_is_not_spent_again() {
    for then in [Then::IsLost, Then::NeverComes, Then::Panics] {
        let grants = Grants::default();
        let source = grants.source();
        after_hours(&source, 2).await;
        tokio::time::sleep(HOUR).await;
        grants.next(then);
        source.token().await.unwrap_err();
        tokio::time::sleep(secs(1)).await; // the pause after a failure
        source.token().await.unwrap();
        assert_eq!(grants.counts(), (4, 2, 0), "the credential once more, and no reuse");
        after_hours(&source, 2).await;
        assert_eq!(grants.counts(), (6, 2, 0), "and on with the new one");
    }
}

#[test]
fn a_refresh_token_that_vanished_with_its_runtime_is_not_spent_again() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let grants = Grants::default();
    let clock = tower_outbound_auth::testkit::ManualClock::new();
    let source =
        TokenSource::builder(HeaderScheme::bearer(), grants.clone()).clock(clock.clone()).build();
    runtime().block_on(source.token()).unwrap();
    clock.advance(HOUR);
    let dying = runtime();
    dying.block_on(async {
        let waiting = tokio::spawn({
            let source = source.clone();
            async move { source.token().await }
        });
        while grants.counts().0 < 2 {
            tokio::task::yield_now().await;
        }
        drop(waiting);
    });
    drop(dying);
    runtime().block_on(source.token()).unwrap();
    assert_eq!(grants.counts(), (3, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_loses_no_refresh_token() {
    let grants = Grants::default();
    let source = grants.source();
    for polls in 1..=20 {
        tokio::time::sleep(HOUR).await;
        let mut caller = Box::pin(source.token());
        for _ in 0..polls {
            assert!((&mut caller).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        drop(caller);
        source.settled().await;
    }
    assert_eq!(grants.counts(), (20, 1, 0));
}
