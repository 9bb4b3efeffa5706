//! JWTs that another program writes into a file: near their end, missing, and refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{JwtKey, OAuthBuilder, OAuthClient, OAuthGrant, TokenExchange};
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{Credential, Error, TokenSource};

use crate::assertions::P256;
use crate::keys::TOKEN;
use crate::{Endpoint, Folder, builder, source};

/// Where the clocks of the tests stand: a `TokioClock`, and the one of `source`.
const TOKIO: i64 = 1_735_689_600;
const MANUAL: i64 = 1_767_225_600;

/// A JWT with these times. `name` tells it from others.
fn jwt(name: &str, iat: i64, exp: i64) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let claims = json!({"sub": name, "iat": iat, "exp": exp}).to_string();
    format!("{}.{}.{}", part(r#"{"alg":"RS256"}"#), part(&claims), part("a signature"))
}

/// The three systems that show a JWT of a file, each with the name of the parameter.
fn systems(jwt: &Credential) -> [(&'static str, OAuthBuilder); 3] {
    let subject = TokenExchange::of(jwt.clone());
    [
        ("client_assertion", builder().client(OAuthClient::with_assertion("a", jwt.clone()))),
        ("assertion", builder().grant(OAuthGrant::JwtBearer(jwt.clone()))),
        ("subject_token", builder().grant(OAuthGrant::TokenExchange(subject))),
    ]
}

fn on_tokios_clock(system: OAuthBuilder, endpoint: &Endpoint) -> TokenSource {
    let source = TokenSource::builder_over_http(system.build().unwrap(), endpoint.clone());
    source.clock(TokioClock::new()).build().erased()
}

fn kind(error: &Error) -> ExchangeErrorKind {
    error.exchange().unwrap().kind()
}

#[tokio::test(start_paused = true)]
async fn a_jwt_within_5_s_of_its_end_is_read_once_more_after_1_s() {
    let folder = Arc::new(Folder::new());
    for (name, system) in systems(&folder.file("jwt")) {
        folder.write("jwt", &jwt("old", TOKIO - 295, TOKIO + 5));
        let new = jwt("new", TOKIO, TOKIO + 300);
        let endpoint = Endpoint::willing();
        let source = on_tokios_clock(system, &endpoint);
        let (folder, text) = (folder.clone(), new.clone());
        let writer = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(900)).await;
            folder.write("jwt", &text);
        });
        let clock = TokioClock::new();
        let began = clock.now();
        source.token().await.unwrap();
        assert!(clock.now().since(began) >= Duration::from_secs(1), "{name}");
        assert!(clock.now().since(began) < Duration::from_millis(1_500), "{name}");
        writer.await.unwrap();
        let sent = endpoint.sent();
        assert_eq!((sent.len(), sent[0].param(name)), (1, new));
    }
}

#[tokio::test]
async fn a_jwt_that_ends_later_is_sent_at_once() {
    let folder = Folder::new();
    folder.write("jwt", &jwt("old", MANUAL - 294, MANUAL + 6));
    for (name, system) in systems(&folder.file("jwt")) {
        let endpoint = Endpoint::willing();
        let (source, _) = source(system, &endpoint); // a clock that stands: a wait would not end
        source.token().await.unwrap();
        assert_eq!(endpoint.sent()[0].param(name), jwt("old", MANUAL - 294, MANUAL + 6));
    }
}

