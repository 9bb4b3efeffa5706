//! The callers: what each of them may be told, and that all are served at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::ServiceExt;
use tower_outbound_auth::exchange::ExchangeErrorKind::{
    Configuration, Panicked, Reentrant, Unreachable,
};
use tower_outbound_auth::testkit::EmbeddedProtocol;
use tower_outbound_auth::token::Status;
use tower_outbound_auth::{BoxError, Error, Recovery, Scheme};

use crate::injection::refusing_route;
use crate::{CALLERS, EXCHANGE_TIMEOUT, LIFE, SLACK, World};

impl<S: Scheme, P: EmbeddedProtocol> World<S, P> {
    pub(crate) async fn call_until_over(self: Arc<Self>, nth: usize) {
        while !self.over.load(SeqCst) {
            // One call in fifty goes to the newest route that refuses all tokens. One call in ten is given up.
            let refusing = self.refusing_routes.load(SeqCst).checked_sub(1);
            match refusing.filter(|_| fastrand::u8(..50) == 0) {
                Some(route) => {
                    let outcome = self.call(&refusing_route(route)).await;
                    self.count(if outcome.is_ok() {
                        "answers of refusing routes"
                    } else {
                        "errors there"
                    });
                }
                None if fastrand::u8(..10) == 0 => {
                    let patience = Duration::from_millis(fastrand::u64(..20));
                    let call = self.call("/v1/documents");
                    self.count(match timeout(patience, call).await {
                        Ok(_) => "answered before they were given up",
                        Err(_) => "given up",
                    });
                }
                None => self.call_and_judge(nth).await,
            }
            sleep(Duration::from_millis(fastrand::u64(20..150))).await;
        }
    }

    async fn call(&self, path: &str) -> Result<(StatusCode, Option<Recovery>), BoxError> {
        let body = Full::from("x".repeat(fastrand::usize(..2_000)));
        let request = Request::post(self.server.url(path)).body(body)?;
        let response = self.client.clone().oneshot(request).await?;
        let outcome = (response.status(), response.extensions().get().copied());
        response.into_body().collect().await?;
        Ok(outcome)
    }

    async fn call_and_judge(&self, nth: usize) {
        let (began, before) = (Instant::now(), self.source.status());
        let longest = 2 * EXCHANGE_TIMEOUT + SLACK;
        let outcome = timeout(longest, self.call(&format!("/v1/documents/{nth}"))).await;
        let after = self.source.status();
        match outcome.expect("a call hangs") {
            Ok((StatusCode::OK, None)) => self.count("200"),
            Ok((StatusCode::OK, Some(recovery))) => self.count(&format!("200, {recovery:?}")),
            Ok((status, recovery)) => {
                assert_eq!(status, StatusCode::UNAUTHORIZED);
                self.judge_refusal(recovery.expect("a refusal says why"), began);
            }
            Err(error) => {
                let error = Error::find(&*error).unwrap_or_else(|| panic!("not ours: {error}"));
                let had_none = is_over(&after) || acquired(&before) != acquired(&after);
                assert!(
                    had_none,
                    "an error while a token is usable: {error}\n{before:?}\n{after:?}"
                );
                let kind = error.exchange().expect("why there is no token").kind();
                let is_fault = !matches!(kind, Unreachable | Panicked | Reentrant | Configuration);
                assert!(is_fault, "{error}");
                self.count(&format!("error, {kind:?}"));
            }
        }
    }

    /// A token is refused because it was revoked. If it cannot be renewed, it stays until it ends.
    fn judge_refusal(&self, recovery: Recovery, began: Instant) {
        let upheaval = self.last_upheaval.lock().unwrap().expect("a refusal without a revocation");
        let reach = began.saturating_duration_since(upheaval);
        assert!(
            reach <= Duration::from_secs(LIFE) + SLACK,
            "{recovery:?} {reach:?} after a revocation"
        );
        let was_sticky = self.was_sticky.load(SeqCst);
        let is_true = match recovery {
            Recovery::Replayed | Recovery::RenewalFailed => true,
            Recovery::BudgetSpent => was_sticky || self.refusing_routes.load(SeqCst) > 0,
            Recovery::SameToken => was_sticky,
            _ => false,
        };
        assert!(is_true, "{recovery:?}");
        self.count(&format!("401, {recovery:?}"));
    }

    /// Each caller tries until it is served.
    pub(crate) async fn all_callers_succeed_after(self: &Arc<Self>, last: &Status) -> String {
        // How long they may have to wait: for the end of a pause, or of a revoked token that may not be renewed.
        let pause = last.next_attempt_in.max(last.expires_in).unwrap_or_default();
        let served = |world: Arc<Self>| async move {
            let began = Instant::now();
            while !matches!(world.call("/v1/documents").await, Ok((StatusCode::OK, _))) {
                sleep(Duration::from_millis(20)).await;
            }
            began.elapsed()
        };
        let callers: JoinSet<_> = (0..CALLERS).map(|_| served(self.clone())).collect();
        let longest = callers.join_all().await.into_iter().max().unwrap();
        assert!(longest <= pause + SLACK, "{longest:?} after the faults, in a pause of {pause:?}");
        format!("the last pause: {pause:?}; the last caller was served after {longest:?}")
    }

    fn count(&self, what: &str) {
        *self.seen.lock().unwrap().entry(what.to_owned()).or_default() += 1;
    }
}

fn is_over(status: &Status) -> bool {
    status.expires_in.is_none_or(|left| left.is_zero())
}

/// Counts all that can make a token usable.
fn acquired(status: &Status) -> (u64, u64) {
    (status.counters.exchanges_succeeded, status.counters.rotations_adopted)
}
