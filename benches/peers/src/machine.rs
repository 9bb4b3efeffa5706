//! Where and when a run was made, and the versions of the crates.

use std::fs;
use std::process::Command;
use std::thread::available_parallelism;
use std::time::SystemTime;

/// The crates whose versions are shown.
const MEASURED: [&str; 7] = [
    "tower",
    "tower-http",
    "google-cloud-auth",
    "azure_core",
    "aws-smithy-runtime",
    "kube-client",
    "cf-gears-toolkit-auth",
];

/// The machine, and how busy it was before the run.
pub(crate) fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model);
    let cores = available_parallelism().map_or(0, usize::from);
    format!("{model}, {cores} cores{}", load())
}

/// The machine's load, and its effect on the figures.
fn load() -> String {
    let loads = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let Some(load) = loads.split(' ').next().and_then(|load| load.parse::<f64>().ok()) else {
        return String::new();
    };
    let meaning = if load > 0.5 { ": shared with other work" } else { "" };
    format!(", load {load} when the run began{meaning}")
}

/// The compiler, and the day.
pub(crate) fn compiler_and_day() -> String {
    let rustc = Command::new("rustc").arg("-V").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let now = httpdate::fmt_http_date(SystemTime::now());
    format!("{}, {}", rustc.unwrap_or_else(|_| "rustc".to_owned()), &now[5..16])
}

/// From the lock file of this program.
pub(crate) fn versions() -> String {
    let lock = include_str!("../Cargo.lock");
    let version = |name: &str| {
        // There are two versions of tower-http. Ours is the later one.
        let (_, rest) = lock.rsplit_once(&format!("name = \"{name}\"\nversion = \""))?;
        rest.split('"').next()
    };
    MEASURED.map(|name| format!("{name} {}", version(name).unwrap_or("?"))).join(", ")
}
