//! Two threads may tell their events in either order. The metrics show the newer state in the end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::testkit::{AtlasServer, ManualClock};
use tower_outbound_auth::token::{Event, EventKind, MetricsObserver, Observer};

use crate::recorder::Recorded;
use crate::secs;

/// Holds up the first event of a kind.
struct Slow {
    is_held: fn(&EventKind<'_>) -> bool,
    was_held: AtomicBool,
    reached: Mutex<Sender<()>>,
    go_on: Mutex<Receiver<()>>,
}

impl Observer for Slow {
    fn event(&self, event: &Event<'_>) {
        if (self.is_held)(&event.kind) && !self.was_held.swap(true, Ordering::Relaxed) {
            self.reached.lock().unwrap().send(()).unwrap();
            self.go_on.lock().unwrap().recv().unwrap();
        }
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A refresh is refused on one thread, and this event of it reaches the metrics after the next refresh has succeeded on another thread.
fn metrics_after_a_late(is_held: fn(&EventKind<'_>) -> bool) -> Recorded {
    let metrics = Recorded::default();
    let servers = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let clock = ManualClock::new();
    let server = servers.block_on(AtlasServer::start()).unwrap().with_clock(clock.clone());
    server.refuse_credentials(true);
    let ((reached, is_reached), (go, go_on)) = (channel(), channel());
    let was_held = AtomicBool::new(false);
    let slow = Slow { is_held, was_held, reached: reached.into(), go_on: go_on.into() };
    let (id, secret) = (server.client_id(), server.client_secret());
    let layer = AuthLayer::atlas(server.endpoint(), id, secret).unwrap();
    let layer = layer.rebuild_source(|source| {
        source.clock(clock.clone()).name("reports").observer(slow).observer(MetricsObserver::new())
    });
    let source = layer.source().clone();
    let (recorder, refused) = (metrics.clone(), source.clone());
    let held = thread::spawn(move || {
        metrics::with_local_recorder(&recorder, || {
            runtime().block_on(async {
                let _ = refused.token().await;
                refused.settled().await;
            });
        });
    });
    is_reached.recv().unwrap();
    server.refuse_credentials(false);
    clock.advance(secs(1));
    metrics::with_local_recorder(&metrics, || {
        runtime().block_on(async {
            source.retry_now();
            source.token().await.unwrap();
            source.settled().await;
        });
    });
    go.send(()).unwrap();
    held.join().unwrap();
    metrics
}

#[test]
fn a_late_state_does_not_hide_a_success() {
    let metrics = metrics_after_a_late(|kind| {
        matches!(kind, EventKind::StateChanged { consecutive_failures: 1, .. })
    });
    assert_eq!(metrics.value("outbound_auth_consecutive_failures", ""), 0.0);
}

#[test]
fn a_late_refusal_of_a_credential_does_not_hide_a_success() {
    let metrics = metrics_after_a_late(|kind| matches!(kind, EventKind::CredentialRefused { .. }));
    let mut all = metrics.all().into_iter();
    let refused = all.find(|(name, value)| name.contains("credential_refused") && *value != 0.0);
    assert_eq!(refused, None);
}
