//! A refresh token that was sent, and whose answer is not known.

use std::time::Duration;

use http::StatusCode;
use tower_outbound_auth::endpoint::HttpClient;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::store::FileStore;
use tower_outbound_auth::system::OAuth;
use tower_outbound_auth::testkit::{After, Fault, FaultProxy};
use tower_outbound_auth::{Error, TokenSource};

use super::{HOUR, Setup, failure, login, secs};

const PATH: &str = "/protocol/openid-connect/token";

/// A proxy that can lose answers, in front of the server.
async fn proxy(setup: &Setup) -> FaultProxy {
    FaultProxy::start(setup.server.address()).await.unwrap()
}

fn source(setup: &Setup, proxy: &FaultProxy, seed: &str, grace: Duration) -> TokenSource<OAuth> {
    let source = setup.unkept(&proxy.url(PATH), seed).store(FileStore::new(setup.folder.file()));
    source.reuse_grace(grace).build()
}

/// The next exchange is answered, and the answer is lost.
async fn lose_an_answer(proxy: &FaultProxy, source: &TokenSource<OAuth>) -> Error {
    proxy.script([Fault::Cut(After::Nothing)]);
    failure(source).await
}

fn text(error: &Error) -> String {
    error.to_string()
}

#[tokio::test]
async fn without_grace_the_token_is_sent_again_when_the_access_token_has_ended_and_a_refusal_ends_that()
 {
    let setup = Setup::new().await;
    let (proxy, seed) = (proxy(&setup).await, setup.log_in().await);
    let process = || source(&setup, &proxy, &seed, Duration::ZERO);
    let renewing = process();
    renewing.token().await.unwrap();
    // The access token is renewed while it is usable.
    setup.clock.advance(secs(3_300));
    proxy.script([Fault::Cut(After::Nothing)]);
    renewing.token().await.unwrap();
    renewing.settled().await;
    assert_eq!(setup.refreshes(), (2, 0));
    assert!(setup.is_in_doubt() && login(&renewing).in_doubt_since.is_some());

    // The access token lives for some minutes more, so nothing is sent.
    renewing.retry_now();
    renewing.token().await.unwrap();
    renewing.settled().await;
    let error = renewing.status().last_error.unwrap();
    let said = "it is sent again when the last access token has ended, in 300 s";
    assert!(error.to_string().contains(said), "{error}");
    assert_eq!(setup.refreshes(), (2, 0));

    // The server had spent it, and takes the second use for theft.
    setup.clock.advance(HOUR);
    let error = failure(&renewing).await;
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused);
    assert_eq!(setup.refreshes(), (3, 1));
    for _ in 0..3 {
        failure(&process()).await;
    }
    assert_eq!(setup.refreshes(), (3, 1));
}

#[tokio::test]
async fn a_token_in_doubt_does_not_wait_for_the_end_of_an_access_token_that_the_api_refuses() {
    let setup = Setup::new().await;
    setup.server.keep_refresh_tokens(true); // a second use does no harm here
    let (proxy, seed) = (proxy(&setup).await, setup.log_in().await);
    let source = source(&setup, &proxy, &seed, Duration::ZERO);
    let revoked = source.token().await.unwrap();
    proxy.script([Fault::Cut(After::Nothing)]);
    source.reject(&revoked).await.unwrap_err();
    assert!(setup.is_in_doubt());
    source.retry_now();
    let next = source.reject(&revoked).await.unwrap();
    assert_ne!(next.expose(), revoked.expose());
    assert!(!setup.is_in_doubt());
    assert_eq!(setup.refreshes().0, 3);
}

#[tokio::test]
async fn lost_answers_end_no_login_that_the_endpoint_has_not_refused() {
    let setup = Setup::new().await;
    let (proxy, seed) = (proxy(&setup).await, setup.log_in().await);
    let process = || source(&setup, &proxy, &seed, Duration::ZERO);
    for _ in 0..4 {
        lose_an_answer(&proxy, &process()).await;
        setup.clock.advance(secs(60));
    }
    // The first answer had replaced the token.
    let error = failure(&process()).await;
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused);
    assert!(text(&error).contains("log in again"), "{error}");
    assert_eq!(setup.refreshes().0, 5);
    failure(&process()).await;
    assert_eq!(setup.refreshes().0, 5);
    // Somebody logs in again.
    let again = setup.log_in().await;
    let source = source(&setup, &proxy, &again, Duration::ZERO);
    source.token().await.unwrap();
    assert!(!setup.is_in_doubt() && login(&source).in_doubt_since.is_none());
}

