//! Each metric moves as the manual promises, and no label has another value than the manual says.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::runtime::Builder;
use tower::Layer;
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind, Reason};
use tower_outbound_auth::system::{Atlas, HeaderScheme};
use tower_outbound_auth::testkit::{AtlasServer, MalformedAnswer, ManualClock, ScriptedExchange};
use tower_outbound_auth::token::{MetricsObserver, NotAdopted};
use tower_outbound_auth::{Auth, AuthLayer, Credential, TokenSource};

use crate::recorder::Recorded;
use crate::until::until;
use crate::{Http, get, http, secs};

/// A server, a client of it, and the metrics of its source.
struct World {
    clock: ManualClock,
    server: AtlasServer,
    source: TokenSource<Atlas>,
    api: Auth<Http>,
    secret: Arc<Mutex<Option<String>>>,
    metrics: Recorded,
}

impl World {
    async fn new(metrics: Recorded) -> World {
        let clock = ManualClock::new();
        let server = AtlasServer::start().await.unwrap().with_clock(clock.clone());
        let secret = Arc::new(Mutex::new(Some(server.client_secret().to_owned())));
        let read = secret.clone();
        let credential = Credential::from_fn(move || {
            read.lock().unwrap().clone().map(Into::into).ok_or("the key ring is locked".into())
        });
        let layer = AuthLayer::atlas(server.endpoint(), server.client_id(), credential).unwrap();
        let layer = layer.rebuild_source(|source| {
            source.clock(clock.clone()).name("reports").observer(MetricsObserver::new())
        });
        let (source, api) = (layer.source().clone(), layer.layer(http()));
        World { clock, server, source, api, secret, metrics }
    }

    async fn get(&self, path: &str) -> Option<StatusCode> {
        get(&self.api, &self.server.url(path)).await.ok()
    }

    fn value(&self, name: &str, labels: &str) -> f64 {
        self.metrics.value(&format!("outbound_auth_{name}"), labels)
    }

    async fn until(&self, name: &str, labels: &str, value: f64) {
        until(|| (self.value(name, labels) - value).abs() < 1e-3).await;
    }

    fn now(&self) -> f64 {
        use tower_outbound_auth::clock::Clock;
        self.clock.now().since_epoch().as_secs_f64()
    }
}

/// Runs a story on this thread, where the recorder is installed.
fn recorded(story: impl AsyncFnOnce(World)) -> Recorded {
    let metrics = Recorded::default();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&metrics, || {
        runtime.block_on(async { story(World::new(metrics.clone()).await).await });
    });
    check_labels(&metrics);
    metrics
}

/// Each label has one of the values that the manual names.
fn check_labels(metrics: &Recorded) {
    let kinds = [
        ExchangeErrorKind::Unreachable,
        ExchangeErrorKind::Timeout,
        ExchangeErrorKind::Unavailable,
        ExchangeErrorKind::Refused,
        ExchangeErrorKind::Malformed,
        ExchangeErrorKind::Expired,
        ExchangeErrorKind::Configuration,
    ];
    let fixed = [
        "ok",
        "lost",
        "too_late",
        "gave_up",
        "other",
        "none",
        "invalid_client",
        "replayed",
        "not_replayable",
        "budget_spent",
        "renewal_failed",
        "out_of_time",
        "refused",
        "doubted",
        "adopted",
        "changed",
        "unreadable",
        "function",
        "unknown",
    ];
    let mut allowed: BTreeSet<&str> = fixed.into();
    allowed.extend(kinds.map(ExchangeErrorKind::as_str));
    allowed.extend(Reason::ALL.iter().map(|it| it.as_str()));
    allowed.extend(NotAdopted::ALL.iter().map(|it| it.as_str()));
    for key in metrics.all().keys() {
        let labels = key.trim_end_matches('}').split_once('{').unwrap().1;
        for label in labels.split(',').filter(|it| !it.is_empty() && !it.starts_with("source=")) {
            assert!(allowed.contains(label.split_once('=').unwrap().1), "{key}");
        }
    }
}

