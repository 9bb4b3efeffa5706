//! The fuzz targets without the fuzzer: one module for each target. Its `run` takes the input, and panics
//! if a promise is broken. Each uses the public API, as a server's bytes would.
//!
//! They are plain functions, so `cargo test` runs the seeds through them without a fuzzer.

pub mod jwt_claims;
pub mod origins;
pub mod replay_body;
pub mod retry_after;
pub mod rotation;
pub mod token_response;
pub mod www_authenticate;

use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

/// Runs a future to its end on a runtime without a timer, because all clocks here are moved by
/// hand.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Everything that an operator may see of an error.
fn shown(error: &(dyn Error + 'static)) -> String {
    let mut text = format!("{error:?}");
    let mut next = Some(error);
    while let Some(error) = next {
        let _ = write!(text, "\n{error}");
        next = error.source();
    }
    text
}

/// Seconds in a JSON member, by the documented rules: a number, or a text with a number.
fn lenient(value: Option<&Value>) -> Option<f64> {
    let number = match value? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| !number.is_nan())
}

/// Between zero and a hundred years.
fn duration(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.max(0.0).min(100.0 * 365.25 * 86_400.0))
}

/// A time since the epoch: in seconds, or in the largest smaller unit that makes it a time before the year 10000.
/// Cut to whole seconds.
fn epoch(number: f64) -> Duration {
    const YEAR_9999: f64 = 253_402_300_799.0;
    let mut seconds = number;
    for _ in 0..3 {
        if seconds > YEAR_9999 {
            seconds /= 1e3;
        }
    }
    Duration::from_secs_f64(seconds.max(0.0).min(YEAR_9999).floor())
}

/// When a token was issued and when it expires, if that is possible: the expiry is after the issue, and both are of
/// this century, or neither is.
fn times(iat: Option<f64>, exp: Option<f64>) -> (Option<Duration>, Option<Duration>) {
    const YEAR_2000: Duration = Duration::from_secs(946_684_800);
    match (iat.map(epoch), exp.map(epoch)) {
        (Some(iat), Some(exp)) if exp <= iat => (Some(iat), None),
        (Some(iat), Some(exp)) if iat < YEAR_2000 && exp >= YEAR_2000 => (None, Some(exp)),
        (None, Some(exp)) if exp < YEAR_2000 => (None, None),
        times => times,
    }
}

/// Whether a JSON text has a member at most once, as far as this is known without a parser.
fn once(json: &str, member: &str) -> bool {
    !json.contains('\\') && json.matches(&format!("\"{member}\"")).count() <= 1
}

#[cfg(test)]
mod tests {
    use std::fs;

    /// The seeds are read from the disk, so that a new one needs no line here.
    #[test]
    fn every_seed_keeps_the_promises() {
        let targets: [(&str, fn(&[u8])); 7] = [
            ("jwt_claims", super::jwt_claims::run),
            ("origins", super::origins::run),
            ("replay_body", super::replay_body::run),
            ("retry_after", super::retry_after::run),
            ("rotation", super::rotation::run),
            ("token_response", super::token_response::run),
            ("www_authenticate", super::www_authenticate::run),
        ];
        for (name, run) in targets {
            let seeds = format!("{}/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
            let seeds: Vec<_> =
                fs::read_dir(seeds).unwrap().map(|seed| seed.unwrap().path()).collect();
            assert!(!seeds.is_empty(), "{name} has no seeds");
            for seed in seeds {
                println!("{}", seed.display()); // printed if the test fails
                run(&fs::read(seed).unwrap());
            }
        }
    }
}