#[tokio::test(start_paused = true)]
async fn a_jwt_that_stays_at_its_end_is_an_error_of_the_set_up_and_nothing_is_sent() {
    let folder = Folder::new();
    let path = folder.path("jwt");
    for (exp, life) in
        [(TOKIO - 41, "is 643 s old, and ended 42 s ago"), (TOKIO + 4, "ends in 3 s")]
    {
        // The wait of 1 s is a part of the age.
        folder.write("jwt", &jwt("old", TOKIO - 642, exp));
        for (_, system) in systems(&folder.file("jwt")) {
            let endpoint = Endpoint::willing();
            let error = on_tokios_clock(system, &endpoint).token().await.unwrap_err();
            assert_eq!(kind(&error), ExchangeErrorKind::Configuration);
            let text = error.to_string();
            assert!(
                text.contains(&format!("the JWT in file {} is 643 s old", path.display())),
                "{text}"
            );
            assert!(text.contains(life), "{text}");
            assert!(text.contains("is the program that writes it running, and is the clock of this machine right? Nothing was sent"), "{text}");
            assert!(endpoint.sent().is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_jwt_that_stays_at_its_end_costs_no_more_if_a_request_shows_it_twice() {
    let folder = Folder::new();
    folder.write("jwt", &jwt("old", TOKIO - 600, TOKIO));
    let file = folder.file("jwt");
    let [(_, once), ..] = systems(&file);
    let client = OAuthClient::with_assertion("a", file.clone());
    let twice = builder().client(client).grant(OAuthGrant::JwtBearer(file));
    for system in [once, twice] {
        let source = on_tokios_clock(system, &Endpoint::willing());
        for _ in 0..600 {
            source.token().await.unwrap_err();
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let exchanges = source.status().counters.exchanges();
        assert!(exchanges <= 10, "{exchanges} in ten minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_writes_again_ends_the_error() {
    let folder = Folder::new();
    folder.write("jwt", &jwt("old", TOKIO - 600, TOKIO));
    let endpoint = Endpoint::willing();
    let [(name, system), ..] = systems(&folder.file("jwt"));
    let source = on_tokios_clock(system, &endpoint);
    source.token().await.unwrap_err();
    let new = jwt("new", TOKIO, TOKIO + 600);
    folder.write("jwt", &new);
    source.warm_up(Duration::from_secs(5)).await.unwrap();
    assert_eq!(endpoint.sent()[0].param(name), new);
}

#[tokio::test]
async fn what_is_no_jwt_of_a_file_is_sent_as_it_is() {
    let folder = Folder::new();
    let ended = jwt("old", MANUAL - 600, MANUAL - 300);
    let minted = ended.clone();
    folder.write("text", "an opaque assertion");
    folder.write("without-exp", &jwt("old", MANUAL - 600, 0));
    for (credential, text) in [
        (folder.file("text"), "an opaque assertion".to_owned()),
        (folder.file("without-exp"), jwt("old", MANUAL - 600, 0)),
        (Credential::from(&*ended), ended.clone()),
        (
            Credential::minted(move || {
                let minted = minted.clone();
                async move { Ok(minted.into()) }
            }),
            ended.clone(),
        ),
    ] {
        for (name, system) in systems(&credential) {
            let endpoint = Endpoint::willing();
            let (source, _) = source(system, &endpoint);
            source.token().await.unwrap();
            assert_eq!(endpoint.sent()[0].param(name), text);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_missing_does_not_stop_the_start() {
    let folder = Arc::new(Folder::new());
    for number in 0..3 {
        let (name, system) = systems(&folder.file("jwt")).into_iter().nth(number).unwrap();
        let endpoint = Endpoint::willing();
        let source = on_tokios_clock(system, &endpoint);
        let error = source.token().await.unwrap_err();
        assert_eq!(kind(&error), ExchangeErrorKind::Unavailable);
        let text = error.to_string();
        assert!(text.contains(&folder.path("jwt").display().to_string()), "{text}");
        assert!(text.contains("check the path, and the program that writes the file"), "{text}");

        let (writes, new) = (folder.clone(), jwt("new", TOKIO, TOKIO + 600));
        let text = new.clone();
        let writer = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(4)).await;
            writes.write("jwt", &text);
        });
        source.warm_up(Duration::from_secs(30)).await.unwrap();
        writer.await.unwrap();
        assert_eq!((endpoint.sent().len(), endpoint.sent()[0].param(name)), (1, new));
        std::fs::remove_file(folder.path("jwt")).unwrap();
    }
}

#[tokio::test]
async fn a_key_file_that_is_missing_is_an_error_of_the_set_up() {
    let folder = Folder::new();
    let system = builder().client(OAuthClient::with_key("a", JwtKey::new(folder.file("key"))));
    let (source, _) = source(system, &Endpoint::willing());
    assert_eq!(kind(&source.token().await.unwrap_err()), ExchangeErrorKind::Configuration);
}

/// Refuses the first request with this answer, and writes `new` into the file meanwhile. Later requests get a token.
fn refusing(folder: &Arc<Folder>, new: &str, status: u16, body: &'static str) -> Endpoint {
    let (folder, new, number) = (folder.clone(), new.to_owned(), AtomicUsize::new(0));
    Endpoint::new(move |_| match number.fetch_add(1, Ordering::Relaxed) {
        0 => {
            folder.write("jwt", &new);
            (status, body.to_owned())
        }
        _ => (200, TOKEN.to_owned()),
    })
}

const EXPIRED: [(u16, &str); 4] = [
    (401, r#"{"error":"invalid_client","error_description":"Token is not active: exp"}"#),
    (400, r#"{"error":"invalid_grant","error_description":"The assertion has expired"}"#),
    (400, r#"{"error":"invalid_request","error_description":"the JWT is EXPIRED"}"#),
    (401, r#"{"error":"invalid_client","error_codes":[700024]}"#),
];

#[tokio::test]
async fn an_assertion_that_is_refused_as_expired_is_read_again_and_a_new_one_is_sent_at_once() {
    let folder = Arc::new(Folder::new());
    let new = jwt("new", MANUAL, MANUAL + 600);
    let (old, opaque) = (jwt("old", MANUAL - 300, MANUAL + 300), "no JWT".to_owned());
    for (old, (status, body)) in [&old, &old, &old, &opaque].into_iter().zip(EXPIRED) {
        for (name, system) in systems(&folder.file("jwt")) {
            folder.write("jwt", old);
            let endpoint = refusing(&folder, &new, status, body);
            let (source, _) = source(system, &endpoint);
            source.token().await.unwrap();
            let sent: Vec<_> = endpoint.sent().iter().map(|sent| sent.param(name)).collect();
            assert_eq!(sent, [&**old, &*new], "{body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_stays_the_error_if_the_file_has_only_a_jwt_at_its_end() {
    let folder = Arc::new(Folder::new());
    let (status, body) = EXPIRED[0];
    for (_, system) in systems(&folder.file("jwt")) {
        folder.write("jwt", &jwt("old", TOKIO - 300, TOKIO + 300));
        let endpoint = refusing(&folder, &jwt("new", TOKIO - 600, TOKIO), status, body);
        let error = on_tokios_clock(system, &endpoint).token().await.unwrap_err();
        assert_eq!(
            (kind(&error), endpoint.sent().len()),
            (ExchangeErrorKind::Refused, 1),
            "{error}"
        );
        assert!(!error.to_string().contains("Nothing was sent"), "{error}");
    }
}

#[tokio::test]
async fn another_refusal_does_not_read_the_file_again() {
    let folder = Arc::new(Folder::new());
    for body in [
        r#"{"error":"invalid_client","error_description":"unknown issuer"}"#,
        r#"{"error":"invalid_scope"}"#,
    ] {
        for (_, system) in systems(&folder.file("jwt")) {
            folder.write("jwt", &jwt("old", MANUAL - 300, MANUAL + 300));
            let endpoint = refusing(&folder, &jwt("new", MANUAL, MANUAL + 600), 400, body);
            let (source, _) = source(system, &endpoint);
            assert_eq!(kind(&source.token().await.unwrap_err()), ExchangeErrorKind::Refused);
            assert_eq!(endpoint.sent().len(), 1, "{body}");
        }
    }
}

/// The error of an endpoint that refuses with this body, if our clock is this far ahead of the server's, and how many requests it got.
async fn said(system: OAuthBuilder, body: &'static str, ahead: u64) -> (String, usize) {
    let endpoint = Endpoint::new(move |_| (401, body.to_owned()));
    let (source, clock) = source(system, &endpoint);
    let wall = std::time::UNIX_EPOCH + Duration::from_secs(MANUAL as u64 + ahead);
    clock.set_wall(wall);
    let error = source.token().await.unwrap_err();
    assert_eq!(kind(&error), ExchangeErrorKind::Refused);
    (error.to_string(), endpoint.sent().len())
}

#[tokio::test]
async fn a_refusal_names_the_age_of_the_jwt_and_one_as_expired_also_the_difference_of_the_clocks() {
    let folder = Folder::new();
    folder.write("jwt", &jwt("old", MANUAL - 3_000, MANUAL + 900));
    let age = format!(
        "; the JWT in file {} is 3600 s old, and ends in 300 s",
        folder.path("jwt").display()
    );
    let expired = EXPIRED[0].1;
    for (_, system) in systems(&folder.file("jwt")) {
        let (text, sent) = said(system, expired, 600).await;
        assert!(
            text.contains(&format!("{age}; our clock is 600 s ahead of the server's (status")),
            "{text}"
        );
        assert_eq!(sent, 1, "the file has the same text");
    }
    for (_, system) in systems(&folder.file("jwt")) {
        let (text, sent) = said(system, r#"{"error":"invalid_client"}"#, 600).await;
        assert!(text.contains(&format!("{age} (status 401")), "{text}");
        assert_eq!(sent, 1);
    }
    for (_, system) in systems(&folder.file("jwt")) {
        let (text, _) = said(system, r#"{"error":"invalid_scope"}"#, 600).await;
        assert!(!text.contains("old"), "it is not about the JWT: {text}");
    }
}

#[tokio::test]
async fn a_refusal_of_a_key_beside_a_jwt_names_the_difference_of_the_clocks_once() {
    let folder = Folder::new();
    folder.write("jwt", &jwt("old", MANUAL, MANUAL + 900));
    let client = OAuthClient::with_key("a", JwtKey::new(P256));
    let system = builder().client(client).grant(OAuthGrant::JwtBearer(folder.file("jwt")));
    let (text, _) = said(system, EXPIRED[0].1, 600).await;
    assert_eq!(text.matches("our clock is 600 s ahead").count(), 1, "{text}");
    assert!(text.contains("is 600 s old, and ends in 300 s"), "{text}");
}
