//! A recorder of metrics, in memory. Most sources are named `reports`.
#![allow(dead_code)] // each suite uses its part

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// A description: the kind, the unit, and how often it was registered.
pub(crate) type Description = (&'static str, Option<Unit>, usize);

#[derive(Clone, Default)]
pub(crate) struct Recorded {
    /// By the name and the labels: the value of a counter or a gauge, or the number of values of a histogram.
    values: Arc<Mutex<BTreeMap<String, f64>>>,
    described: Arc<Mutex<BTreeMap<String, Description>>>,
}

impl Recorded {
    /// The value of a metric with these labels besides `system` and `source=reports`, in this order. Zero if there is none.
    pub(crate) fn value(&self, name: &str, labels: &str) -> f64 {
        self.all().get(&format!("{name}{{{labels}}}")).copied().unwrap_or_default()
    }

    pub(crate) fn all(&self) -> BTreeMap<String, f64> {
        self.values.lock().unwrap().clone()
    }

    pub(crate) fn described(&self) -> BTreeMap<String, Description> {
        self.described.lock().unwrap().clone()
    }

    fn describe(&self, key: &KeyName, kind: &'static str, unit: Option<Unit>, text: &str) {
        assert!(text.ends_with('.') && text.is_ascii(), "{text}");
        let mut described = self.described.lock().unwrap();
        described.entry(key.as_str().to_owned()).or_insert((kind, unit, 0)).2 += 1;
    }

    fn cell(&self, key: &Key) -> Arc<Cell> {
        let label = |it: &metrics::Label| format!("{}={}", it.key(), it.value());
        let labels: Vec<_> = key.labels().map(label).collect();
        assert!(labels[0].starts_with("system=") && labels[1].starts_with("source="), "{key:?}");
        let shown = if labels[1] == "source=reports" { &labels[2..] } else { &labels[1..] };
        let name = format!("{}{{{}}}", key.name(), shown.join(","));
        Arc::new(Cell { name, values: self.values.clone() })
    }
}

/// One metric with its labels.
struct Cell {
    name: String,
    values: Arc<Mutex<BTreeMap<String, f64>>>,
}

impl Cell {
    fn change(&self, change: impl FnOnce(f64) -> f64) {
        let mut values = self.values.lock().unwrap();
        let value = values.entry(self.name.clone()).or_default();
        *value = change(*value);
    }
}

impl CounterFn for Cell {
    fn increment(&self, by: u64) {
        self.change(|value| value + by as f64);
    }

    fn absolute(&self, new: u64) {
        self.change(|_| new as f64);
    }
}

impl GaugeFn for Cell {
    fn increment(&self, by: f64) {
        self.change(|value| value + by);
    }

    fn decrement(&self, by: f64) {
        self.change(|value| value - by);
    }

    fn set(&self, new: f64) {
        self.change(|_| new);
    }
}

impl HistogramFn for Cell {
    fn record(&self, value: f64) {
        assert!((0.0..60.0).contains(&value), "{}: {value} s", self.name);
        self.change(|count| count + 1.0);
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, "counter", unit, &text);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, "gauge", unit, &text);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, text: SharedString) {
        self.describe(&key, "histogram", unit, &text);
    }

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
