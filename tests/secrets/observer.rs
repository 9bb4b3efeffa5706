//! What observers are told, with as many secrets on the way as possible.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::testkit::{MalformedAnswer, ManualClock, RotatingServer};
#[cfg(feature = "metrics")]
use tower_outbound_auth::token::MetricsObserver;
use tower_outbound_auth::token::{
    Event, EventKind, Observer, RefreshOutcome, ReplayOutcome, WaitFor, WaitOutcome,
};
use tower_outbound_auth::{AuthLayer, Credential};

use crate::canary::{Canaries, shown};
#[cfg(feature = "metrics")]
use crate::recorder::Recorded;
use crate::timeline::{Collector, Labels, svg, text};

const SECRET: &str = "canary-of-observers-77a0";

/// Keeps all texts of all events.
#[derive(Clone, Default)]
struct Texts(Arc<Mutex<String>>);

impl Observer for Texts {
    fn event(&self, event: &Event<'_>) {
        let labels = match &event.kind {
            EventKind::RefreshFinished { outcome, .. } => label_of(*outcome),
            EventKind::WaitFinished { outcome, .. } => WaitOutcome::as_str(outcome).to_owned(),
            EventKind::WaitStarted { wait, .. } => WaitFor::as_str(*wait).to_owned(),
            EventKind::ReplayFinished { outcome, .. } => ReplayOutcome::as_str(*outcome).to_owned(),
            _ => String::new(),
        };
        *self.0.lock().unwrap() += &(shown::<Event<'_>>(event) + &labels);
    }
}

fn label_of(outcome: RefreshOutcome<'_>) -> String {
    outcome.as_str().to_owned() + outcome.code()
}

/// Runs through most kinds of events. Returns the secrets.
async fn run(observer: impl Observer) -> Canaries {
    let clock = ManualClock::new();
    let server = RotatingServer::start().await.unwrap().with_client("id", SECRET);
    let server = server.with_clock(clock.clone());
    let secret = Arc::new(Mutex::new(SECRET));
    let read = secret.clone();
    let secret_credential = Credential::from_fn(move || Ok((*read.lock().unwrap()).into()));
    let layer = AuthLayer::rotating(&server.api_root(), "id", secret_credential).unwrap();
    let layer = layer
        .rebuild_source(|source| source.clock(clock.clone()).name("reports").observer(observer));
    let api = layer.layer(Client::builder(TokioExecutor::new()).build_http());
    let get = || async {
        let request = Request::get(server.url("/v1/x")).body(Full::<Bytes>::default()).unwrap();
        api.clone().oneshot(request).await.map(|response| response.status())
    };
    assert_eq!(get().await.unwrap(), StatusCode::OK);
    server.revoke_tokens();
    assert_eq!(get().await.unwrap(), StatusCode::OK);
    server.hand_out(Some(vec![format!("Bearer {SECRET}")]));
    get().await.unwrap();
    server.hand_out(None);
    clock.advance(Duration::from_secs(100_000));
    let quotes = format!(r#"{{"error":"{SECRET}","error_description":"{SECRET}"}}"#);
    for answer in
        [MalformedAnswer::Custom(StatusCode::UNAUTHORIZED, quotes.into()), MalformedAnswer::Huge]
    {
        server.set_malformed(Some(answer));
        get().await.unwrap_err();
        get().await.unwrap_err(); // the stored error
        clock.advance(Duration::from_secs(1_000));
    }
    server.set_malformed(None);
    *secret.lock().unwrap() = "canary-of-observers-wrong";
    get().await.unwrap_err();
    let mut canaries = Canaries::of([SECRET, "canary-of-observers-wrong", MalformedAnswer::CANARY]);
    for request in server.requests() {
        let token = request.headers["authorization"].to_str().unwrap().replace("Bearer ", "");
        canaries.add(&token);
    }
    canaries
}

#[tokio::test]
async fn no_event_shows_a_secret() {
    let texts = Texts::default();
    let canaries = run(texts.clone()).await;
    let texts = texts.0.lock().unwrap().clone();
    for kind in [
        "RefreshStarted",
        "RefreshFinished",
        "Failed",
        "WaitStarted",
        "WaitFinished",
        "RefusalJudged",
        "ReplayFinished",
        "RotationAdopted",
        "RotationNotAdopted",
        "StateChanged",
        "CredentialChanged",
        "CredentialRefused",
    ] {
        assert!(texts.contains(kind), "{kind} is not among the events: {texts}");
    }
    canaries.assert_absent("an event", &texts);
}

#[cfg(feature = "metrics")]
#[test]
fn no_label_of_a_metric_shows_a_secret() {
    let (metrics, observer) = (Recorded::default(), MetricsObserver::new());
    let mut texts = shown(&observer);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let canaries = metrics::with_local_recorder(&metrics, || runtime.block_on(run(observer)));
    texts.extend(metrics.all().keys().map(String::as_str));
    for name in ["refreshes", "waits", "refusals", "rotations", "credential_reloads"] {
        assert!(texts.contains(&format!("outbound_auth_{name}_total")), "{name}: {texts}");
    }
    assert!(texts.contains("outbound_auth_credential_refused"), "{texts}");
    canaries.assert_absent("a label", &texts);
}

#[tokio::test]
async fn no_picture_of_a_timeline_and_no_debug_of_its_observer_shows_a_secret() {
    let collector = Collector::new(ManualClock::new());
    let canaries = run(collector.clone()).await;
    collector.answered(1, Duration::ZERO, true, None);
    let (timeline, labels) = (collector.timeline(), Labels { title: "A run", callers: "callers" });
    let drawn = svg::draw(&timeline, &labels) + &text::draw(&timeline, &labels);
    for part in ["for the first token", "after a refusal", "exchange that failed", "R refused"] {
        assert!(drawn.contains(part), "{part} is not drawn: {drawn}");
    }
    canaries.assert_absent("a picture", &drawn);
    canaries.assert_absent("the observer of the pictures", &shown(&collector));
}
