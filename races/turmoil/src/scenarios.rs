//! The faults of the network. Each scenario chooses its times from its seed.

use std::time::Duration;

use fastrand::Rng;
use http::StatusCode;
use tokio::time::sleep;

use crate::client::{Client, Outcome};
use crate::servers::LIFE;
use crate::simulation::{Fault, Link, for_all_seeds, simulate};
use crate::{millis, now, secs};

/// A random time: between a moment and more than the longest wait.
fn a_while(rng: &mut Rng) -> Duration {
    millis(rng.u64(50..12_000))
}

/// At any time in a token's life, and shortly after it.
async fn some_time(rng: &mut Rng) {
    sleep(millis(rng.u64(0..22_000))).await;
}

async fn a_start_without_a_token_endpoint(client: Client, mut rng: Rng) {
    client.network.strike(Link::TokenEndpoint, Fault::Partition(a_while(&mut rng)));
    sleep(millis(20)).await;
    client.callers_begin();
    client.recovers().await;
    client.require(client.servers.exchanges() == 1, "one exchange got through");
    client.ends().await;
}

async fn the_token_endpoint_is_cut_off(client: Client, mut rng: Rng) {
    client.callers_begin();
    some_time(&mut rng).await;
    let lasts = millis(rng.u64(50..40_000));
    client.network.strike(Link::TokenEndpoint, Fault::Partition(lasts));
    sleep(millis(20)).await;
    client.recovers().await;
    client.ends().await;
}

async fn the_api_is_cut_off(client: Client, mut rng: Rng) {
    client.callers_begin();
    some_time(&mut rng).await;
    client.network.strike(Link::Api, Fault::Partition(a_while(&mut rng)));
    sleep(millis(20)).await;
    client.recovers().await;
    // The token endpoint is not affected: one renewal for each life, and nothing else.
    let renewals = now().as_secs_f64() / (0.8 * LIFE.as_secs_f64());
    client.require(client.servers.exchanges() <= 1 + renewals as usize, "an exchange too many");
    client.require(client.count(Outcome::NoToken) == 0, "a token was lost with a request");
    client.ends().await;
}

async fn the_answer_to_an_exchange_is_lost(client: Client, mut rng: Rng) {
    client.servers.at_next_exchange(Fault::LoseAnswers(a_while(&mut rng)));
    client.callers_begin();
    sleep(millis(500)).await;
    client.recovers().await;
    client.require(client.servers.exchanges() >= 2, "the first one was lost");
    client.require(client.servers.refreshes() == 0, "no client had a refresh token");
    client.ends().await;
}

/// The server has used up the refresh token, and its answer is lost. So the credentials are
/// used again.
async fn the_answer_with_the_next_refresh_token_is_lost(client: Client, mut rng: Rng) {
    client.callers_begin();
    sleep(secs(1)).await;
    client.servers.at_next_exchange(Fault::LoseAnswers(a_while(&mut rng)));
    sleep(LIFE).await;
    client.recovers().await;
    let refreshes = client.servers.refreshes();
    client.require(refreshes >= 1, "a refresh token was used");
    sleep(LIFE + LIFE).await;
    client.require(client.servers.refreshes() > refreshes, "and the next family's are");
    client.ends().await;
}

/// The answer is late, before or after the deadline. The token of an exchange that was given up is not
/// used.
async fn the_answer_to_an_exchange_is_late(client: Client, mut rng: Rng) {
    if rng.bool() {
        client.servers.at_next_exchange(Fault::Hold(millis(rng.u64(50..6_000))));
    }
    client.callers_begin();
    sleep(secs(7)).await;
    client.servers.at_next_exchange(Fault::Hold(millis(rng.u64(50..6_000))));
    sleep(LIFE).await;
    client.recovers().await;
    client.ends().await;
}

