//! The cost of a request while its token is usable, beside the floors, on one thread and on two.
//!
//! `cargo bench --features test-util --bench hot_path`. The times are those of one machine on one day. Use the
//! figures of `ratios` and `instructions` for claims: they are ratios to floors from the same run.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use divan::Bencher;
use http::Request;
use tower::{Layer, Service};
use tower_outbound_auth::replay::Off;

use common::{Api, Body, floor, once, ours, request};

fn main() {
    divan::main();
}

fn measure<S: Service<Request<Body>> + Clone + Sync>(bencher: Bencher<'_, '_>, service: &S) {
    bencher.with_inputs(|| (service.clone(), request())).bench_values(|(mut service, request)| {
        once(&mut service, request);
        service
    });
}

#[divan::bench(threads = [1, 2])]
fn bare(bencher: Bencher<'_, '_>) {
    measure(bencher, &Api);
}

#[divan::bench(threads = [1, 2])]
fn c1_fixed_token(bencher: Bencher<'_, '_>) {
    measure(bencher, &floor::c1(Api));
}

#[divan::bench(threads = [1, 2])]
fn c2_fixed_token_and_a_look(bencher: Bencher<'_, '_>) {
    measure(bencher, &floor::c2(Api));
}

#[divan::bench(threads = [1, 2])]
fn c3_retry(bencher: Bencher<'_, '_>) {
    measure(bencher, &floor::c3(Api));
}

#[divan::bench(threads = [1, 2])]
fn full(bencher: Bencher<'_, '_>) {
    measure(bencher, &ours::layer().with_replay(Off).layer(Api));
}

#[divan::bench(threads = [1, 2])]
fn full_custom_header(bencher: Bencher<'_, '_>) {
    measure(bencher, &ours::custom_header().with_replay(Off).layer(Api));
}

#[divan::bench(threads = [1, 2])]
fn replay_armed(bencher: Bencher<'_, '_>) {
    measure(bencher, &ours::layer().layer(Api));
}

#[divan::bench(threads = [1, 2])]
fn dpop(bencher: Bencher<'_, '_>) {
    measure(bencher, &ours::dpop().with_replay(Off).layer(Api));
}
