//! Google's metadata server keeps a token until it has a few minutes to live. What that means for the number of exchanges, and for
//! requests near the end of a token.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::system::GoogleMetadata;
use tower_outbound_auth::testkit::ManualClock;

use crate::Caller;
use crate::google::{FLAVOR, is_refused};
use crate::imitation::{Imitation, response};

const LIFE: u64 = 3_600;

/// The token that the server keeps.
struct Kept {
    number: u64,
    ends: u64,
}

/// A metadata server that has kept its first token for `age` seconds. A request when the token has less than `renewed` seconds to
/// live makes it fetch another one: before it answers, or, with `behind`, after it has answered with the old one, until `behind`
/// seconds are left. The API refuses a token that has ended.
async fn server(clock: &ManualClock, age: u64, renewed: u64, behind: Option<u64>) -> Imitation {
    let clock = clock.clone();
    let start = clock.now().since_epoch().as_secs();
    let kept = Arc::new(Mutex::new(Kept { number: 0, ends: start + LIFE - age }));
    Imitation::start(move |request| {
        let now = clock.now().since_epoch().as_secs();
        let mut kept = kept.lock().unwrap();
        if request.path() == "/documents" {
            let token = request.header("authorization").strip_prefix("Bearer token-ends-at-");
            let ends = token.and_then(|it| it.split('-').next()?.parse::<u64>().ok());
            return response(if ends > Some(now) { 200 } else { 401 }, &[], "{}");
        }
        if is_refused(request) {
            return response(403, &[FLAVOR], "");
        }
        let left = kept.ends.saturating_sub(now);
        let is_due = left < renewed;
        if is_due && behind.is_none_or(|behind| left < behind) {
            *kept = Kept { number: kept.number + 1, ends: now + LIFE };
        }
        let (number, ends) = (kept.number, kept.ends);
        if is_due && ends - now < renewed {
            *kept = Kept { number: number + 1, ends: now + LIFE };
        }
        let body = format!(
            r#"{{"access_token":"token-ends-at-{ends}-{number}","expires_in":{},"token_type":"Bearer"}}"#,
            ends - now
        );
        response(200, &[FLAVOR], &body)
    })
    .await
}

/// Sends a request every four seconds for three hours. Returns the number of exchanges. Every request succeeds at once.
async fn three_hours(age: u64, renewed: u64, behind: Option<u64>) -> u64 {
    let clock = ManualClock::new();
    let server = server(&clock, age, renewed, behind).await;
    let metadata = GoogleMetadata::new(&[]).unwrap().with_endpoint(&server.root).unwrap();
    let caller = Caller::new(metadata, &server, &clock);
    for second in (0..3 * LIFE).step_by(4) {
        assert_eq!(caller.status().await, 200, "after {second} s");
        clock.advance(Duration::from_secs(4));
    }
    let sent = server.to("/documents").len() as u64;
    assert_eq!(sent, 3 * LIFE / 4, "no request was refused and sent again");
    assert_eq!(caller.source.status().counters.exchanges_failed, 0);
    caller.source.status().counters.exchanges()
}

#[tokio::test]
async fn a_token_that_the_server_keeps_until_its_last_five_minutes_causes_two_exchanges_an_hour() {
    for age in [0, 1_800, 3_000, 3_290] {
        let exchanges = three_hours(age, 300, None).await;
        assert!((4..=9).contains(&exchanges), "{exchanges} exchanges, first token aged {age} s");
    }
}

#[tokio::test]
async fn a_server_that_renews_behind_its_answer_causes_three_exchanges_an_hour() {
    for age in [0, 3_299, 3_400, 3_530] {
        let exchanges = three_hours(age, 300, Some(60)).await;
        assert!((4..=13).contains(&exchanges), "{exchanges} exchanges, first token aged {age} s");
    }
}

#[tokio::test]
async fn a_server_that_keeps_a_token_until_its_end_causes_a_few_exchanges_an_hour_and_no_refused_request()
 {
    for left in [2, 10, 60] {
        // The server returns this token until its very end.
        let exchanges = three_hours(LIFE - left, 1, None).await;
        assert!((4..=20).contains(&exchanges), "{exchanges} exchanges");
    }
}