#[test]
fn a_first_token_sets_the_gauges_and_counts_one_refresh_and_one_wait() {
    recorded(async |world| {
        assert_eq!(world.get("/documents").await, Some(StatusCode::OK));
        world.until("refreshes_total", "reason=first,outcome=ok,code=none", 1.0).await;
        assert_eq!(world.value("refresh_duration_seconds", "outcome=ok"), 1.0);
        assert_eq!(world.value("waits_total", "outcome=ok"), 1.0);
        assert_eq!(world.value("wait_duration_seconds", "outcome=ok"), 1.0);
        assert_eq!(world.value("waiters", ""), 0.0);
        let left = world.source.status().expires_in.unwrap().as_secs_f64();
        world.until("token_expiry_timestamp_seconds", "", world.now() + left).await;
        assert!((world.value("token_lifetime_seconds", "") - left).abs() < 1.0);
        let next = world.source.status().next_attempt_in.unwrap().as_secs_f64();
        world.until("next_attempt_timestamp_seconds", "", world.now() + next).await;
        let before = world.metrics.all();
        for _ in 0..20 {
            world.get("/documents").await;
        }
        assert_eq!(world.metrics.all(), before, "requests with a fresh token count nothing");
    });
}

#[test]
fn callers_that_wait_are_a_gauge_until_they_have_a_token() {
    recorded(async |world| {
        world.server.delay_exchanges(Duration::from_millis(200));
        let callers: Vec<_> = (0..5)
            .map(|_| {
                let source = world.source.clone();
                tokio::spawn(async move { source.token().await.map(drop) })
            })
            .collect();
        world.until("waiters", "", 5.0).await;
        // The delay may begin after this moment, so time goes on until it is over.
        until(|| {
            world.clock.advance(Duration::from_millis(20));
            world.source.status().waiters == 0
        })
        .await;
        for caller in callers {
            caller.await.unwrap().unwrap();
        }
        assert_eq!(world.value("waiters", ""), 0.0);
        assert_eq!(world.value("waits_total", "outcome=ok"), 5.0);
    });
}

#[test]
fn each_fault_of_the_token_endpoint_is_an_outcome_and_stored_errors_count_as_waits() {
    recorded(async |world| {
        world.server.refuse_credentials(true);
        for _ in 0..4 {
            assert_eq!(world.get("/documents").await, None);
        }
        world.until("refreshes_total", "reason=first,outcome=refused,code=other", 1.0).await;
        world.until("consecutive_failures", "", 1.0).await;
        assert_eq!(world.value("waits_total", "outcome=refused"), 4.0);
        assert_eq!(world.value("wait_duration_seconds", "outcome=refused"), 1.0);
        let next = world.source.status().next_attempt_in.unwrap().as_secs_f64();
        world.until("next_attempt_timestamp_seconds", "", world.now() + next).await;

        world.server.refuse_credentials(false);
        let faults = [
            (MalformedAnswer::Huge, "malformed"),
            (MalformedAnswer::Custom(StatusCode::BAD_GATEWAY, Bytes::new()), "unavailable"),
        ];
        for (number, (answer, outcome)) in faults.into_iter().enumerate() {
            world.clock.advance(secs(400));
            world.server.set_malformed(Some(answer));
            assert_eq!(world.get("/documents").await, None);
            let labels = format!("reason=first,outcome={outcome},code=none");
            world.until("refreshes_total", &labels, 1.0).await;
            world.until("consecutive_failures", "", number as f64 + 2.0).await;
        }
        world.server.set_malformed(None);
        world.clock.advance(secs(400));
        assert_eq!(world.get("/documents").await, Some(StatusCode::OK));
        world.until("consecutive_failures", "", 0.0).await;
    });
}

#[test]
fn refusals_count_by_what_followed_and_the_budget_by_itself() {
    recorded(async |world| {
        world.get("/documents").await;
        world.server.revoke_tokens();
        assert_eq!(world.get("/documents").await, Some(StatusCode::OK));
        assert_eq!(world.value("refusals_total", "verdict=refused,recovery=replayed"), 1.0);
        world.until("refreshes_total", "reason=refused,outcome=ok,code=none", 1.0).await;
        world.server.refuse_path("/bad");
        for _ in 0..8 {
            world.get("/bad").await;
        }
        let count = |recovery| {
            let labels = format!("verdict=refused,recovery={recovery}");
            world.value("refusals_total", &labels)
        };
        assert_eq!((count("replayed"), count("none"), count("budget_spent")), (6.0, 5.0, 3.0));
        assert_eq!(world.value("budget_refusals_total", ""), 3.0);
        assert_eq!(world.source.status().counters.budget_refusals, 3);
    });
}

