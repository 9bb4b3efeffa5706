//! The refresh endpoint: the credentials are sent once, and each refresh token is used once.

use futures::future::join_all;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, Method, StatusCode};
use tower::Layer;
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::endpoint::TokenEndpoint;
use tower_outbound_auth::system::{Atlas, RefreshTokenIn};
use tower_outbound_auth::testkit::{AtlasServer, ManualClock, ReceivedRequest};

use super::log::log_of;
use super::polls::poll_at_most;
use super::{Setup, http, secs};

const REFRESH_PATH: &str = "/v1/docstream/refreshtoken";

/// All places that the server accepts.
fn forms() -> [RefreshTokenIn; 3] {
    let header = RefreshTokenIn::Header(HeaderName::from_static("refresh-token"));
    [
        header,
        RefreshTokenIn::Json("refresh_token".into()),
        RefreshTokenIn::Form("refresh_token".into()),
    ]
}

/// A server that issues refresh tokens, and a client that sends them in this form, if any.
async fn setup(travels: Option<RefreshTokenIn>) -> Setup {
    let clock = ManualClock::new();
    let server = AtlasServer::start().await.unwrap().with_refresh_tokens();
    let server = server.with_clock(clock.clone());
    let endpoint = TokenEndpoint::parse(&server.endpoint()).unwrap();
    let mut scheme =
        Atlas::new(endpoint.clone(), server.client_id(), server.client_secret()).unwrap();
    if let Some(travels) = travels {
        let refresh = TokenEndpoint::parse(&server.refresh_endpoint()).unwrap();
        scheme = scheme.with_refresh(refresh, travels);
    }
    let layer = AuthLayer::for_endpoint(scheme, &endpoint).unwrap();
    let layer =
        layer.with_origin(server.origin()).rebuild_source(|source| source.clock(clock.clone()));
    let (source, api) = (layer.source().clone(), layer.layer(http()));
    Setup { clock, server, source, api }
}

async fn by_default() -> Setup {
    setup(Some(RefreshTokenIn::default())).await
}

impl Setup {
    async fn good(&self) {
        assert_eq!(self.get("/documents").await.unwrap().status(), StatusCode::OK);
    }

    /// A day of traffic.
    async fn day(&self) {
        for _ in 0..24 * 2 {
            self.good().await;
            self.source.settled().await;
            self.clock.advance(secs(1_800));
        }
    }

    /// How often the credentials were sent.
    fn credentials(&self) -> usize {
        let requests = self.server.exchange_requests();
        requests.iter().filter(|it| it.headers.contains_key("client-secret")).count()
    }

    fn refreshes(&self) -> Vec<ReceivedRequest> {
        let requests = self.server.exchange_requests().into_iter();
        requests.filter(|request| request.path.starts_with(REFRESH_PATH)).collect()
    }
}

