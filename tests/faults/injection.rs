//! The faults, and when they begin and end.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::time::sleep;
use tower_outbound_auth::Scheme;
use tower_outbound_auth::testkit::{EmbeddedProtocol, MalformedAnswer};

use crate::{MINUTE, World};

/// A fault that lasts for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    Outage,
    OutageWithRetryAfter,
    Malformed,
    Slow,
    RefusedCredentials,
    Redirect,
    Sticky,
    /// A fault of one server only: its refresh tokens are revoked, or its responses have no successors.
    Own,
    Revocation,
    RefusingRoute,
}

use Fault::*;

/// Faults of the token endpoint, one after the other.
pub(crate) const OF_THE_ENDPOINT: &[Fault] =
    &[Outage, OutageWithRetryAfter, Malformed, Slow, RefusedCredentials, Redirect, Sticky, Own];
/// Faults of the API, at the same time as those of the endpoint.
pub(crate) const OF_THE_API: &[Fault] = &[Revocation, Revocation, RefusingRoute, Own];

impl<S: Scheme, P: EmbeddedProtocol> World<S, P> {
    /// One fault after the other, with pauses in between.
    pub(crate) async fn inject(self: Arc<Self>, kinds: &'static [Fault], mut rng: fastrand::Rng) {
        let began = Instant::now();
        while began.elapsed() < MINUTE {
            sleep(Duration::from_millis(rng.u64(100..1_500))).await;
            // A refusing route spends the budget of renewals, so it comes late: until then every revocation is healed.
            let early = began.elapsed() < MINUTE / 2;
            let kinds: Vec<_> =
                kinds.iter().filter(|it| !(early && **it == RefusingRoute)).collect();
            let fault = *kinds[rng.usize(..kinds.len())];
            let lasts = Duration::from_millis(rng.u64(100..2_000));
            self.begin(fault, &mut rng);
            sleep(lasts).await;
            self.end(fault);
            let mut faults = self.faults.lock().unwrap();
            let (times, time) = faults.entry(fault).or_default();
            (*times, *time) = (*times + 1, *time + lasts);
        }
    }

    fn begin(&self, fault: Fault, rng: &mut fastrand::Rng) {
        let server = &self.server;
        match fault {
            Outage => server.begin_outage(None),
            OutageWithRetryAfter => {
                server.begin_outage(Some(Duration::from_secs(rng.u64(0..4))));
            }
            Malformed => {
                let answer = &MalformedAnswer::ALL[rng.usize(..MalformedAnswer::ALL.len())];
                server.set_malformed(Some(answer.clone()));
            }
            // Some answers take longer than an exchange may.
            Slow => server.delay_exchanges(Duration::from_millis(rng.u64(100..3_000))),
            RefusedCredentials => server.refuse_credentials(true),
            Redirect => {
                let (path, to) = (self.endpoint_path(), server.url("/elsewhere"));
                server.redirect_path(&path, StatusCode::TEMPORARY_REDIRECT, &to);
            }
            Sticky => {
                self.was_sticky.store(true, SeqCst);
                server.set_sticky(true);
            }
            Own => (self.own)(server, true),
            Revocation => server.revoke_tokens(),
            RefusingRoute => {
                let route = self.refusing_routes.fetch_add(1, SeqCst);
                server.refuse_path(&refusing_route(route));
            }
        }
        if matches!(fault, Revocation | Sticky) {
            *self.last_upheaval.lock().unwrap() = Some(Instant::now());
        }
    }

    fn end(&self, fault: Fault) {
        let server = &self.server;
        match fault {
            Outage | OutageWithRetryAfter => server.end_outage(),
            Malformed => server.set_malformed(None),
            Slow => server.delay_exchanges(Duration::ZERO),
            RefusedCredentials => {
                server.refuse_credentials(false);
                self.source.retry_now(); // as an operator does who has mended the credentials
            }
            Redirect => server.end_redirect(&self.endpoint_path()),
            Sticky => {
                server.set_sticky(false);
                *self.last_upheaval.lock().unwrap() = Some(Instant::now());
            }
            Own => (self.own)(server, false),
            Revocation | RefusingRoute => {}
        }
    }

    fn endpoint_path(&self) -> String {
        self.server.endpoint().replace(&self.server.url(""), "")
    }
}

pub(crate) fn refusing_route(nth: usize) -> String {
    format!("/v1/refusing/{nth}")
}
