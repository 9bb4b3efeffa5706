//! An observer that counts for the facade [`metrics`], so that any of its exporters can show a source.
//!
//! `manual::operating` lists the metrics. Each has the labels `system` and `source` (the
//! [name](crate::token::SourceBuilder::name) of the source). All other labels have a few fixed values, whatever a server sends.
//! Only `credential` may also be the name of an environment variable of yours.
//! Metrics about tenants are not there yet.
//!
//! ```
//! use tower_outbound_auth::exchange::{self, Issued};
//! use tower_outbound_auth::system::HeaderScheme;
//! use tower_outbound_auth::TokenSource;
//! use tower_outbound_auth::token::MetricsObserver;
//!
//! // At the start of the program, install an exporter: `metrics-exporter-prometheus`, say.
//! let login = exchange::from_fn(|| async { Ok(Issued::new("abc")) });
//! let source = TokenSource::builder(HeaderScheme::bearer(), login)
//!     .name("reports")
//!     .observer(MetricsObserver::new())
//!     .build();
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! source.token().await?; // outbound_auth_refreshes_total{source="reports", reason="first", outcome="ok", ..} 1
//! # Ok::<_, tower_outbound_auth::Error>(()) })?;
//! # Ok::<_, tower_outbound_auth::BoxError>(())
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{Label, Unit};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use crate::token::observer::Observer;
use crate::token::observer::event::{Event, EventKind, RefreshOutcome};

const REFRESHES: &str = "outbound_auth_refreshes_total";
const REFRESH_DURATION: &str = "outbound_auth_refresh_duration_seconds";
const WAITS: &str = "outbound_auth_waits_total";
const WAIT_DURATION: &str = "outbound_auth_wait_duration_seconds";
const WAITERS: &str = "outbound_auth_waiters";
const TOKEN_EXPIRY: &str = "outbound_auth_token_expiry_timestamp_seconds";
const TOKEN_LIFETIME: &str = "outbound_auth_token_lifetime_seconds";
const CONSECUTIVE_FAILURES: &str = "outbound_auth_consecutive_failures";
const NEXT_ATTEMPT: &str = "outbound_auth_next_attempt_timestamp_seconds";
const REFUSALS: &str = "outbound_auth_refusals_total";
const NEW_PROOFS: &str = "outbound_auth_new_proofs_total";
const BUDGET_REFUSALS: &str = "outbound_auth_budget_refusals_total";
const ROTATIONS: &str = "outbound_auth_rotations_total";
const CREDENTIAL_RELOADS: &str = "outbound_auth_credential_reloads_total";
const CREDENTIAL_REFUSED: &str = "outbound_auth_credential_refused";
const STORE_OPERATIONS: &str = "outbound_auth_store_operations_total";
const STORE_DURATION: &str = "outbound_auth_store_operation_duration_seconds";

/// Counts for the [`metrics`] facade (feature `metrics`).
///
/// Install an exporter before the first request: the facade forgets what happens before. Use one `MetricsObserver` for each
/// source. Units and descriptions are registered at the first event of each.
///
/// Gauges are set by events, never by a task in the background. So no gauge says whether a token has expired: compare
/// `outbound_auth_token_expiry_timestamp_seconds` with the time. A moment that never comes is `+Inf`.
#[derive(Default)]
pub struct MetricsObserver {
    is_described: AtomicBool,
    /// By the labels `system` and `source`.
    refused: Mutex<BTreeMap<(&'static str, String), Refused>>,
}

/// The refused credentials of one source.
#[derive(Default)]
struct Refused {
    /// Their labels, until a refresh succeeds.
    credentials: BTreeSet<String>,
    /// When the last refresh succeeded, by the monotonic clock.
    accepted: u64,
}

impl MetricsObserver {
    /// An observer for [`SourceBuilder::observer`](crate::token::SourceBuilder::observer).
    #[must_use]
    pub fn new() -> MetricsObserver {
        MetricsObserver::default()
    }

    fn refused(&self, event: &Event<'_>, credential: &str) {
        let mut sources = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = sources.entry((event.system, event.source.to_owned())).or_default();
        // Two threads may tell their events in either order.
        let is_late = event.at.mono_nanos() < refused.accepted;
        if is_late {
            return;
        }
        refused.credentials.insert(credential.to_owned());
        drop(sources);
        set_refused(event, credential.to_owned(), 1);
    }

