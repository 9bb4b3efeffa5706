//! The file system fails at each step.

use super::*;
use crate::exchange::error::ExchangeErrorKind;

fn failing(at: usize, kind: io::ErrorKind) -> Numbered {
    Numbered { taken: Arc::default(), at, meets: Meets::Fault(kind) }
}

#[tokio::test]
async fn if_a_step_before_the_request_fails_nothing_is_sent_and_the_login_goes_on() {
    for at in 1..=MARKED {
        let setup = Setup::new(Kind::Strict).await;
        let source = setup.source(Some(failing(at, io::ErrorKind::StorageFull)));
        let error = source.token().await.unwrap_err();
        let error = error.exchange().unwrap().clone();
        assert_eq!(error.kind(), ExchangeErrorKind::Configuration, "{at}: {error}");
        assert!(error.to_string().contains("login.json"), "{at}: {error}");
        assert_eq!(setup.refreshes(), (1, 0), "{at}");
        assert_eq!(setup.is_in_doubt(), at == MARKED, "{at}");
        assert_eq!(setup.temporary_files(), 0, "{at}");
        assert!(source.status().login.unwrap().store_error.is_some(), "{at}");

        source.retry_now();
        source.token().await.unwrap();
        assert_eq!(setup.refreshes(), (2, 0), "{at}");
        assert!(!setup.is_in_doubt(), "{at}");
        assert!(source.status().login.unwrap().store_error.is_none(), "{at}");
    }
}

#[tokio::test]
async fn if_a_step_after_the_request_fails_the_token_is_used_and_the_next_exchange_saves_it_first()
{
    for at in SENT..=STEPS.len() {
        let setup = Setup::new(Kind::Strict).await;
        let old = setup.login()["token"].clone();
        let source = setup.source(Some(failing(at, io::ErrorKind::ReadOnlyFilesystem)));
        source.token().await.unwrap();
        let login = source.status().login.unwrap();
        assert!(
            !login.is_saved && login.has_refresh_token && login.in_doubt_since.is_none(),
            "{at}"
        );
        let line = source.status().to_string();
        let text = "; the newest refresh token of the login is not saved, and is lost when the process ends: ";
        assert!(line.contains(text) && line.contains("login.json"), "{at}: {line}");
        assert!(login.store_error.unwrap().to_string().contains("login.json"), "{at}");
        let is_renamed = at == STEPS.len();
        assert_eq!(setup.is_in_doubt(), !is_renamed, "{at}");
        assert_eq!(setup.login()["token"] == old, !is_renamed, "{at}");

        for cycle in 3..6 {
            setup.clock.advance(HOUR);
            source.token().await.unwrap();
            assert_eq!(setup.refreshes(), (cycle, 0), "{at}");
            let login = source.status().login.unwrap();
            assert!(login.is_saved && login.store_error.is_none(), "{at}");
        }
        assert!(!setup.is_in_doubt(), "{at}");
        // And after a restart.
        setup.clock.advance(HOUR);
        setup.source(None).token().await.unwrap();
        assert_eq!(setup.refreshes(), (6, 0), "{at}");
    }
}

/// The store fails from some step on.
#[derive(Debug)]
struct FailsAfter(AtomicUsize);

impl Steps for FailsAfter {
    fn before(&self, _: Step) -> io::Result<()> {
        match self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
        {
            Ok(_) => Ok(()),
            Err(_) => Err(io::ErrorKind::ReadOnlyFilesystem.into()),
        }
    }
}

#[tokio::test]
async fn while_a_new_token_cannot_be_saved_no_further_one_is_asked_for() {
    let setup = Setup::new(Kind::Strict).await;
    let client = (setup.server.client_id(), setup.server.client_secret());
    let steps = FailsAfter(AtomicUsize::new(SENT - 1));
    let store = FileStore::new(setup.file()).with_steps(steps);
    let system = OAuth::builder(setup.server.endpoint())
        .client(OAuthClient::with_secret(client.0, client.1))
        .grant(OAuthGrant::RefreshToken(setup.seed.as_str().into()));
    let source =
        TokenSource::builder_over_http(system.build().unwrap(), HttpClient::plain().unwrap())
            .clock(setup.clock.clone())
            .store(store)
            .build();
    source.token().await.unwrap();
    assert_eq!(setup.refreshes(), (2, 0));
    for _ in 0..3 {
        setup.clock.advance(HOUR);
        source.retry_now();
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration);
        assert_eq!(
            setup.refreshes(),
            (2, 0),
            "nothing is sent that could not be written down before"
        );
        assert!(!source.status().login.unwrap().is_saved);
    }
}
