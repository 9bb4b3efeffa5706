//! The promises, by number: each has one module. The names of its tests, read from top to bottom and in the order of its
//! submodules, say what the promise means: first the rule, then its exceptions and edges.
//!
//! | | |
//! |---|---|
//! | `behind_pointers`, `configuration_and_status`, `interface` | what the public types promise |
//! | `deadlines`, `grpc`, `http_exchange`, `proofs` | what holds for these parts, across the promises |
//! | `clock_difference` | a refusal, where our clock or the API's is wrong |
//! | `settling_time` | a provider that accepts a new token only some seconds later |
//! | `sweep` | callers that give up at every point of a renewal |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/log.rs"]
mod log;
mod support;

mod p01_one_refresh;
mod p02_a_refresh_belongs_to_nobody;
mod p03_outcomes_fan_out;
mod p04_a_usable_token_stays;
mod p05_nobody_waits_while_a_token_is_usable;
mod p06_idle_means_silent;
mod p07_judged_by_generation;
mod p08_at_most_one_replay;
mod p09_thrash_guard;
mod p10_backoff;
mod p11_two_clocks;
mod p12_windows_fit_the_lifetime;
mod p13_bound_to_origins;
mod p14_never_without;
mod p15_no_permit_held;
mod p16_hot_path;
mod p17_newest_wins;
mod p18_secrets_stay_secret;
mod p19_bounded_memory;
mod p20_one_refresh_token_is_spent_once;

mod behind_pointers;
mod clock_difference;
mod configuration_and_status;
mod deadlines;
mod grpc;
mod http_exchange;
mod insufficient;
mod interface;
mod probe;
mod proofs;
mod settling_time;
mod source_options;
mod sweep;
