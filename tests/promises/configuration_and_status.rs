//! What is read from configuration files, and what is written for those who operate a service.

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
    let status = world.source.status();
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(json["state"], "fresh");
    assert_eq!(json["generation"], status.generation.unwrap().number());
    assert_eq!(json["expires_in"], status.expires_in.unwrap().as_secs_f64());
    assert_eq!(json["next_attempt_in"], status.next_attempt_in.unwrap().as_secs_f64());
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
async fn a_service_gives_its_source() {
    let world = world();
    let service = world.layer.layer(world.api.clone());
    let source = service.source();
    service.oneshot(get("/")).await.unwrap();
    let token = source.token().await.unwrap();
    assert_eq!(world.api.tokens(), [token.expose()]);
    assert_eq!(world.exchange.exchanges(), 1);
}
