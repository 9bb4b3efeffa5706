//! What an operator is told, and what nobody is shown.

use tower_outbound_auth::testkit::{After, Fault, FaultProxy};

use super::log::log_of;
use super::{HOUR, Setup, failure, renew};

const VOLATILE: &str = "this login is lost at the next restart";

#[test]
fn a_login_without_a_store_is_told_once_when_its_token_rotates() {
    let log = log_of(async {
        let setup = Setup::new().await;
        let seed = setup.log_in().await;
        let source = setup.unkept(&setup.server.endpoint(), &*seed).build();
        for _ in 0..3 {
            renew(&setup, &source).await;
        }
    });
    assert_eq!(log.matches(VOLATILE).count(), 1, "{log}");
}

#[test]
fn a_login_with_a_store_or_without_rotation_is_not_told() {
    let log = log_of(async {
        let setup = Setup::new().await;
        let seed = setup.log_in().await;
        renew(&setup, &setup.source(&*seed)).await;
        setup.server.keep_refresh_tokens(true);
        let other = setup.log_in().await;
        renew(&setup, &setup.unkept(&setup.server.endpoint(), &*other).build()).await;
    });
    assert!(!log.contains(VOLATILE), "{log}");
}

#[tokio::test]
async fn the_status_in_one_line_says_what_is_wrong_with_a_login() {
    let setup = Setup::new().await;
    let proxy = FaultProxy::start(setup.server.address()).await.unwrap();
    let seed = setup.log_in().await;
    let endpoint = proxy.url("/protocol/openid-connect/token");
    let store = tower_outbound_auth::store::FileStore::new(setup.folder.file());
    let source = setup.unkept(&endpoint, &*seed).store(store).build();
    renew(&setup, &source).await;
    let line = || source.status().to_string();
    assert!(!line().contains("login"), "{}", line());
    proxy.script([Fault::Cut(After::Nothing)]);
    setup.clock.advance(HOUR);
    failure(&source).await;
    let since = setup.folder.login()["in_doubt_since"].as_u64().unwrap();
    let text = format!("; the refresh token of the login is in doubt since {since} (Unix time)");
    assert!(line().contains(&text), "{}", line());

    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    let source = setup.source(&*seed);
    renew(&setup, &source).await;
    setup.server.revoke_refresh_tokens();
    setup.clock.advance(HOUR);
    failure(&source).await;
    let line = source.status().to_string();
    assert!(line.contains("; the refresh token of the login was refused: log in again"), "{line}");
}

#[test]
fn no_log_error_status_or_debug_shows_a_token_of_a_login() {
    let mut secrets = Vec::new();
    let mut shown = String::new();
    let log = log_of(async {
        let setup = Setup::new().await;
        let proxy = FaultProxy::start(setup.server.address()).await.unwrap();
        let seed = setup.log_in().await;
        let endpoint = proxy.url("/protocol/openid-connect/token");
        let store = tower_outbound_auth::store::FileStore::new(setup.folder.file());
        let source = setup.unkept(&endpoint, &*seed).store(store).build();
        secrets.push(seed.clone());
        let token = |name: &str| setup.folder.login()[name].as_str().unwrap().to_owned();
        secrets.push(renew(&setup, &source).await);
        secrets.push(token("token"));
        proxy.script([Fault::Cut(After::Nothing)]);
        setup.clock.advance(HOUR);
        for _ in 0..3 {
            let error = failure(&source).await;
            shown += &format!("{error} {error:?} {:?} {source:?} ", source.status());
            shown += &serde_json::to_string(&source.status()).unwrap();
        }
        secrets.push(token("rejected"));
    });
    for secret in secrets {
        assert!(!log.contains(&secret) && !shown.contains(&secret), "{secret}");
    }
    assert!(
        log.contains("a refresh token is in doubt") && shown.contains("log in again"),
        "{shown}"
    );
}
