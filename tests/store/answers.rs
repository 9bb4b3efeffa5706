//! Answers whose access token cannot be used, and logins of other systems.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::service_fn;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::store::FileStore;
use tower_outbound_auth::system::{OAuth, OAuthBuilder, OAuthClient, OAuthGrant};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{BoxError, TokenSource};

use super::{Folder, HOUR, Setup, failure, login, renew};

/// The refresh tokens that an endpoint got.
type Sent = Arc<Mutex<Vec<String>>>;

fn system() -> OAuthBuilder {
    OAuth::builder("https://idp.example/token")
        .client(OAuthClient::with_secret("calendar", "s3cret"))
        .grant(OAuthGrant::RefreshToken("r0".into()))
}

/// A source whose endpoint answers with these members and the refresh tokens r1, r2, ..
fn source(system: OAuth, members: &'static str, folder: &Folder) -> (TokenSource<OAuth>, Sent) {
    let sent = Sent::default();
    let seen = sent.clone();
    let endpoint = service_fn(move |request: Request<Full<Bytes>>| {
        let seen = seen.clone();
        async move {
            let body = request.into_body().collect().await?.to_bytes();
            let body = String::from_utf8(body.to_vec())?;
            let token = body.split('&').find_map(|pair| pair.strip_prefix("refresh_token="));
            let mut seen = seen.lock().unwrap();
            seen.push(token.unwrap_or_default().to_owned());
            let answer = format!(r#"{{{members},"refresh_token":"r{}"}}"#, seen.len());
            Ok::<_, BoxError>(Response::new(Full::new(Bytes::from(answer))))
        }
    });
    let source = TokenSource::builder_over_http(system, endpoint)
        .clock(ManualClock::new())
        .store(FileStore::new(folder.file()));
    (source.build(), sent)
}

#[tokio::test]
async fn the_new_refresh_token_of_an_answer_that_cannot_be_used_is_kept() {
    const BEARER: &str = r#""access_token":"abc","token_type":"Bearer","expires_in":3600"#;
    let answers = [
        (system().strict_token_type(), r#""access_token":"abc","token_type":"mac""#),
        (system().token_member("id_token"), BEARER),
        (system(), r#""token_type":"Bearer""#),
        (system(), r#""access_token":7,"token_type":"Bearer""#),
        (system(), r#""access_token":"a\nb","token_type":"Bearer","expires_in":3600"#),
        #[cfg(feature = "oauth")]
        (system().dpop(tower_outbound_auth::system::Dpop::new().unwrap()), BEARER),
    ];
    for (system, members) in answers {
        let folder = Folder::new();
        let (source, sent) = source(system.build().unwrap(), members, &folder);
        for round in 1..=3 {
            let error = failure(&source).await;
            assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Malformed, "{members}");
            let file = folder.login();
            assert_eq!(file["token"], format!("r{round}"), "{members}");
            assert_eq!(file.get("in_doubt_since"), None, "{members}");
            assert!(!format!("{error:?}").contains(&format!("r{round}\"")));
        }
        assert_eq!(*sent.lock().unwrap(), ["r0", "r1", "r2"], "{members}");
    }
}

#[tokio::test]
async fn an_access_token_that_its_source_does_not_accept_is_used_by_no_other_process() {
    for members in [
        r#""access_token":"a\nb","token_type":"Bearer","expires_in":3600"#,
        r#""access_token":"abc","token_type":"Bearer","expires_at":1600000000"#,
    ] {
        let folder = Folder::new();
        let (one, sent) = source(system().build().unwrap(), members, &folder);
        failure(&one).await;
        let (other, sent_by_other) = source(system().build().unwrap(), members, &folder);
        failure(&other).await;
        assert_eq!((sent.lock().unwrap().len(), sent_by_other.lock().unwrap().len()), (1, 1));
    }
}

#[cfg(feature = "oauth")]
#[tokio::test]
async fn a_login_that_is_bound_to_a_key_is_not_sent_by_a_system_without_one() {
    use tower_outbound_auth::system::Dpop;
    const BOUND: &str = r#""access_token":"abc","token_type":"DPoP","expires_in":1"#;
    let public = || system().client(OAuthClient::public("calendar"));
    let folder = Folder::new();
    let (bound, sent) =
        source(public().dpop(Dpop::new().unwrap()).build().unwrap(), BOUND, &folder);
    bound.token().await.unwrap();
    let before = folder.login();
    assert!(before["dpop_key"].is_string());

    let (unbound, sent_without) = source(public().build().unwrap(), BOUND, &folder);
    let error = failure(&unbound).await;
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Configuration);
    assert!(error.to_string().contains("bound to the DPoP key with the thumbprint"), "{error}");
    assert_eq!((sent.lock().unwrap().len(), sent_without.lock().unwrap().len()), (1, 0));
    assert_eq!(folder.login()["token"], before["token"]);
}

#[tokio::test]
async fn after_a_restart_the_status_and_the_probe_know_the_refresh_token_of_the_store() {
    let setup = Setup::new().await;
    let seed = setup.log_in().await;
    renew(&setup, &setup.source(&*seed)).await;
    let again = setup.source(&*seed);
    let probe = again.probe().await.unwrap();
    assert_eq!(setup.refreshes().0, 1, "the access token of the store is used");
    assert!(probe.is_refreshable && login(&again).has_refresh_token);
    setup.clock.advance(HOUR);
}
