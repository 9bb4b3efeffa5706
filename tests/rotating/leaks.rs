//! No log of this crate or of its dependencies shows a secret, not even at level TRACE. No printed value
//! does either.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::testkit::MalformedAnswer;

use super::log::log_of;
use super::{Setup, all_texts, http, secs, token_of, unsigned};

/// A part of a token must not appear either, such as its signature.
fn assert_nothing_of(secrets: &[String], text: &str) {
    for secret in secrets {
        for part in secret.split('.').filter(|part| part.len() >= 12) {
            assert!(!text.contains(part), "{part} is shown");
        }
    }
}

/// The credentials, and all tokens that were sent.
fn secrets(setup: &Setup) -> Vec<String> {
    let (key, secret) = (setup.server.client_id(), setup.server.client_secret());
    let mut secrets = vec![key.to_owned(), secret.to_owned(), MalformedAnswer::CANARY.to_owned()];
    secrets.extend(setup.server.requests().iter().map(|request| token_of(request).to_owned()));
    secrets
}

#[test]
fn no_crate_logs_the_credentials_or_a_token_at_any_level() {
    let story = Arc::new(Mutex::new(Vec::new()));
    let log = log_of({
        let story = story.clone();
        async move {
            let setup = Setup::new().await;
            // Rotations, revocations, an outage and an expiry.
            for turn in 0..4 {
                setup.good().await;
                setup.good().await;
                match turn {
                    0 => setup.server.revoke_tokens(),
                    1 => {
                        setup.server.begin_outage(None);
                        setup.server.revoke_tokens();
                        setup.get("/orders").await.unwrap();
                        setup.server.end_outage();
                        setup.clock.advance(secs(3_600));
                    }
                    _ => setup.clock.advance(secs(3_600)),
                }
            }
            // New tokens that are not adopted.
            let mut stranger = setup.claims();
            stranger["sub"] = MalformedAnswer::CANARY.into();
            let handed_out = [
                setup.sign(&stranger),
                unsigned(r#"{"alg":"HS256"}"#, &setup.claims()),
                MalformedAnswer::CANARY.to_owned(),
            ];
            for value in &handed_out {
                setup.server.hand_out(Some(vec![format!("Bearer {value}")]));
                setup.good().await;
            }
            // And every answer that can be misread.
            let opaque = MalformedAnswer::Custom(StatusCode::OK, MalformedAnswer::CANARY.into());
            for answer in MalformedAnswer::ALL.iter().chain([&opaque]) {
                setup.server.set_malformed(Some(answer.clone()));
                setup.clock.advance(secs(3_600));
                setup.get("/orders").await.unwrap_err();
            }
            let mut story = story.lock().unwrap();
            story.extend(secrets(&setup));
            story.extend(handed_out);
        }
    });
    let secrets = story.lock().unwrap().clone();
    assert!(secrets.len() > 12, "the story has secrets");
    assert_nothing_of(&secrets, &log);
    for text in ["adopted a rotated token", "did not adopt a rotated token", "hyper_util"] {
        assert!(log.contains(text), "{text} was listened to");
    }
}

#[tokio::test]
async fn debug_and_display_show_no_secret() {
    let setup = Setup::new().await;
    setup.good().await;
    setup.good().await;
    setup.server.refuse_credentials(true);
    setup.clock.advance(secs(3_600));
    let (error, exchange) = setup.no_token().await;
    let (api, source, scheme) = (&setup.api, &setup.source, setup.source.presentation());
    let status = setup.source.status();
    let shown = format!("{api:?} {source:#?} {scheme:?} {status:?} {exchange:?}");
    let secrets = secrets(&setup);
    assert_eq!(secrets.len(), 3 + 2, "the exchanged and the rotated token are among the secrets");
    assert_nothing_of(&secrets, &(shown + &all_texts(&error)));
}

#[tokio::test]
async fn the_header_of_every_request_is_marked_sensitive() {
    let setup = Setup::new().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (record, http) = (seen.clone(), http());
    let below = service_fn(move |request: Request<Full<Bytes>>| {
        record.lock().unwrap().push(request.headers()[AUTHORIZATION].is_sensitive());
        http.clone().oneshot(request)
    });
    let api = setup.layer().layer(below);
    for _ in 0..2 {
        let request = Request::get(setup.server.url("/orders")).body(Full::default()).unwrap();
        api.clone().oneshot(request).await.unwrap();
        setup.server.revoke_tokens();
    }
    assert_eq!(
        *seen.lock().unwrap(),
        [true; 3],
        "the tokens were exchanged, rotated, and exchanged after a refusal"
    );
}
