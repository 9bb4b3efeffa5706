//! The endpoint refuses the refresh token, or the client.

use http::StatusCode;
use tower_outbound_auth::endpoint::HttpClient;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::store::FileStore;
use tower_outbound_auth::{Error, TokenSource};

use super::{HOUR, Setup, failure, login, renew};

fn kind(error: &Error) -> ExchangeErrorKind {
    error.exchange().unwrap().kind()
}

#[tokio::test]
async fn a_refused_refresh_token_is_set_aside_and_not_sent_again() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let source = setup.source(&*seed);
    renew(&setup, &source).await;
    let newest = setup.folder.login()["token"].clone();
    setup.server.revoke_refresh_tokens();
    setup.clock.advance(HOUR);
    for _ in 0..3 {
        let error = failure(&source).await;
        assert_eq!(kind(&error), ExchangeErrorKind::Refused);
        let text = error.to_string();
        assert!(text.contains("has refused the refresh token: log in again"), "{text}");
        assert_eq!(setup.refreshes(), (2, 0));
        let file = setup.folder.login();
        assert_eq!((&file["rejected"], file.get("token")), (&newest, None));
    }
    assert!(login(&source).is_refused && !login(&source).has_refresh_token);
    // Nor after a restart.
    failure(&setup.source(&*seed)).await;
    assert_eq!(setup.refreshes(), (2, 0));
}

#[tokio::test]
async fn with_a_primary_credential_a_refused_refresh_token_costs_one_more_request() {
    let setup = Setup::new().await;
    let system = setup.oauth(&setup.server.endpoint()).refresh_tokens().build().unwrap();
    let source = TokenSource::builder_over_http(system, HttpClient::plain().unwrap())
        .clock(setup.clock.clone())
        .store(FileStore::new(setup.folder.file()))
        .build();
    renew(&setup, &source).await;
    let refused = setup.folder.login()["token"].clone();
    setup.server.revoke_refresh_tokens();
    renew(&setup, &source).await;
    let counts = setup.server.counts();
    assert_eq!((counts.exchanges, counts.refreshes), (3, 1));
    let file = setup.folder.login();
    assert_eq!(file["rejected"], refused);
    assert_ne!(file["token"], refused);
    renew(&setup, &source).await;
    assert_eq!(setup.refreshes(), (2, 0), "and on with the new one");
}

#[tokio::test]
async fn if_somebody_else_has_renewed_a_refused_token_the_newer_one_is_used() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let source = setup.source(&*seed);
    renew(&setup, &source).await;
    setup.server.revoke_refresh_tokens();
    let other = setup.log_in().await;
    let held = setup.folder.login()["token"].as_str().unwrap().to_owned();
    setup.server.delay_exchanges(HOUR);
    setup.clock.advance(HOUR);
    let caller = tokio::spawn({
        let source = source.clone();
        async move { source.token().await.map(|token| token.expose().to_owned()) }
    });
    while setup.refreshes().0 < 2 {
        tokio::task::yield_now().await;
    }
    // A program that does not know the lock writes the file.
    let text = std::fs::read_to_string(setup.folder.file()).unwrap();
    assert!(text.contains(&held) && text.contains("in_doubt_since"));
    setup.folder.write(&text.replace(&held, &other).replace("in_doubt_since", "was_in_doubt"));
    setup.server.delay_exchanges(std::time::Duration::ZERO);
    setup.clock.advance(HOUR);
    // The deadline of the exchange is on the same clock: the caller may need a second exchange.
    let first = caller.await.unwrap();
    let token = match first {
        Ok(token) => token,
        Err(_) => {
            source.retry_now();
            source.token().await.unwrap().expose().to_owned()
        }
    };
    assert!(!token.is_empty());
    assert_eq!(setup.refreshes().1, 0);
    assert_ne!(setup.folder.login()["token"], *other);
}

#[tokio::test]
async fn an_answer_that_proves_that_the_token_is_unspent_leaves_no_doubt() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let source = setup.source(&*seed);
    renew(&setup, &source).await;
    let path = setup.server.endpoint().replace(&setup.server.url(""), "");
    setup.clock.advance(HOUR);

    setup.server.fail_path(&path, Some(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!(kind(&failure(&source).await), ExchangeErrorKind::Unavailable);
    assert!(!setup.is_in_doubt());
    setup.server.fail_path(&path, None);

    setup.server.refuse_credentials(true);
    assert_eq!(kind(&failure(&source).await), ExchangeErrorKind::Refused);
    assert!(!setup.is_in_doubt());
    setup.server.refuse_credentials(false);
    source.retry_now();
    source.token().await.unwrap();
    assert_eq!(setup.refreshes().1, 0);
}
