//! An exporter in memory. It has the series that Prometheus would scrape.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// In seconds.
pub(crate) const SCRAPE_INTERVAL: u64 = 15;

/// The labels that Prometheus adds.
const TARGET: &str = r#"job="reports",instance="reports-1:9000""#;

/// A series has its name and its labels, as in the text format.
#[derive(Clone, Default)]
pub(crate) struct Exporter(Arc<Mutex<BTreeMap<String, f64>>>);

impl Exporter {
    pub(crate) fn scrape(&self) -> BTreeMap<String, f64> {
        self.0.lock().unwrap().clone()
    }

    fn cell(&self, key: &Key) -> Arc<Cell> {
        let label = |it: &metrics::Label| format!(r#",{}="{}""#, it.key(), it.value());
        let labels = format!("{TARGET}{}", key.labels().map(label).collect::<String>());
        Arc::new(Cell { name: key.name().to_owned(), labels, exporter: self.clone() })
    }
}

struct Cell {
    name: String,
    labels: String,
    exporter: Exporter,
}

impl Cell {
    fn change(&self, suffix: &str, change: impl FnOnce(f64) -> f64) {
        let series = format!("{}{suffix}{{{}}}", self.name, self.labels);
        let mut all = self.exporter.0.lock().unwrap();
        let value = all.entry(series).or_default();
        *value = change(*value);
    }
}

impl CounterFn for Cell {
    fn increment(&self, by: u64) {
        self.change("", |value| value + by as f64);
    }

    fn absolute(&self, new: u64) {
        self.change("", |_| new as f64);
    }
}

impl GaugeFn for Cell {
    fn increment(&self, by: f64) {
        self.change("", |value| value + by);
    }

    fn decrement(&self, by: f64) {
        self.change("", |value| value - by);
    }

    fn set(&self, new: f64) {
        self.change("", |_| new);
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        self.change("_count", |count| count + 1.0);
        self.change("_sum", |sum| sum + value);
    }
}

impl Recorder for Exporter {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.cell(key))
    }
}

/// What was scraped, from the time 0 on.
#[derive(Default)]
pub(crate) struct Recording {
    scrapes: usize,
    /// One value for each scrape. None before there was the series.
    series: BTreeMap<String, Vec<Option<f64>>>,
}

impl Recording {
    pub(crate) fn scrape(&mut self, exporter: &Exporter) {
        for (series, value) in exporter.scrape() {
            let values = self.series.entry(series).or_default();
            values.resize(self.scrapes, None);
            values.push(Some(value));
        }
        self.scrapes += 1;
    }

    pub(crate) fn series(&self) -> &BTreeMap<String, Vec<Option<f64>>> {
        &self.series
    }

    /// The time of the last scrape, in seconds.
    pub(crate) fn end(&self) -> u64 {
        (self.scrapes as u64).saturating_sub(1) * SCRAPE_INTERVAL
    }
}
