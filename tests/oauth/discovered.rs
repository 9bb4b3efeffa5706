//! The token endpoint from the metadata of an issuer.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::service_fn;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{JwtKey, OAuth, OAuthBuilder, OAuthClient};
use tower_outbound_auth::testkit::ManualClock;

use crate::assertions::{P256, read};

const ISSUER: &str = "https://idp.example/realms/main";

type Log = Arc<Mutex<Vec<String>>>;

/// A source whose server answers with a status, headers and a body for each method and path. `None` is no answer at all.
fn source(
    system: OAuthBuilder,
    answer: impl Fn(&str) -> Option<(u16, &'static str, String)> + Send + Sync + 'static,
) -> (TokenSource, ManualClock, Log) {
    let (clock, log) = (ManualClock::new(), Log::default());
    let (answer, seen) = (Arc::new(answer), log.clone());
    let server = service_fn(move |request: Request<Full<Bytes>>| {
        let uri = request.uri();
        let what = format!("{} {}{}", request.method(), uri.authority().unwrap(), uri.path());
        let answered = answer(&what);
        let has_credential = request.headers().contains_key("authorization");
        assert_eq!(has_credential, request.method() == "POST", "{what}");
        seen.lock().unwrap().push(what);
        async move {
            let Some((status, cache, body)) = answered else {
                return Err(std::io::Error::other("refused"));
            };
            let response = Response::builder().status(status).header("cache-control", cache);
            Ok(response.body(Full::new(Bytes::from(body))).unwrap())
        }
    });
    let source = TokenSource::builder_over_http(system.build().unwrap(), server);
    (source.clock(clock.clone()).build().erased(), clock, log)
}

fn system() -> OAuthBuilder {
    OAuth::discover(ISSUER).client(OAuthClient::with_secret("a", "b"))
}

fn metadata(endpoint: &str) -> String {
    format!(r#"{{"issuer":"{ISSUER}","token_endpoint":"{endpoint}"}}"#)
}

fn token() -> Option<(u16, &'static str, String)> {
    Some((
        200,
        "no-store",
        r#"{"access_token":"t","token_type":"Bearer","expires_in":300}"#.to_owned(),
    ))
}

const PLACES: [&str; 3] = [
    "GET idp.example/.well-known/oauth-authorization-server/realms/main",
    "GET idp.example/.well-known/openid-configuration/realms/main",
    "GET idp.example/realms/main/.well-known/openid-configuration",
];

#[tokio::test]
async fn the_metadata_is_found_once_and_asked_again_when_it_is_no_longer_fresh() {
    let (source, clock, log) = source(system(), |what| match what {
        it if it == PLACES[2] => Some((200, "max-age=600", metadata("https://idp.example/t"))),
        it if it.starts_with("GET") => Some((404, "", String::new())),
        _ => token(),
    });
    let take = || std::mem::take(&mut *log.lock().unwrap());
    source.token().await.unwrap();
    assert_eq!(take(), [PLACES[0], PLACES[1], PLACES[2], "POST idp.example/t"]);
    clock.advance(Duration::from_secs(301));
    source.token().await.unwrap();
    assert_eq!(take(), ["POST idp.example/t"], "the metadata is fresh for ten minutes");
    clock.advance(Duration::from_secs(301));
    source.token().await.unwrap();
    assert_eq!(take().len(), 4);
}

#[tokio::test]
async fn an_outage_of_the_issuer_does_not_stop_a_source_that_knows_the_endpoint() {
    let down = Arc::new(Mutex::new(None));
    let state = down.clone();
    let (source, clock, log) =
        source(system(), move |what| match (what.starts_with("GET"), *state.lock().unwrap()) {
            (true, None) => Some((200, "", metadata("https://idp.example/t"))),
            (true, Some(0)) => None,
            (true, Some(status)) => Some((status, "", String::new())),
            (false, _) => token(),
        });
    source.token().await.unwrap();
    for status in [0, 500, 503, 404] {
        *down.lock().unwrap() = Some(status);
        clock.advance(Duration::from_secs(3_601));
        source.token().await.unwrap();
        assert_eq!(log.lock().unwrap().last().unwrap(), "POST idp.example/t", "{status}");
    }
}

#[tokio::test]
async fn without_metadata_the_error_names_the_issuer_and_nothing_secret_is_sent() {
    for (answer, kind, text) in [
        (
            None,
            ExchangeErrorKind::Unreachable,
            "the metadata of the issuer https://idp.example/realms/main: ",
        ),
        (Some(500), ExchangeErrorKind::Unavailable, "failed on its own side (status 500)"),
        (
            Some(404),
            ExchangeErrorKind::Unavailable,
            "there is no metadata at any of its 3 places: check the issuer's URL",
        ),
    ] {
        let (source, _, log) =
            source(system(), move |_| answer.map(|status| (status, "", String::new())));
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), kind);
        assert!(error.to_string().contains(text), "{error}");
        assert!(log.lock().unwrap().iter().all(|it| it.starts_with("GET")));
    }
    let hostile = |_: &str| {
        Some((
            200,
            "",
            r#"{"issuer":"https://evil.example","token_endpoint":"https://evil.example/t"}"#
                .to_owned(),
        ))
    };
    let (source, _, log) = source(system(), hostile);
    let error = source.token().await.unwrap_err();
    assert!(error.to_string().contains("it is of the issuer \"https://evil.example\""), "{error}");
    assert!(error.to_string().contains("use `OAuth::builder` or `OAuth::keycloak`"), "{error}");
    assert_eq!(log.lock().unwrap().len(), 1, "nothing was sent to the other host");
}

