//! Promise 11: a token is over when either clock says so; its life counts from the sending.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http::{Request, Response};
use tower::service_fn;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::exchange::{self, ExchangeErrorKind, Issued};
use tower_outbound_auth::system::{Atlas, HeaderScheme};
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange, TokioClock};

use crate::support::*;

#[tokio::test]
async fn a_token_that_ended_during_a_suspend_is_not_sent() {
    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new();
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange).clock(clock.clone()).build();
    assert_eq!(source.token().await.unwrap().expose(), "token-1");
    clock.suspend(HOUR);
    assert_eq!(source.token().await.unwrap().expose(), "token-2");
}

#[tokio::test]
async fn a_wall_clock_that_is_set_back_does_not_prolong_a_token() {
    let clock = ManualClock::new();
    let exchange = ScriptedExchange::new();
    let source =
        TokenSource::builder(HeaderScheme::bearer(), exchange).clock(clock.clone()).build();
    source.token().await.unwrap();
    clock.set_wall(UNIX_EPOCH);
    clock.advance(HOUR);
    assert_eq!(source.token().await.unwrap().expose(), "token-2");
}

#[tokio::test(start_paused = true)]
async fn the_life_counts_from_the_sending_and_not_from_the_answer() {
    let world = world_with_delay(secs(5));
    world.exchange.set_lifetime(Some(secs(60)));
    world.source.token().await.unwrap();
    tokio::time::sleep(secs(54)).await;
    assert!(world.source.status().expires_in.unwrap() <= secs(1));
    tokio::time::sleep(secs(1)).await;
    assert_eq!(world.source.status().expires_in, Some(Duration::ZERO), "60 s after the sending");
}

#[tokio::test(start_paused = true)]
async fn without_mark_sent_the_life_counts_from_the_start_of_the_exchange() {
    let slow = exchange::from_fn(|| async {
        tokio::time::sleep(secs(5)).await;
        Ok(Issued::new("slow").with_expires_in(secs(60)))
    });
    let source =
        TokenSource::builder(HeaderScheme::bearer(), slow).clock(TokioClock::new()).build();
    source.token().await.unwrap();
    assert_eq!(source.status().expires_in, Some(secs(55)));
}

#[tokio::test(start_paused = true)]
async fn a_jwt_lives_for_the_shorter_of_expires_in_and_its_claims() {
    use base64::Engine;
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let jwt =
        |claims: &str| format!("{}.{}.{}", part(r#"{"alg":"HS256"}"#), part(claims), part("s"));
    let now = TokioClock::new().now().since_epoch().as_secs();
    for (stated, claims, life) in [
        // The server's clock is a year behind ours, or ahead: a life is a life.
        (
            Some(3_600),
            format!(r#"{{"iat":{},"exp":{}}}"#, now - 31_536_000, now - 31_532_400),
            3_600,
        ),
        (Some(3_600), format!(r#"{{"iat":{},"exp":{}}}"#, now + 31_536_000, now + 31_536_060), 60),
        (None, format!(r#"{{"iat":{now},"exp":{}}}"#, now + 90), 90),
        (None, format!(r#"{{"exp":{}}}"#, now + 70), 70),
    ] {
        let stated = stated.map_or(String::new(), |secs: u64| format!(r#","expires_in":{secs}"#));
        let source = atlas(format!(r#"{{"access_token":"{}"{stated}}}"#, jwt(&claims)));
        source.token().await.unwrap();
        assert_eq!(source.status().expires_in, Some(secs(life)), "{claims}");
    }
}

/// An Atlas source over an endpoint that gives this answer.
fn atlas(body: String) -> TokenSource<Atlas> {
    let client = service_fn(move |_: Request<Body>| {
        let body = Body::new(Bytes::from(body.clone()));
        async move { Ok::<_, std::io::Error>(Response::new(body)) }
    });
    let scheme = Atlas::new("https://atlas.example/authtoken", "id", "secret").unwrap();
    TokenSource::builder_over_http(scheme, client).clock(TokioClock::new()).build()
}

#[tokio::test(start_paused = true)]
async fn each_form_of_expires_in_gives_its_documented_life() {
    let default = Some(secs(300));
    let hundred_years = Some(Duration::from_secs(3_155_760_000));
    for (expires_in, life) in [
        ("3600", Some(HOUR)),
        ("\"3600\"", Some(HOUR)),
        ("3600.0", Some(HOUR)),
        ("1.5", Some(millis(1_500))),
        ("1e400", default), // no number of JSON's
        ("null", default),
        ("true", default),
        ("{}", default),
        ("\"soon\"", default),
        ("1e308", hundred_years),
        ("18446744073709551615", hundred_years),
        ("18446744073709551616", hundred_years),
        ("0", default),
        ("-1", default),
        ("-1e308", default),
        ("\"-5\"", default),
        ("0.5", None),
    ] {
        let source = atlas(format!(r#"{{"access_token":"t","expires_in":{expires_in}}}"#));
        let token = source.token().await;
        match life {
            Some(life) => {
                assert_eq!(token.unwrap().expose(), "t", "{expires_in}");
                assert_eq!(source.status().expires_in, Some(life), "{expires_in}");
            }
            None => {
                let error = token.unwrap_err();
                assert_eq!(
                    error.exchange().unwrap().kind(),
                    ExchangeErrorKind::Expired,
                    "{expires_in}"
                );
            }
        }
        assert_eq!(source.status().counters.exchanges(), 1, "{expires_in}");
    }
    let absent = atlas(r#"{"access_token":"t"}"#.to_owned());
    absent.token().await.unwrap();
    assert_eq!(absent.status().expires_in, default);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_dead_on_arrival_is_a_failed_exchange_and_no_storm() {
    let world = world();
    world.exchange.set_lifetime(Some(Duration::ZERO));
    for _ in 0..100 {
        let error = world.source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Expired);
    }
    assert_eq!(world.exchange.exchanges(), 1);

    let slow = world_with_delay(secs(5));
    slow.exchange.set_lifetime(Some(secs(5)));
    let error = slow.source.token().await.unwrap_err();
    assert_eq!(exchange_kind(&error), ExchangeErrorKind::Expired, "it ended on its way");
}

#[tokio::test]
async fn a_wall_clock_before_1970_or_far_ahead_costs_no_further_exchange() {
    let clock = ManualClock::new();
    for wall in [UNIX_EPOCH - HOUR, UNIX_EPOCH + Duration::from_secs(1 << 50)] {
        clock.set_wall(wall);
        let exchange = ScriptedExchange::new();
        let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone())
            .clock(clock.clone())
            .build();
        for _ in 0..100 {
            source.token().await.unwrap();
            clock.advance(secs(1));
        }
        assert_eq!(exchange.exchanges(), 1, "{wall:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_ended_during_a_suspend_delays_no_attempt() {
    let world = world();
    let service = tower::Layer::layer(&world.layer, world.api.clone());
    send(&service, get("/")).await.unwrap();
    tokio::time::sleep(secs(3_300)).await; // a successor is due
    world.exchange.fail_next(1, unavailable().with_retry_after(secs(120)));
    send(&service, get("/")).await.unwrap();
    world.source.settled().await;
    world.clock.suspend(secs(120));
    send(&service, get("/")).await.unwrap();
    world.source.settled().await;
    assert_eq!(world.source.token().await.unwrap().expose(), "token-3");
}
