//! The probe of a source: one exchange, and a sentence about what it brought.

use std::sync::Mutex;
use std::time::Duration;

use tower_outbound_auth::exchange::{self, ExchangeError, ExchangeErrorKind, Issued};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ScriptedExchange, TokioClock};
use tower_outbound_auth::{ErrorKind, TokenSource};

fn issuing(issued: Issued) -> TokenSource<HeaderScheme> {
    let issued = Mutex::new(issued);
    let login = exchange::from_fn(move || {
        let issued = issued.lock().unwrap().clone();
        async { Ok(issued) }
    });
    TokenSource::builder(HeaderScheme::bearer(), login).clock(TokioClock::new()).build()
}

#[tokio::test(start_paused = true)]
async fn a_probe_says_in_one_sentence_what_came() {
    let bare = Issued::new("abc");
    let hour = Duration::from_secs(3600);
    let full =
        bare.clone().with_expires_in(hour).with_token_type("Bearer").with_scope("read write");
    for (issued, sentence) in [
        (
            full.clone().with_refresh_token("r1"),
            "exchange: a token of type bearer, which expires in 3600 s; its scope is `read write`; with a refresh token",
        ),
        (
            bare.clone().with_expires_in(hour),
            "exchange: a token, which expires in 3600 s; no refresh token",
        ),
        (
            bare,
            "exchange: a token, which states no lifetime and is assumed to expire in 300 s; no refresh token",
        ),
    ] {
        let source = issuing(issued);
        assert_eq!(source.probe().await.unwrap().to_string(), sentence);
    }
    let fixed = TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap();
    let sentence = "fixed: a token, which does not expire; no refresh token";
    assert_eq!(fixed.probe().await.unwrap().to_string(), sentence);
}

#[tokio::test(start_paused = true)]
async fn a_probe_makes_one_exchange_and_the_first_request_uses_its_token() {
    let exchange = ScriptedExchange::new();
    let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone())
        .clock(TokioClock::new())
        .build();
    source.probe().await.unwrap();
    assert_eq!(source.probe().await.unwrap(), source.probe().await.unwrap());
    assert_eq!(source.token().await.unwrap().expose(), "token-1");
    assert_eq!(exchange.exchanges(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_does_not_repeat_an_exchange_that_fails() {
    let exchange = ScriptedExchange::new();
    exchange.fail_next(9, ExchangeError::new(ExchangeErrorKind::Unreachable, "cable cut"));
    let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone())
        .clock(TokioClock::new())
        .build();
    let error = source.probe().await.unwrap_err();
    assert_eq!((error.kind(), exchange.exchanges()), (ErrorKind::Exchange, 1));
    assert!(error.to_string().contains("cable cut"), "{error}");
}
