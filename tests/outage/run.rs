//! Nine minutes of a service, with an outage of its token endpoint. Time is the test's, so that each run is the same.

use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::testkit::{ManualClock, OAuthServer};
use tower_outbound_auth::token::MetricsObserver;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::log::Log;
use crate::page::{broken, metrics};
use crate::recorder::Recorded;
use crate::timeline::{Collector, Labels, Timeline, svg, text};

/// 2025-01-01T03:00:00Z.
const THREE_IN_THE_MORNING: u64 = 1_735_700_400;
const END: u64 = 9 * 60;
const OUTAGE: [u64; 2] = [4 * 60, 7 * 60];
/// When the operator looks: renewals fail, callers get errors, all is well again.
pub(crate) const LOOKS: [u64; 3] = [4 * 60 + 40, 6 * 60, 8 * 60];
const AN_EXCHANGE_TAKES: Duration = Duration::from_millis(200);
const CALLERS: u64 = 4;

pub(crate) struct Run {
    pub(crate) log: String,
    /// One for each look, as in a Prometheus console.
    metrics: [Vec<(String, String)>; 3],
    statuses: [String; 3],
    pub(crate) timeline: Timeline,
    pub(crate) svg: String,
    /// That the server counted.
    pub(crate) exchanges: usize,
}

impl Run {
    /// The blocks of the section, in their order.
    pub(crate) fn blocks(&self) -> [String; 4] {
        let statuses: String = LOOKS
            .iter()
            .zip(&self.statuses)
            .map(|(at, status)| broken(&format!("{}  {status}", clock_time(*at))))
            .collect();
        let picture = text::draw(&self.timeline, &LABELS);
        [self.log.clone(), statuses, metrics(&LOOKS.map(clock_time), &self.metrics), picture]
    }
}

const LABELS: Labels<'static> =
    Labels { title: "The token endpoint is down for three minutes", callers: "callers" };

/// `03:04:40`
fn clock_time(second: u64) -> String {
    format!("03:{:02}:{:02}", second / 60, second % 60)
}

/// The time of a line of the log.
struct Time(ManualClock);

impl FormatTime for Time {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let time = self.0.now().since_epoch() - Duration::from_secs(THREE_IN_THE_MORNING);
        write!(writer, "{}", clock_time(time.as_secs()))
    }
}

pub(crate) fn run() -> Run {
    let clock = ManualClock::new();
    clock.set_wall(UNIX_EPOCH + Duration::from_secs(THREE_IN_THE_MORNING));
    let (log, recorded) = (Log::default(), Recorded::default());
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_timer(Time(clock.clone()))
        .with_writer(move || writer.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut run = tracing::subscriber::with_default(subscriber, || {
        metrics::with_local_recorder(&recorded, || {
            runtime.block_on(nine_minutes(&clock, &recorded))
        })
    });
    run.log = folded(&log.text());
    run
}

/// The log. Of failures in a row that have the same reason, only the first one is shown.
fn folded(log: &str) -> String {
    fn kind(line: &str) -> (bool, Option<&str>) {
        let reason = line.split(' ').find(|word| word.starts_with("reason="));
        (line.contains(" WARN "), reason)
    }

    let lines: Vec<_> = log.lines().collect();
    let mut shown = String::new();
    for alike in lines.chunk_by(|one, next| kind(one) == kind(next)) {
        shown += &broken(&masked(alike[0]));
        if let [_, .., last] = alike {
            shown += &format!("    (and {} more, until {})\n", alike.len() - 1, &last[..8]);
        }
    }
    shown
}

/// Without the address of this run's server.
fn masked(line: &str) -> String {
    let Some((before, after)) = line.split_once("http://127.0.0.1:") else {
        return line.to_owned();
    };
    let (_, after) = after.split_once("/token").unwrap();
    format!("{before}https://idp.example/token{after}")
}

async fn nine_minutes(clock: &ManualClock, recorded: &Recorded) -> Run {
    let server = OAuthServer::start().await.unwrap().with_client("billing", "a secret");
    let server = server.with_clock(clock.clone()).with_lifetime(300);
    server.delay_exchanges(AN_EXCHANGE_TAKES);
    let collector = Collector::new(clock.clone());
    let (id, secret, origin) = (server.client_id(), server.client_secret(), server.origin());
    let layer = AuthLayer::client_credentials(server.endpoint(), id, secret, origin).unwrap();
    fastrand::seed(7); // the pauses of a source are drawn when it is made
    let layer = layer.rebuild_source(|source| {
        let source = source.clock(clock.clone()).name("reports");
        source.observer(MetricsObserver::new()).observer(collector.clone())
    });
    let source = layer.source().clone();
    let api = layer.layer(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());

    let (start, mut arrived) = (clock.now(), 0);
    let (mut shown, mut statuses) = (Vec::new(), Vec::new());
    for second in 0..=END {
        clock.advance(clock.now().until(start + Duration::from_secs(second)));
        match OUTAGE.iter().position(|it| *it == second) {
            Some(0) => {
                collector.mark("the endpoint answers 503");
                server.begin_outage(None);
            }
            Some(_) => {
                collector.mark("it answers again");
                server.end_outage();
            }
            None => {}
        }
        let began = collector.now();
        let request = Request::get(server.url("/v1/documents")).body(Full::default()).unwrap();
        let answer = tokio::spawn(api.clone().oneshot(request));
        // The time passes while an exchange is under way, and stands still otherwise.
        while !answer.is_finished() || source.status().exchange_under_way {
            let exchanges = server.counts().exchanges;
            if exchanges > arrived {
                arrived = exchanges;
                clock.advance(AN_EXCHANGE_TAKES);
            }
            tokio::task::yield_now().await;
        }
        let ok = answer.await.unwrap().is_ok_and(|response| response.status().is_success());
        collector.answered(second % CALLERS, began, ok, None);
        if LOOKS.contains(&second) {
            settle().await;
            shown.push(recorded.console(clock.now().since_epoch()));
            statuses.push(masked(&source.status().to_string()));
        }
    }
    let timeline = collector.timeline();
    Run {
        log: String::new(),
        metrics: shown.try_into().unwrap(),
        statuses: statuses.try_into().unwrap(),
        svg: svg::draw(&timeline, &LABELS),
        timeline,
        exchanges: server.counts().exchanges,
    }
}

/// The task of a refresh tells its end after its callers have been woken.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

impl Recorded {
    /// The counters and the gauges, as a console shows them. Moments are shown as the time until them.
    fn console(&self, now: Duration) -> Vec<(String, String)> {
        let row = |(name, value): (String, f64)| {
            let (name, labels) = name.trim_end_matches('}').split_once('{').unwrap();
            let name = name.trim_start_matches("outbound_auth_");
            let labels = labels.split(',').filter(|it| !it.is_empty());
            let labels: Vec<_> = labels.map(|it| it.replace('=', "=\"") + "\"").collect();
            match (name.ends_with("_timestamp_seconds"), &labels[..]) {
                (true, _) => (format!("{name} - time()"), number(value - now.as_secs_f64())),
                (_, []) => (name.to_owned(), number(value)),
                _ => (format!("{name}{{{}}}", labels.join(", ")), number(value)),
            }
        };
        let all = self.all().into_iter().filter(|(name, _)| !name.contains("_duration_seconds"));
        all.map(row).collect()
    }
}

fn number(value: f64) -> String {
    if value.is_infinite() { "+Inf".to_owned() } else { format!("{}", value.round()) }
}
