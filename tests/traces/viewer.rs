//! A trace viewer: each trace as a tree of spans.

use std::fmt::Write;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, SpanKind, Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tokio::runtime::Builder;
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;

/// All spans of the stories, in the order in which they ended.
pub(crate) struct Traces(Vec<SpanData>);

/// The traces of `story`, on whatever task: the runtime has this one thread, and a clock that moves by timers alone.
pub(crate) fn traces_of(story: impl Future<Output = ()>) -> Traces {
    traces_from(LevelFilter::INFO, story)
}

pub(crate) fn traces_from(level: LevelFilter, story: impl Future<Output = ()>) -> Traces {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("tests"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false);
    let subscriber = tracing_subscriber::registry().with(level).with(layer);
    // With one dispatcher in the process, a span that another thread's test meets first would be off for good: tracing asks
    // that thread's subscriber alone, which is none. With two, it asks them all.
    let second = Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::dispatcher::set_default(&Dispatch::new(subscriber));
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(story);
    // A refresh ends after its callers have their token.
    runtime.block_on(async {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    });
    drop((runtime, guard, second));
    Traces(exporter.get_finished_spans().unwrap())
}

impl Traces {
    /// All spans with this name.
    pub(crate) fn named(&self, name: &str) -> Vec<&SpanData> {
        self.0.iter().filter(|span| span.name == name).collect()
    }

    /// The only span with this name.
    #[track_caller]
    pub(crate) fn one(&self, name: &str) -> &SpanData {
        match self.named(name)[..] {
            [span] => span,
            ref spans => panic!("{} spans are named {name}: {}", spans.len(), self.text()),
        }
    }

    /// The whole trace that begins with the only span of this name, a line for each span: its kind, its name, its attributes
    /// and its status.
    pub(crate) fn trace(&self, name: &str) -> String {
        let root = self.one(name);
        assert_eq!(root.parent_span_id, SpanId::INVALID, "{name} is no root");
        let mut text = String::new();
        self.write(root, 0, &mut text);
        text
    }

    fn write(&self, span: &SpanData, depth: usize, text: &mut String) {
        let kind = match span.span_kind {
            SpanKind::Client => "client ",
            _ => "",
        };
        write!(text, "{:depth$}{kind}{}", "", span.name).unwrap();
        for attribute in sorted(&span.attributes) {
            write!(text, " {}={}", attribute.key, attribute.value).unwrap();
        }
        match &span.status {
            Status::Unset => {}
            status => write!(text, " {status:?}").unwrap(),
        }
        text.push('\n');
        let id = span.span_context.span_id();
        let mut children: Vec<_> = self.0.iter().filter(|it| it.parent_span_id == id).collect();
        children.sort_by_key(|it| it.start_time);
        for child in children {
            self.write(child, depth + 2, text);
        }
    }

    /// Everything that was exported.
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|span| format!("{span:?}\n")).collect()
    }
}

/// Without what the exporter itself adds.
fn sorted(attributes: &[KeyValue]) -> Vec<&KeyValue> {
    let is_ours = |it: &&KeyValue| !matches!(it.key.as_str(), "target" | "level");
    let mut attributes: Vec<_> = attributes.iter().filter(is_ours).collect();
    attributes.sort_by(|one, other| one.key.as_str().cmp(other.key.as_str()));
    attributes
}

/// The texts of a span's events.
pub(crate) fn events_of(span: &SpanData) -> Vec<&str> {
    span.events.iter().map(|event| &*event.name).collect()
}
