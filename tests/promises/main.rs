//! One module per promise; its number stands in its name and in its documentation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/log.rs"]
mod log;
mod source_options;
mod support;

mod behind_pointers;
mod configuration_and_status;
mod deadlines;
mod grpc;
mod http_exchange;
mod interface;
mod p01_one_refresh;
mod p02_a_refresh_belongs_to_nobody;
mod p02_runtimes;
mod p02_schemes_that_panic;
mod p03_outcomes_fan_out;
mod p04_a_usable_token_stays;
mod p05_nobody_waits_while_a_token_is_usable;
mod p06_idle_means_silent;
mod p07_judged_by_generation;
mod p08_at_most_one_replay;
mod p08_second_sendings;
mod p08_streams;
mod p09_doubts;
mod p09_thrash_guard;
mod p10_backoff;
mod p10_credentials;
mod p10_exchanges;
mod p10_files;
mod p10_minted;
mod p10_providers;
mod p10_shared_providers;
mod p11_two_clocks;
mod p12_windows_fit_the_lifetime;
mod p13_bound_to_origins;
mod p14_never_without;
mod p15_no_permit_held;
mod p17_newest_wins;
mod p18_secrets_stay_secret;
mod p19_bounded_memory;
mod p20_one_refresh_token_is_spent_once;
mod probe;
mod proofs;
mod sweep;
