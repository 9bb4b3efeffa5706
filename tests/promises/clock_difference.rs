//! A refused request says how far our clock and the API's differ: a wrong clock is a usual cause of refusals.

use std::time::{Duration, UNIX_EPOCH};

use http::{Response, StatusCode};
use http_body_util::Full;
use tower::{Layer, service_fn};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, ClockDifference, Origin, Recovery, TokenSource};

use crate::log::log_in_paused_time;
use crate::support::*;

/// What the clock of the API shows, since the epoch.
const THEIRS: u64 = 1_767_225_600;

/// An API that always answers so, and a source of which each exchange brings another token. Our clock is `ours` seconds ahead.
struct Case {
    status: u16,
    headers: Vec<(&'static str, String)>,
    ours: i64,
}

impl Case {
    fn new(status: u16, ours: i64) -> Case {
        let date = httpdate::fmt_http_date(UNIX_EPOCH + secs(THEIRS));
        Case { status, headers: vec![("date", date)], ours }
    }

    fn source(&self, exchange: &ScriptedExchange) -> TokenSource<HeaderScheme> {
        let clock = ManualClock::new();
        clock.set_wall(UNIX_EPOCH + Duration::from_secs(THEIRS.saturating_add_signed(self.ours)));
        TokenSource::builder(HeaderScheme::bearer(), exchange.clone()).clock(clock).build()
    }

    async fn response(&self, source: &TokenSource<HeaderScheme>) -> Response<Body> {
        let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        let (head, ()) = response.body(()).unwrap().into_parts();
        let api = service_fn(move |_| {
            let response = Response::from_parts(head.clone(), Full::default());
            async { Ok::<_, std::convert::Infallible>(response) }
        });
        send(&layer.layer(api), get("/")).await.unwrap()
    }

    /// The difference, in the response and in the status of the source.
    async fn seconds(&self) -> Option<i64> {
        let source = self.source(&ScriptedExchange::new());
        let response = self.response(&source).await;
        let found = response.extensions().get::<ClockDifference>().copied();
        assert_eq!(source.status().clock_difference, found);
        found.map(ClockDifference::seconds)
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_the_caller_gets_says_how_far_the_clocks_differ() {
    let case = Case::new(401, 93);
    let source = case.source(&ScriptedExchange::new());
    let response = case.response(&source).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
    let difference = response.extensions().get::<ClockDifference>().unwrap();
    assert_eq!(difference.to_string(), "our clock is 93 s ahead of the server's");
    let json = serde_json::to_value(source.status()).unwrap();
    assert_eq!(json["clock_difference"], 93);
    let behind = Case::new(401, -3_600).seconds().await;
    assert_eq!(behind, Some(-3_600));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_a_failed_renewal_says_it_too() {
    let (case, exchange) = (Case::new(401, 93), ScriptedExchange::new());
    let source = case.source(&exchange);
    source.token().await.unwrap();
    exchange.fail_next(1, unavailable());
    let response = case.response(&source).await;
    assert_eq!(response.extensions().get(), Some(&Recovery::RenewalFailed));
    assert_eq!(response.extensions().get().copied().map(ClockDifference::seconds), Some(93));
}

#[tokio::test(start_paused = true)]
async fn clocks_that_agree_within_ten_seconds_are_not_mentioned() {
    for ours in [-10, -1, 0, 10] {
        assert_eq!(Case::new(401, ours).seconds().await, None, "{ours}");
    }
    assert_eq!(Case::new(401, -11).seconds().await, Some(-11));
    assert_eq!(Case::new(401, 11).seconds().await, Some(11));
}

#[tokio::test(start_paused = true)]
async fn a_response_without_a_usable_date_says_nothing() {
    for date in ["", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT"] {
        let headers = vec![("date", date.to_owned())];
        assert_eq!(Case { headers, ..Case::new(401, 93) }.seconds().await, None, "{date}");
    }
    assert_eq!(Case { headers: Vec::new(), ..Case::new(401, 93) }.seconds().await, None);
    let mut cached = Case::new(401, 93);
    cached.headers.push(("age", "90".to_owned()));
    assert_eq!(cached.seconds().await, None, "the answer is 90 s old");
}

#[tokio::test(start_paused = true)]
async fn a_response_that_refuses_nothing_says_nothing() {
    for status in [200, 403, 404, 500] {
        assert_eq!(Case::new(status, 93).seconds().await, None, "{status}");
    }
}

#[test]
fn one_event_per_source_tells_the_difference() {
    let logs = log_in_paused_time(async {
        let case = Case::new(401, 93);
        let source = case.source(&ScriptedExchange::new());
        for _ in 0..3 {
            case.response(&source).await;
        }
    });
    let said = "the API refuses the token, and our clock is 93 s ahead of the server's";
    assert_eq!(logs.matches(said).count(), 1, "{logs}");
}