async fn a_refusal_is_lost(client: Client, mut rng: Rng) {
    client.callers_begin();
    sleep(millis(rng.u64(1_000..15_000))).await;
    let before = client.servers.exchanges();
    client.servers.at_next_answer(StatusCode::UNAUTHORIZED, Fault::LoseAnswers(a_while(&mut rng)));
    client.servers.revoke_tokens();
    sleep(millis(500)).await;
    client.recovers().await;
    client.require(client.servers.exchanges() > before, "the next refusal was heard");
    client.require(client.count(Outcome::NoToken) == 0, "there was always a token");
    client.ends().await;
}

async fn an_answer_of_the_api_is_late(client: Client, mut rng: Rng) {
    client.callers_begin();
    sleep(millis(rng.u64(1_000..15_000))).await;
    let status = if rng.bool() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    client.servers.at_next_answer(status, Fault::Hold(millis(rng.u64(50..4_000))));
    if status != StatusCode::OK || rng.bool() {
        client.servers.revoke_tokens();
    }
    sleep(millis(500)).await;
    client.recovers().await;
    client.require(client.count(Outcome::NoToken) == 0, "there was always a token");
    client.ends().await;
}

async fn everything_goes_wrong_for_a_minute(client: Client, mut rng: Rng) {
    client.callers_begin();
    let over = now() + secs(60);
    while now() < over {
        sleep(millis(rng.u64(100..5_000))).await;
        let link = if rng.bool() { Link::TokenEndpoint } else { Link::Api };
        let lasts = a_while(&mut rng);
        let fault = match rng.u8(..4) {
            0 => Fault::Partition(lasts),
            1 => Fault::LoseAnswers(lasts),
            2 => Fault::Hold(lasts),
            _ => Fault::Crash(lasts),
        };
        match rng.u8(..6) {
            0 => client.servers.revoke_tokens(),
            1 => client.servers.at_next_exchange(fault),
            2 => client.servers.at_next_answer(StatusCode::OK, fault),
            3 => client.servers.at_next_answer(StatusCode::UNAUTHORIZED, fault),
            _ => client.network.strike(link, fault),
        }
    }
    client.servers.no_more_faults();
    sleep(millis(20)).await;
    client.recovers().await;
    client.ends().await;
}

/// A test for each scenario. For all of them, the same seed gives the same history.
macro_rules! scenarios {
    ($($test:ident: $scenario:ident,)*) => {
        $(#[test]
        fn $test() {
            for_all_seeds($scenario);
        })*

        #[test]
        fn the_same_seed_gives_the_same_history() {
            $(for seed in 0..3 {
                let (first, second) = (simulate(seed, $scenario), simulate(seed, $scenario));
                let differ = first.iter().zip(&second).find(|(first, second)| first != second);
                assert_eq!(differ, None, "{} {seed}", stringify!($scenario));
                assert_eq!(first.len(), second.len());
                assert_ne!(first, simulate(seed + 3, $scenario), "chance has no say");
            })*
        }
    };
}

scenarios! {
    a_service_that_starts_before_its_token_endpoint_gets_well_with_it: a_start_without_a_token_endpoint,
    a_token_endpoint_that_is_cut_off_costs_no_usable_token: the_token_endpoint_is_cut_off,
    an_api_that_is_cut_off_costs_no_exchange: the_api_is_cut_off,
    an_exchange_whose_answer_is_lost_is_made_again: the_answer_to_an_exchange_is_lost,
    a_refresh_token_whose_successor_is_lost_is_not_spent_again: the_answer_with_the_next_refresh_token_is_lost,
    an_answer_that_is_late_brings_no_older_token_back: the_answer_to_an_exchange_is_late,
    a_refusal_that_is_lost_is_heard_the_next_time: a_refusal_is_lost,
    an_answer_of_the_api_that_is_late_renews_once: an_answer_of_the_api_is_late,
    after_a_minute_of_everything_all_is_well: everything_goes_wrong_for_a_minute,
}