#[test]
fn a_new_secret_and_an_unreadable_one_are_counted() {
    recorded(async |world| {
        world.get("/documents").await;
        let next = async || {
            world.clock.advance(secs(100_000));
            world.get("/documents").await
        };
        let count =
            |outcome| world.value("credential_reloads_total", &format!("outcome={outcome}"));
        next().await;
        assert_eq!((count("changed"), count("unreadable")), (0.0, 0.0));
        *world.secret.lock().unwrap() = Some("another".to_owned());
        assert_eq!(next().await, None);
        assert_eq!((count("changed"), count("unreadable")), (1.0, 0.0));
        *world.secret.lock().unwrap() = None;
        next().await;
        assert_eq!((count("changed"), count("unreadable")), (1.0, 1.0));
    });
}

#[test]
fn a_refused_credential_is_a_gauge_until_a_refresh_succeeds() {
    recorded(async |world| {
        let refused = || world.value("credential_refused", "credential=function");
        world.server.begin_outage(None);
        assert_eq!(world.get("/documents").await, None);
        world.until("consecutive_failures", "", 1.0).await;
        assert_eq!(refused(), 0.0, "an outage is no refusal");
        world.server.end_outage();
        world.server.refuse_credentials(true);
        world.clock.advance(secs(400));
        assert_eq!(world.get("/documents").await, None);
        world.until("credential_refused", "credential=function", 1.0).await;
        world.until("consecutive_failures", "", 2.0).await;
        world.server.refuse_credentials(false);
        world.clock.advance(secs(400));
        assert_eq!(world.get("/documents").await, Some(StatusCode::OK));
        world.until("consecutive_failures", "", 0.0).await;
        assert_eq!(refused(), 0.0);
    });
}

#[test]
fn a_token_of_one_source_says_nothing_about_the_credential_of_another() {
    let metrics = recorded(async |_| {
        let observer = Arc::new(MetricsObserver::new());
        let refused = ScriptedExchange::new();
        refused.fail_next(1, ExchangeError::new(ExchangeErrorKind::Refused, "unknown client"));
        for (name, exchange) in [("reports", refused), ("other", ScriptedExchange::new())] {
            let source = TokenSource::builder(HeaderScheme::bearer(), exchange);
            let _ = source.name(name).observer(observer.clone()).build().token().await;
        }
    });
    let value = |labels| metrics.value("outbound_auth_credential_refused", labels);
    assert_eq!(value("credential=unknown"), 1.0);
    assert!(!metrics.all().keys().any(|it| it.contains("source=other,credential")));
}

#[cfg(feature = "store")]
#[test]
fn the_calls_of_a_store_are_counted_and_timed() {
    use tower_outbound_auth::store::MemoryStore;
    let metrics = Recorded::default();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&metrics, || {
        runtime.block_on(async {
            let source = TokenSource::builder(HeaderScheme::bearer(), ScriptedExchange::new())
                .name("reports")
                .store(MemoryStore::new())
                .observer(MetricsObserver::new())
                .build();
            source.token().await.unwrap();
        });
    });
    for operation in ["acquire", "publish", "release"] {
        let labels = format!("operation={operation},outcome=ok");
        for name in ["store_operations_total", "store_operation_duration_seconds"] {
            let name = format!("outbound_auth_{name}");
            assert_eq!(metrics.value(&name, &labels), 1.0, "{name} {labels}");
        }
    }
}

#[test]
fn the_table_in_the_manual_is_what_the_code_registers_once_each() {
    let metrics = recorded(async |world| {
        world.get("/documents").await;
        world.get("/documents").await;
    });
    let page = include_str!("../../src/manual/operating.rs");
    let rows = page.lines().filter_map(|line| line.strip_prefix("//! | `outbound_auth_"));
    let mut rows: Vec<_> = rows
        .map(|row| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            (format!("outbound_auth_{}", cells[0].trim_matches('`')), cells[1].to_owned())
        })
        .collect();
    rows.sort();
    let described = metrics.described();
    let registered: Vec<_> =
        described.iter().map(|(name, (kind, ..))| (name.clone(), (*kind).to_owned())).collect();
    assert_eq!(rows, registered);
    assert_eq!(rows.len(), 17);
    for (name, (_, unit, times)) in described {
        let is_of_seconds = name.ends_with("_seconds");
        let unit = unit.unwrap();
        assert_eq!(unit == metrics::Unit::Seconds, is_of_seconds, "{name}: {unit:?}");
        assert_eq!(times, 1, "{name}");
    }
}
