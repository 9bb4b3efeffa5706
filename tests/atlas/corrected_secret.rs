//! A wrong secret in a file is corrected during the pause after its refusal.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::Atlas;
use tower_outbound_auth::testkit::{AtlasServer, ManualClock};
use tower_outbound_auth::{AuthLayer, Credential, Error, TokenSource};

use super::{secs, until};

/// A source whose secret was refused. Only a test moves its clock, so the pause does not end by itself.
struct Refused {
    server: AtlasServer,
    source: TokenSource<Atlas>,
    clock: ManualClock,
    file: PathBuf,
}

impl Refused {
    async fn new(name: &str) -> Refused {
        let file =
            std::env::temp_dir().join(format!("outbound-auth-{name}-{}", std::process::id()));
        fs::write(&file, "wrong").unwrap();
        let clock = ManualClock::new();
        let server = AtlasServer::start().await.unwrap().with_clock(clock.clone());
        let secret = Credential::file(&file);
        let layer = AuthLayer::atlas(server.endpoint(), server.client_id(), secret).unwrap();
        let layer = layer.rebuild_source(|source| source.clock(clock.clone()));
        let source = layer.source().clone();
        let setup = Refused { server, source, clock, file };
        assert_refused(&setup.source.probe().await.unwrap_err());
        setup
    }

    fn correct(&self) {
        fs::write(&self.file, self.server.client_secret()).unwrap();
    }

    fn exchanges(&self) -> usize {
        self.server.counts().exchanges
    }
}

impl Drop for Refused {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

fn assert_refused(error: &Error) {
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused, "{error}");
}

#[tokio::test]
async fn warm_up_uses_a_corrected_secret_within_the_pause() {
    let setup = Refused::new("warm-up").await;
    setup.correct();
    setup.source.warm_up(secs(30)).await.unwrap();
    assert_eq!(setup.exchanges(), 2);
}

#[tokio::test]
async fn a_probe_uses_a_corrected_secret_within_the_pause() {
    let setup = Refused::new("probe").await;
    setup.correct();
    setup.source.probe().await.unwrap();
    assert_eq!(setup.exchanges(), 2);
}

#[tokio::test]
async fn without_a_correction_both_give_the_stored_error_and_send_nothing() {
    let setup = Refused::new("uncorrected").await;
    let errors = [
        setup.source.probe().await.unwrap_err(),
        setup.source.warm_up(secs(30)).await.unwrap_err(),
    ];
    for error in errors {
        assert_refused(&error);
        assert!(error.age().is_some(), "{error}");
    }
    assert_eq!(setup.exchanges(), 1);
}

#[tokio::test]
async fn a_request_that_finds_a_corrected_secret_fails_and_the_next_one_works() {
    let setup = Refused::new("request").await;
    setup.correct();
    setup.clock.advance(secs(1)); // the pause is at least 8 s
    let error = setup.source.token().await.unwrap_err();
    assert_eq!(error.age(), Some(secs(1)), "{error}");
    until(|| setup.source.status().next_attempt_in == Some(Duration::ZERO)).await;
    setup.source.token().await.unwrap();
    assert_eq!(setup.exchanges(), 2);
}