    /// A token came, so no credential of this source is refused.
    fn accepted(&self, event: &Event<'_>) {
        let mut sources = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = sources.entry((event.system, event.source.to_owned())).or_default();
        refused.accepted = event.at.mono_nanos().max(refused.accepted);
        let accepted = mem::take(&mut refused.credentials);
        drop(sources);
        accepted.into_iter().for_each(|credential| set_refused(event, credential, 0));
    }
}

impl Observer for MetricsObserver {
    fn event(&self, event: &Event<'_>) {
        if !self.is_described.swap(true, Ordering::Relaxed) {
            describe();
        }
        let labels = |others: &[(&'static str, &'static str)]| labels(event, others);
        match event.kind {
            EventKind::RefreshFinished { reason, took, outcome, .. } => {
                let (reason, code) = (("reason", reason.as_str()), ("code", outcome.code()));
                let label = ("outcome", outcome.as_str());
                counter!(REFRESHES, labels(&[reason, label, code])).increment(1);
                histogram!(REFRESH_DURATION, labels(&[label])).record(took);
                if let RefreshOutcome::Issued { lifetime, expires_in, .. } = outcome {
                    set_life(event, lifetime, expires_in);
                    self.accepted(event);
                }
            }
            EventKind::WaitStarted { .. } => gauge!(WAITERS, labels(&[])).increment(1),
            EventKind::WaitFinished { took, outcome, .. } => {
                let label = ("outcome", outcome.as_str());
                counter!(WAITS, labels(&[label])).increment(1);
                if let Some(took) = took {
                    gauge!(WAITERS, labels(&[])).decrement(1);
                    histogram!(WAIT_DURATION, labels(&[label])).record(took);
                }
            }
            EventKind::RefusalJudged { verdict, recovery, .. } => {
                let recovery = recovery.map_or("none", |it| it.as_str());
                let these = [("verdict", verdict.as_str()), ("recovery", recovery)];
                counter!(REFUSALS, labels(&these)).increment(1);
            }
            EventKind::RefreshStarted { .. } | EventKind::ReplayFinished { .. } => {}
            EventKind::NewProof {} => counter!(NEW_PROOFS, labels(&[])).increment(1),
            EventKind::BudgetExhausted {} => counter!(BUDGET_REFUSALS, labels(&[])).increment(1),
            EventKind::RotationAdopted { lifetime, expires_in, .. } => {
                counter!(ROTATIONS, labels(&[("outcome", "adopted")])).increment(1);
                set_life(event, lifetime, expires_in);
            }
            EventKind::RotationNotAdopted { why } => {
                counter!(ROTATIONS, labels(&[("outcome", why.as_str())])).increment(1);
            }
            EventKind::StateChanged { consecutive_failures, next_attempt_in, .. } => {
                gauge!(CONSECUTIVE_FAILURES, labels(&[])).set(consecutive_failures);
                gauge!(NEXT_ATTEMPT, labels(&[])).set(timestamp(event, next_attempt_in));
            }
            EventKind::CredentialChanged { .. } => {
                counter!(CREDENTIAL_RELOADS, labels(&[("outcome", "changed")])).increment(1);
            }
            EventKind::CredentialUnreadable { .. } => {
                counter!(CREDENTIAL_RELOADS, labels(&[("outcome", "unreadable")])).increment(1);
            }
            EventKind::CredentialRefused { credential, variable } => {
                self.refused(event, variable.unwrap_or(credential));
            }
            EventKind::StoreOperationFinished { operation, took, outcome } => {
                let these =
                    labels(&[("operation", operation.as_str()), ("outcome", outcome.as_str())]);
                counter!(STORE_OPERATIONS, these.clone()).increment(1);
                histogram!(STORE_DURATION, these).record(took);
            }
        }
    }
}

impl fmt::Debug for MetricsObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsObserver").finish_non_exhaustive()
    }
}

fn labels(event: &Event<'_>, others: &[(&'static str, &'static str)]) -> Vec<Label> {
    let mut labels = Vec::with_capacity(2 + others.len());
    labels.push(Label::new("system", event.system));
    labels.push(Label::new("source", event.source.to_owned()));
    labels.extend(others.iter().map(|(name, value)| Label::new(*name, *value)));
    labels
}

fn set_refused(event: &Event<'_>, credential: String, is_refused: u32) {
    let mut labels = labels(event, &[]);
    labels.push(Label::new("credential", credential));
    gauge!(CREDENTIAL_REFUSED, labels).set(is_refused);
}

fn set_life(event: &Event<'_>, lifetime: Option<Duration>, expires_in: Option<Duration>) {
    let lifetime = lifetime.map_or(f64::INFINITY, |it| it.as_secs_f64());
    gauge!(TOKEN_LIFETIME, labels(event, &[])).set(lifetime);
    gauge!(TOKEN_EXPIRY, labels(event, &[])).set(timestamp(event, expires_in));
}

/// Seconds since the epoch, by the source's clock.
fn timestamp(event: &Event<'_>, from_now: Option<Duration>) -> f64 {
    let moment = from_now.and_then(|it| event.at.since_epoch().checked_add(it));
    moment.map_or(f64::INFINITY, |it| it.as_secs_f64())
}

fn describe() {
    let (count, seconds) = (Unit::Count, Unit::Seconds);
    describe_counter!(REFRESHES, count, "Refreshes that ended, by their outcome.");
    describe_histogram!(REFRESH_DURATION, seconds, "How long refreshes took.");
    describe_counter!(WAITS, count, "Callers that waited for a token, or got an error at once.");
    describe_histogram!(WAIT_DURATION, seconds, "How long callers waited for a token.");
    describe_gauge!(WAITERS, count, "Callers that wait for a token now.");
    describe_gauge!(TOKEN_EXPIRY, seconds, "When the newest token expires, since the epoch.");
    describe_gauge!(TOKEN_LIFETIME, seconds, "The whole life of the newest token.");
    describe_gauge!(CONSECUTIVE_FAILURES, count, "Failed refreshes since the last success.");
    describe_gauge!(
        NEXT_ATTEMPT,
        seconds,
        "When requests cause the next refresh, since the epoch."
    );
    describe_counter!(REFUSALS, count, "Responses that refused or doubted the token.");
    describe_counter!(NEW_PROOFS, count, "Requests that were sent again with a new proof.");
    describe_counter!(
        BUDGET_REFUSALS,
        count,
        "Refusals that renewed nothing: the budget was used up."
    );
    describe_counter!(ROTATIONS, count, "Tokens in responses, by what was done with them.");
    describe_counter!(CREDENTIAL_RELOADS, count, "Credentials that changed or became unreadable.");
    describe_gauge!(CREDENTIAL_REFUSED, count, "1 while the token endpoint refuses it, else 0.");
    describe_counter!(STORE_OPERATIONS, count, "Calls of the store, by their outcome.");
    describe_histogram!(STORE_DURATION, seconds, "How long calls of the store took.");
}