#[tokio::test]
async fn the_error_of_a_token_endpoint_that_was_discovered_has_its_address() {
    for (status, body) in [(401, r#"{"error":"invalid_client"}"#), (404, ""), (200, "{}")] {
        let (source, _, _) = source(system(), move |what| match what.starts_with("GET") {
            true => Some((200, "", metadata("https://idp.example/t?key=hunter2"))),
            false => Some((status, "", body.to_owned())),
        });
        let text = source.token().await.unwrap_err().to_string();
        assert!(text.contains("; the token endpoint is https://idp.example/t"), "{text}");
        assert!(text.contains("realms/main") && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn an_endpoint_at_another_origin_must_be_allowed_by_name() {
    let answer = |what: &str| match what.starts_with("GET") {
        true => Some((200, "", metadata("https://tokens.example/t"))),
        false => token(),
    };
    let (refused, _, log) = source(system(), answer);
    let error = refused.token().await.unwrap_err();
    assert!(error.to_string().contains("allow it by `token_endpoint_origin`"), "{error}");
    assert_eq!(log.lock().unwrap().len(), 1);
    let (allowed, _, log) =
        source(system().token_endpoint_origin("https://tokens.example"), answer);
    allowed.token().await.unwrap();
    assert_eq!(log.lock().unwrap().last().unwrap(), "POST tokens.example/t");
    let error = crate::builder()
        .client(OAuthClient::public("a"))
        .token_endpoint_origin("https://a.example");
    assert!(error.build().unwrap_err().to_string().contains("do not fit together"));
    assert!(
        OAuth::discover("https://idp.example/?x").client(OAuthClient::public("a")).build().is_err()
    );
}

#[tokio::test]
async fn the_audience_of_an_assertion_is_the_issuer_letter_for_letter() {
    for issuer in [ISSUER, "https://idp.example", "https://idp.example/", "https://IDP.example:443"]
    {
        let client = OAuthClient::with_key("billing", JwtKey::new(P256));
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let seen = bodies.clone();
        let server = service_fn(move |request: Request<Full<Bytes>>| {
            let seen = seen.clone();
            async move {
                let metadata =
                    format!(r#"{{"issuer":"{issuer}","token_endpoint":"https://idp.example/t"}}"#);
                let is_get = request.method() == "GET";
                let body =
                    http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
                seen.lock().unwrap().push(String::from_utf8(body.to_vec()).unwrap());
                let body = if is_get { metadata } else { token().unwrap().2 };
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body))))
            }
        });
        let system = OAuth::discover(issuer).client(client).build().unwrap();
        TokenSource::over_http(system, server).token().await.unwrap();
        let sent = bodies.lock().unwrap()[1].clone();
        let assertion = sent.split("client_assertion=").nth(1).unwrap();
        assert_eq!(read(assertion).1["aud"], issuer);
    }
}