#[tokio::test]
async fn a_refresh_carries_the_refresh_token_and_no_credentials() {
    for travels in forms() {
        let setup = setup(Some(travels.clone())).await;
        setup.good().await;
        setup.clock.advance(secs(3_600));
        setup.good().await;

        let refreshes = setup.refreshes();
        let [refresh] = &refreshes[..] else { panic!("{refreshes:?}") };
        assert_eq!((&refresh.method, &refresh.path[..]), (&Method::POST, REFRESH_PATH));
        for name in ["client-id", "client-secret", AUTHORIZATION.as_str(), "token"] {
            assert!(!refresh.headers.contains_key(name), "{travels:?}: {name}");
        }
        let content_type = refresh.headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap());
        let body = std::str::from_utf8(&refresh.body).unwrap();
        match travels {
            RefreshTokenIn::Header(name) => {
                assert!(refresh.headers[name].to_str().unwrap().starts_with("refresh-"));
                assert_eq!((content_type, body), (None, ""));
            }
            RefreshTokenIn::Json(_) => {
                assert_eq!(content_type, Some("application/json"));
                assert!(body.starts_with(r#"{"refresh_token":"refresh-"#), "{body}");
            }
            _ => {
                assert_eq!(content_type, Some("application/x-www-form-urlencoded"));
                assert!(body.starts_with("refresh_token=refresh-"), "{body}");
            }
        }
    }
}

#[tokio::test]
async fn in_a_day_the_credentials_are_sent_once_and_each_refresh_token_is_used_once() {
    for travels in forms() {
        let setup = setup(Some(travels.clone())).await;
        setup.day().await;
        let counts = setup.server.counts();
        assert_eq!(setup.credentials(), 1, "{travels:?}");
        assert!(counts.refreshes >= 23, "{travels:?}: {counts:?}");
        assert_eq!((counts.refresh_tokens_reused, counts.refused), (0, 0), "{travels:?}");
        let spent = setup.source.status().counters.refresh_tokens_spent;
        assert_eq!(spent, counts.refreshes as u64, "{travels:?}");
    }
}

#[tokio::test]
async fn a_caller_that_gives_up_at_any_moment_loses_no_refresh_token() {
    let setup = by_default().await;
    setup.good().await;
    for round in 0..200 {
        setup.clock.advance(secs(3_600));
        let polls = round % 10 + 1;
        let answered = poll_at_most(polls, setup.get("/documents")).await.is_some();
        assert!(
            polls > 1 || !answered,
            "the first poll of a call that needs a token cannot end it"
        );
        setup.source.settled().await;
    }
    setup.good().await;
    assert_eq!((setup.credentials(), setup.server.counts().refresh_tokens_reused), (1, 0));
}

#[tokio::test]
async fn fifty_callers_use_one_refresh_token() {
    let setup = by_default().await;
    setup.good().await;
    for expired in 1..=5 {
        setup.clock.advance(secs(3_600));
        join_all((0..50).map(|_| setup.good())).await;
        assert_eq!(setup.server.counts().refreshes, expired);
    }
    assert_eq!((setup.credentials(), setup.server.counts().refresh_tokens_reused), (1, 0));
}

#[tokio::test]
async fn a_revoked_access_token_is_renewed_by_the_refresh_token() {
    let setup = by_default().await;
    setup.good().await;
    setup.server.revoke_tokens();
    setup.good().await;
    assert_eq!((setup.credentials(), setup.server.counts().refreshes), (1, 1));
}

#[tokio::test]
async fn after_a_refused_refresh_token_the_same_exchange_uses_the_credentials() {
    let setup = by_default().await;
    setup.good().await;
    setup.server.revoke_refresh_tokens();
    setup.clock.advance(secs(3_600));
    setup.good().await;
    let counts = setup.server.counts();
    assert_eq!((setup.credentials(), counts.refreshes, counts.exchanges), (2, 1, 3));
    assert_eq!(setup.source.status().counters.exchanges(), 2);

    setup.clock.advance(secs(3_600));
    setup.good().await;
    assert_eq!(
        (setup.credentials(), setup.server.counts().refreshes),
        (2, 2),
        "the next refresh token is valid"
    );
}

#[tokio::test]
async fn a_refresh_token_that_the_server_keeps_is_kept() {
    let setup = by_default().await;
    setup.server.keep_refresh_tokens(true);
    setup.day().await;
    let refreshes = setup.refreshes();
    assert!(refreshes.len() >= 23);
    let same =
        |it: &ReceivedRequest| it.headers["refresh-token"] == refreshes[0].headers["refresh-token"];
    assert!(refreshes.iter().all(same));
    assert_eq!(setup.credentials(), 1);
}

#[tokio::test]
async fn a_refresh_endpoint_that_does_not_exist_is_tried_once() {
    let setup = by_default().await;
    setup.server.fail_path(REFRESH_PATH, Some(StatusCode::NOT_FOUND));
    setup.day().await;
    let counts = setup.server.counts();
    assert_eq!((counts.refreshes, counts.refused), (1, 0));
    assert_eq!(setup.credentials() as u64, setup.source.status().counters.exchanges());
}

#[tokio::test]
async fn an_outage_of_the_refresh_endpoint_costs_one_attempt_and_the_refresh_token_is_not_used_again()
 {
    let setup = by_default().await;
    setup.good().await;
    setup.server.fail_path(REFRESH_PATH, Some(StatusCode::SERVICE_UNAVAILABLE));
    setup.clock.advance(secs(3_300)); // over 90 % of the life, so refresh-ahead is due
    for _ in 0..3 {
        setup.good().await;
        setup.source.settled().await;
    }
    assert_eq!(
        (setup.credentials(), setup.server.counts().exchanges),
        (1, 2),
        "the refresh failed"
    );
    assert_eq!(setup.source.status().consecutive_failures, 1);

    setup.clock.advance(secs(1));
    setup.good().await;
    setup.source.settled().await;
    assert_eq!((setup.credentials(), setup.server.counts().refreshes), (2, 1));
    assert_eq!(setup.source.status().consecutive_failures, 0);

    setup.server.fail_path(REFRESH_PATH, None);
    setup.clock.advance(secs(3_600));
    setup.good().await;
    let counts = setup.server.counts();
    assert_eq!((setup.credentials(), counts.refreshes), (2, 2), "the new refresh token is used");
    assert_eq!((counts.refresh_tokens_reused, counts.refused), (0, 0));
}

#[tokio::test]
async fn refresh_tokens_are_not_used_by_default() {
    let setup = setup(None).await;
    setup.day().await;
    let counts = setup.server.counts();
    assert_eq!((counts.refreshes, setup.credentials()), (0, counts.exchanges));
    assert_eq!(setup.source.status().counters.refresh_tokens_spent, 0);
}

#[test]
fn no_refresh_token_is_shown_anywhere() {
    for travels in forms() {
        let log = log_of(async {
            let setup = setup(Some(travels)).await;
            for turn in 0..6 {
                setup.good().await;
                match turn {
                    1 => setup.server.revoke_refresh_tokens(),
                    2 => setup.server.keep_refresh_tokens(true),
                    _ => {}
                }
                setup.clock.advance(secs(3_600));
            }
            assert!(setup.server.counts().refreshes > 3, "the story has refresh tokens");
            setup.server.begin_outage(None);
            let (error, exchange) = setup.no_token().await;
            let (api, source, scheme) = (&setup.api, &setup.source, setup.source.presentation());
            let status = setup.source.status();
            let shown = format!("{error:?} {error} {exchange:?} {api:?} {source:?} {scheme:?}");
            assert_no_refresh_token(&format!("{shown} {status:?}"));
        });
        assert_no_refresh_token(&log);
        assert!(log.contains("tower_outbound_auth") && log.contains("hyper_util"));
    }
}

/// The server's refresh tokens are `refresh-`, 16 hexadecimal digits and a number.
fn assert_no_refresh_token(text: &str) {
    for rest in text.split("refresh-").skip(1) {
        let digits = rest.bytes().take(16).filter(u8::is_ascii_hexdigit).count();
        assert!(digits < 16, "refresh-{}", &rest[..16]);
    }
}
