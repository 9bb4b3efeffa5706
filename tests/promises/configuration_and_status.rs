//! What is read from configuration files, and what is written for those who operate a service.

use std::time::Duration;

use serde::Deserialize;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::endpoint::TokenEndpoint;
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};
use tower_outbound_auth::{Credential, Origin};

use crate::support::*;

#[derive(Debug, Deserialize)]
struct Config {
    origin: Origin,
    endpoint: TokenEndpoint,
    secret: Credential,
}

const GOOD: &str = r#"{"origin": "https://api.example", "endpoint": "https://id.example/token?key=hunter2",
    "secret": "env:SECRET"}"#;

#[test]
fn a_configuration_file_names_the_origin_the_endpoint_and_where_the_secret_is() {
    let config: Config = serde_json::from_str(GOOD).unwrap();
    assert_eq!(config.origin, Origin::parse("https://api.example").unwrap());
    assert_eq!(config.endpoint, "https://id.example/token?key=hunter2".parse().unwrap());
    assert_eq!(config.secret.to_string(), "environment variable SECRET");
}

#[test]
fn a_configuration_file_is_held_to_the_same_rules_as_a_call() {
    for (good, bad, says) in [
        ("https://api.example", "http://api.example", "plain http"),
        ("https://api.example", "api.example", "https://"),
        ("https://id.example", "http://id.example", "plain http"),
        ("https://id.example", "https://u:hunter2@id.example", "user information"),
        ("env:SECRET", "hunter2", "env:NAME"),
    ] {
        let error = serde_json::from_str::<Config>(&GOOD.replace(good, bad)).unwrap_err();
        let error = error.to_string();
        assert!(error.contains(says), "{bad}: {error}");
        assert!(!error.contains("hunter2"), "{bad}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_as_json_says_what_the_status_says() {
    let world = self::world();
    let json = serde_json::to_value(world.source.status()).unwrap();
    assert_eq!((&json["state"], &json["generation"]), (&"empty".into(), &().into()));

    world.source.token().await.unwrap();
    tokio::time::advance(Duration::from_nanos(4_000_039)).await;
    let status = world.source.status();
    let json = serde_json::to_value(&status).unwrap();
    let millis = |time: Option<Duration>| (time.unwrap().as_secs_f64() * 1e3).round() / 1e3;
    assert_eq!(json["state"], "fresh");
    assert_eq!(json["generation"], status.generation.unwrap().number());
    assert_eq!(json["expires_in"], millis(status.expires_in));
    assert_eq!(json["next_attempt_in"], millis(status.next_attempt_in));
    assert_eq!(json["renewal_budget"], status.renewal_budget);
    assert_eq!(json["counters"]["exchanges_by_reason"]["first"], 1);
    assert_eq!((&json["last_error"], &json["failing_for"]), (&().into(), &().into()));

    let world = self::world();
    world.exchange.fail_next(1, ExchangeError::new(ExchangeErrorKind::Unavailable, "an outage"));
    world.source.token().await.unwrap_err();
    let json = serde_json::to_value(world.source.status()).unwrap();
    assert_eq!((&json["state"], &json["consecutive_failures"]), (&"failing".into(), &1.into()));
    assert_eq!(json["last_error"], world.source.status().last_error.unwrap().to_string());
}

#[tokio::test(start_paused = true)]
async fn the_status_in_one_line_says_what_an_operator_asks() {
    let world = self::world();
    let line = || world.source.status().to_string();
    let unasked = "there was no token yet, and no caller has asked for one";
    assert_eq!(line(), format!("{unasked}; the next request causes an exchange"));
    world.source.token().await.unwrap();
    let fresh = line();
    assert!(fresh.starts_with("the token is fresh and expires in "), "{fresh}");
    assert!(fresh.contains("; the next exchange is due in ") && fresh.ends_with(" s"), "{fresh}");

    let world = self::world();
    world.exchange.fail_next(1, ExchangeError::new(ExchangeErrorKind::Unavailable, "an outage"));
    world.source.token().await.unwrap_err();
    let failing = world.source.status().to_string();
    assert!(
        failing.starts_with("there is no usable token, and callers get an error; "),
        "{failing}"
    );
    let end =
        "failed exchanges in a row: 1, the first 0 s ago; the last error: scripted: an outage";
    assert!(
        failing.ends_with(end) || failing.ends_with("; the last error: an outage"),
        "{failing}"
    );
    assert!(!failing.contains('\n'), "{failing}");
}

#[tokio::test(start_paused = true)]
async fn a_source_is_ready_from_its_first_token_on_until_a_caller_gets_none() {
    let world = self::world();
    let is_ready = || world.source.status().is_ready();
    assert!(!is_ready(), "there was no token yet");
    world.source.token().await.unwrap();
    assert!(is_ready());
    let life = world.source.status().expires_in.unwrap();
    tokio::time::advance(life.mul_f64(0.95)).await;
    world.exchange.fail_next(9, ExchangeError::new(ExchangeErrorKind::Unavailable, "an outage"));
    world.source.token().await.unwrap();
    world.source.settled().await;
    assert_eq!(world.source.status().consecutive_failures, 1);
    assert!(is_ready(), "a renewal has failed, and the token is usable");
    tokio::time::advance(life).await;
    assert!(world.source.token().await.is_err());
    assert!(!is_ready(), "the token has ended, and callers get an error");

    let world = self::world();
    world.source.token().await.unwrap();
    tokio::time::advance(life).await;
    assert!(world.source.status().is_ready(), "the token has ended, and nobody has asked since");
}

#[tokio::test(start_paused = true)]
async fn a_service_gives_its_source() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    let source = service.source();
    service.oneshot(get("/")).await.unwrap();
    let token = source.token().await.unwrap();
    assert_eq!(world.api.tokens(), [token.expose()]);
    assert_eq!(world.exchange.exchanges(), 1);
}
