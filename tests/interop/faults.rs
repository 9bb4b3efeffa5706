//! A token endpoint that makes errors: oauth2-mock-server, with faults that a test switches on over HTTP.
//! Each fault has its own client and source, and all are tested at the same time.
#![allow(clippy::disallowed_methods)] // the server uses real time

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower_outbound_auth::exchange::ExchangeErrorKind::{self, *};
use tower_outbound_auth::system::ClientCredentials;
use tower_outbound_auth::{BoxError, Error, Recovery, TokenSource};

use crate::callers::Api;
use crate::servers::Servers;
use crate::{preset, secs};

/// A fault, and the error of a caller without a token.
#[derive(Clone, Debug)]
struct Fault {
    name: &'static str,
    fault: Value,
    kind: ExchangeErrorKind,
    code: Option<&'static str>,
    /// The least and the longest pause, in seconds.
    pause: (f64, f64),
}

/// The usual first pause.
const A_SECOND: (f64, f64) = (0.8, 1.0);
/// The least time between two token requests of a source without a token.
const SHORTEST_PAUSE: f64 = 0.8;
/// By then a token of three seconds has expired, even on a busy machine.
const LONGEST_LIFE: Duration = Duration::from_secs(30);

fn faults() -> Vec<Fault> {
    let fault = |name, kind, fault| Fault { name, fault, kind, code: None, pause: A_SECOND };
    let asked = |pause, fault| Fault { pause, ..fault };
    let coded = |code, fault| Fault { code: Some(code), ..fault };
    let html = json!({"body": "<!doctype html>", "headers": {"Content-Type": "text/html"}});
    let invalid_client = json!({"status": 401, "body": r#"{"error":"invalid_client"}"#});
    let unheard_of = json!({"status": 400, "body": r#"{"error":"scope_invalid"}"#});
    let in_a_minute = httpdate::fmt_http_date(SystemTime::now() + secs(60));
    let busy = |retry_after: &str| json!({"status": 429, "headers": {"Retry-After": retry_after}});
    vec![
        fault("an-outage", Unavailable, json!({"status": 503, "body": ""})),
        asked(
            (6.5, 7.0),
            fault(
                "an-outage-of-7-s",
                Unavailable,
                json!({"status": 503, "headers": {"Retry-After": "7"}}),
            ),
        ),
        asked((6.5, 7.0), fault("too-many-requests", Unavailable, busy("7"))),
        // The server's own clock counts, and the date is from before the server's start.
        asked((40.0, 60.0), fault("too-many-until-a-date", Unavailable, busy(&in_a_minute))),
        coded(
            "invalid_client",
            asked((8.0, 10.0), fault("a-refusal", Refused, invalid_client.clone())),
        ),
        coded("scope_invalid", fault("an-unheard-of-code", Unavailable, unheard_of)),
        fault("a-redirect", Unavailable, json!({"status": 307, "headers": {"Location": "/token"}})),
        coded(
            "invalid_client",
            asked(
                (8.0, 10.0),
                fault("an-error-that-says-200", Refused, json!({"body": invalid_client["body"]})),
            ),
        ),
        fault("a-page", Malformed, html),
        fault("nothing", Malformed, json!({"body": ""})),
        fault("another-type", Malformed, json!({"members": {"token_type": r#""DPoP""#}})),
        fault("no-token", Malformed, json!({"members": {"access_token": ""}})),
        fault("too-slow", Timeout, json!({"delay": 10_000})),
        fault("broken-off", Unreachable, json!({"broken": true})),
    ]
}

/// One client of the server that makes errors.
struct Setup {
    servers: Arc<Servers>,
    client: &'static str,
    source: TokenSource<ClientCredentials>,
    api: Api,
}

impl Setup {
    fn new(servers: Arc<Servers>, client: &'static str) -> Setup {
        let layer = preset(&servers, (client, "secret"));
        let layer = layer.rebuild_source(|it| it.exchange_timeout(secs(4)));
        let (source, api) = (layer.source().clone(), Api::new(&layer, &servers));
        Setup { servers, client, source, api }
    }

    async fn set(&self, fault: Value) {
        self.servers.set_fault(self.client, &fault).await;
    }

    async fn token_calls(&self) -> u32 {
        self.servers.token_calls_of(self.client).await
    }

    async fn call(&self) -> Result<StatusCode, BoxError> {
        Ok(self.api.post("/documents", "document".to_owned()).await?.status())
    }

    async fn assert_accepted(&self) {
        assert_eq!(self.call().await.expect(self.client), StatusCode::OK, "{}", self.client);
    }

    fn life(&self) -> f64 {
        self.source.status().expires_in.unwrap_or_default().as_secs_f64()
    }
}

/// All faults at the same time, with the same servers.
async fn at_once<T, F>(cases: impl IntoIterator<Item = T>, check: impl Fn(Arc<Servers>, T) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let servers = Arc::new(Servers::start_with_faults().await);
    let checks: JoinSet<_> = cases.into_iter().map(|case| check(servers.clone(), case)).collect();
    checks.join_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn every_caller_gets_the_error_of_a_fault_after_one_token_request() {
    at_once(faults(), every_caller_is_told).await;
}

async fn every_caller_is_told(servers: Arc<Servers>, fault: Fault) {
    let Fault { name, fault, kind, code, pause } = fault;
    let setup = Setup::new(servers, name);
    setup.set(fault).await;
    let began = Instant::now();
    for _ in 0..2 {
        for response in setup.api.post_by_many("/documents").await {
            let error = *response.expect_err(name).downcast::<Error>().unwrap();
            let exchange = error.exchange().unwrap();
            assert_eq!((exchange.kind(), exchange.code()), (kind, code), "{name}: {error}");
            assert_eq!(error.is_transient(), kind != Refused, "{name}");
            let retry_after = error.retry_after().unwrap().as_secs_f64();
            assert!(retry_after <= pause.1, "{name}: {retry_after}");
            // If the error is a stored one, the pause has already begun.
            assert!(error.age().is_some() || retry_after > pause.0, "{name}: {retry_after}");
        }
    }
    let (token_calls, slots) = (setup.token_calls().await, slots(began));
    assert!(token_calls <= slots, "{name}: {token_calls} in {slots} slots");

    setup.set(json!({})).await;
    setup.source.retry_now();
    setup.assert_accepted().await;
    assert_eq!(setup.token_calls().await, token_calls + 1, "{name}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn a_life_that_cannot_be_read_counts_as_unstated() {
    let lives = [("no-life", "0"), ("less-than-no-life", "-1"), ("no-number", "1e400")];
    at_once(lives, a_life_counts_as_unstated).await;
}

async fn a_life_counts_as_unstated(servers: Arc<Servers>, case: (&'static str, &'static str)) {
    let (name, expires_in) = case;
    let setup = Setup::new(servers, name);
    setup.set(json!({"members": {"expires_in": expires_in}})).await;
    for _ in 0..3 {
        setup.assert_accepted().await;
    }
    assert_eq!(setup.token_calls().await, 1, "{name}");
}

/// How many token requests there may be by now: one, unless the machine is so busy that a pause has
/// ended.
fn slots(began: Instant) -> u32 {
    1 + (began.elapsed().as_secs_f64() / SHORTEST_PAUSE) as u32
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn a_usable_token_stays_in_use_during_every_fault() {
    at_once(faults(), a_usable_token_survives).await;
}

/// The API accepts a token for an hour, but the layer is told three seconds, and must renew it. During the
/// fault, the life can only become shorter, so a token that is usable after an error was usable before.
async fn a_usable_token_survives(servers: Arc<Servers>, fault: Fault) {
    let name = fault.name;
    let setup = Arc::new(Setup::new(servers, name));
    setup.set(json!({"members": {"expires_in": "3"}})).await;
    setup.assert_accepted().await;
    setup.set(fault.fault).await;

    let callers: JoinSet<_> = (0..3).map(|_| call_until_an_error(setup.clone())).collect();
    for (error, accepted) in callers.join_all().await {
        assert!(accepted > 0, "{name}");
        let exchange = Error::find(&*error).and_then(Error::exchange).expect(name);
        assert_eq!((exchange.kind(), exchange.code()), (fault.kind, fault.code), "{name}");
    }
    // The first exchange; one before the expiry, one half-way to the expiry, one at the expiry.
    let token_calls = setup.token_calls().await;
    assert!((2..=5).contains(&token_calls), "{name}: {token_calls}");

    setup.set(json!({})).await;
    setup.source.retry_now();
    setup.assert_accepted().await;
}

/// Returns the error, and how many requests were accepted before.
async fn call_until_an_error(setup: Arc<Setup>) -> (BoxError, u32) {
    let mut accepted = 0;
    let began = Instant::now();
    while began.elapsed() < LONGEST_LIFE {
        match setup.call().await {
            Ok(status) => assert_eq!(status, StatusCode::OK, "{}", setup.client),
            Err(error) => {
                assert_eq!(setup.life(), 0.0, "{}, while there is a token: {error}", setup.client);
                return (error, accepted);
            }
        }
        accepted += 1;
        sleep(Duration::from_millis(fastrand::u64(200..=400))).await;
    }
    panic!("{}: no error in {LONGEST_LIFE:?}", setup.client);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn an_outage_ends_for_callers_after_the_requested_pause() {
    at_once([(None, 0.8), (Some("2"), 2.0)], an_outage_ends).await;
}

async fn an_outage_ends(servers: Arc<Servers>, (asked, at_least): (Option<&str>, f64)) {
    let headers = asked.map_or(json!({}), |asked| json!({"Retry-After": asked}));
    let setup = Setup::new(servers, if asked.is_some() { "until-asked" } else { "until-mended" });
    setup.set(json!({"status": 503, "headers": headers})).await;
    let began = Instant::now();
    setup.call().await.unwrap_err();
    setup.set(json!({})).await;
    while let Err(error) = setup.call().await {
        let retry_after = Error::find(&*error).unwrap().retry_after().unwrap();
        sleep(retry_after.max(Duration::from_millis(1))).await;
    }
    assert!(began.elapsed().as_secs_f64() >= at_least);
    assert_eq!(setup.token_calls().await, 2, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn an_unusual_life_is_read_if_possible() {
    let claims = |life: f64| json!({"claims": {"life": life}});
    let stated = |text: &str| json!({"members": {"expires_in": text}, "claims": {"life": 600}});
    let nowhere = json!({"members": {"expires_in": ""}, "claims": {"exp": null}});
    let cases = [
        ("a-text", stated(r#""300""#), 300.0),
        ("a-fraction", stated("1.5"), 1.5),
        ("longer-than-its-claims", stated("3600"), 600.0),
        ("null", stated("null"), 600.0),
        ("true", stated("true"), 600.0),
        ("absent", stated(""), 600.0),
        ("a-fractional-exp", claims(60.9), 60.0),
        ("no-exp", json!({"claims": {"exp": null}}), 3_600.0),
        ("neither", nowhere, 300.0),
    ];
    at_once(cases, an_odd_life_is_read).await;
}

async fn an_odd_life_is_read(
    servers: Arc<Servers>,
    (name, fault, life): (&'static str, Value, f64),
) {
    let setup = Setup::new(servers, name);
    setup.set(fault).await;
    let began = Instant::now();
    setup.source.token().await.expect(name);
    // The layer's clock has a low resolution.
    let (left, taken) = (setup.life(), began.elapsed().as_secs_f64() + 0.02);
    assert!((life - taken..=life).contains(&left), "{name}: {left} of {life}");
    assert_eq!(setup.token_calls().await, 1, "{name}");
}

/// This API accepts no token without an expiry, but the layer cannot know this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn tokens_that_the_api_never_accepts_cause_few_exchanges() {
    at_once(["never-accepted"], |servers, name| async move {
        let setup = Setup::new(servers, name);
        setup.set(json!({"claims": {"exp": null}})).await;
        for _ in 0..10 {
            for response in setup.api.post_by_many("/documents").await {
                let response = response.unwrap();
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
                let said = response.extensions().get().copied();
                assert!(
                    matches!(said, Some(Recovery::Replayed | Recovery::BudgetSpent)),
                    "{said:?}"
                );
            }
        }
        assert_eq!(setup.token_calls().await, 6, "the first token, and five renewals in a row");
    })
    .await;
}