#[tokio::test]
async fn within_the_grace_the_token_is_sent_again_at_once() {
    let setup = Setup::new().await;
    setup.server.keep_refresh_tokens(true); // a second use does no harm here
    let (proxy, seed) = (proxy(&setup).await, setup.log_in().await);
    let process = || source(&setup, &proxy, &seed, secs(30));
    for _ in 0..3 {
        lose_an_answer(&proxy, &process()).await;
        assert!(setup.is_in_doubt());
    }
    setup.clock.advance(secs(29));
    process().token().await.unwrap();
    assert!(!setup.is_in_doubt());
    assert_eq!(setup.refreshes(), (4, 0));
}

#[tokio::test]
async fn with_a_primary_credential_a_token_in_doubt_is_never_sent_again() {
    let setup = Setup::new().await;
    let proxy = proxy(&setup).await;
    let process = || {
        let system = setup.oauth(&proxy.url(PATH)).refresh_tokens().build().unwrap();
        TokenSource::builder_over_http(system, HttpClient::plain().unwrap())
            .clock(setup.clock.clone())
            .store(FileStore::new(setup.folder.file()))
            .build()
    };
    process().token().await.unwrap();
    for round in 1..=3 {
        setup.clock.advance(HOUR);
        lose_an_answer(&proxy, &process()).await;
        assert!(setup.is_in_doubt());
        process().token().await.unwrap();
        assert!(!setup.is_in_doubt());
        let counts = setup.server.counts();
        assert_eq!((counts.refreshes, counts.refresh_tokens_reused), (round, 0));
    }
}

#[tokio::test]
async fn a_connection_that_was_not_made_leaves_no_doubt() {
    let setup = Setup::new().await;
    let (proxy, seed) = (proxy(&setup).await, setup.log_in().await);
    let source = source(&setup, &proxy, &seed, Duration::ZERO);
    drop(proxy); // nothing listens there any more
    let error = failure(&source).await;
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Unreachable);
    assert!(!setup.is_in_doubt());
    assert_eq!(setup.folder.login()["token"], *seed);
}

#[tokio::test]
async fn an_outage_leaves_a_doubt_and_costs_no_login() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let source = setup.source(&*seed);
    let path = setup.server.endpoint().replace(&setup.server.url(""), "");
    for status in [503, 502, 500, 408, 499, 503, 503] {
        setup.server.fail_path(&path, Some(StatusCode::from_u16(status).unwrap()));
        let error = failure(&source).await;
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Unavailable, "{status}");
        assert!(setup.is_in_doubt(), "{status}");
    }
    setup.server.fail_path(&path, None);
    source.retry_now();
    source.token().await.unwrap();
    assert!(!setup.is_in_doubt());
    assert_eq!(setup.refreshes().1, 0);
}

#[tokio::test]
async fn an_answer_that_has_issued_nothing_leaves_no_doubt() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let source = setup.source(&*seed);
    let path = setup.server.endpoint().replace(&setup.server.url(""), "");
    for status in [302, 307, 403, 404, 405, 410, 413, 421, 429] {
        setup.server.fail_path(&path, Some(StatusCode::from_u16(status).unwrap()));
        failure(&source).await;
        assert!(!setup.is_in_doubt(), "{status}");
    }
    setup.server.fail_path(&path, None);
    source.retry_now();
    source.token().await.unwrap();
}

#[tokio::test]
async fn an_outage_of_a_provider_that_does_not_rotate_costs_no_login() {
    let setup = Setup::new().await;
    setup.server.keep_refresh_tokens(true);
    let seed = setup.log_in().await;
    let source = setup.builder(&*seed).reuse_grace(Duration::MAX).build();
    setup.server.begin_outage(None);
    for _ in 0..5 {
        setup.clock.advance(HOUR);
        failure(&source).await;
    }
    setup.server.end_outage();
    source.retry_now();
    source.token().await.unwrap();
    assert!(!setup.is_in_doubt());
}

#[tokio::test]
async fn an_exchange_that_ends_at_its_deadline_leaves_the_doubt_and_no_lease() {
    let setup = Setup::new().await;
    let (proxy, seed) = (proxy(&setup).await, setup.log_in().await);
    let source = source(&setup, &proxy, &seed, Duration::ZERO);
    proxy.script([Fault::Stall(After::Nothing)]);
    let caller = tokio::spawn({
        let source = source.clone();
        async move { source.token().await.map(drop) }
    });
    while setup.refreshes().0 < 1 {
        tokio::task::yield_now().await;
    }
    setup.clock.advance(secs(10));
    caller.await.unwrap().unwrap_err();
    assert!(setup.is_in_doubt());
    // Another process gets the lease at once.
    let other = super::doubt::source(&setup, &proxy, &seed, Duration::ZERO);
    failure(&other).await;
    assert_eq!(setup.refreshes().0, 2);
}
