//! An issuer that is hostile, broken, slow, or not there.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use http::{Request, Response};
use http_body_util::Full;
use tower::service_fn;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{OAuth, OAuthClient};
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{Error, TokenSource};

const ISSUER: &str = "https://idp.example";

/// What the issuer does with a request for its metadata.
#[derive(Clone)]
enum Metadata {
    Answer(Response<String>),
    /// The connection breaks.
    Broken,
    /// No answer ever comes.
    Silent,
}

/// An issuer, and a token endpoint that is always willing.
#[derive(Clone)]
struct Issuer {
    metadata: Arc<Mutex<Metadata>>,
    /// The method, the authority and the path of each request.
    log: Arc<Mutex<Vec<String>>>,
}

impl Issuer {
    fn new(metadata: Metadata) -> Issuer {
        Issuer { metadata: Arc::new(Mutex::new(metadata)), log: Arc::default() }
    }

    fn becomes(&self, metadata: Metadata) {
        *self.metadata.lock().unwrap() = metadata;
    }

    /// The requests since the last look.
    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock().unwrap())
    }

    fn source(&self) -> TokenSource {
        let issuer = self.clone();
        let server = service_fn(move |request: Request<Full<Bytes>>| {
            let uri = request.uri();
            let what = format!("{} {}{}", request.method(), uri.authority().unwrap(), uri.path());
            let is_get = request.method() == "GET";
            let has_credential = request.headers().contains_key("authorization");
            assert_eq!(has_credential, !is_get, "{what}");
            issuer.log.lock().unwrap().push(what);
            let metadata = issuer.metadata.lock().unwrap().clone();
            async move {
                let token = r#"{"access_token":"t","token_type":"Bearer","expires_in":300}"#;
                match metadata {
                    _ if !is_get => Ok(Response::new(Full::<Bytes>::from(token))),
                    Metadata::Answer(answer) => Ok(answer.map(Full::from)),
                    Metadata::Broken => Err(std::io::Error::other("reset")),
                    Metadata::Silent => std::future::pending().await,
                }
            }
        });
        let system = OAuth::discover(ISSUER).client(OAuthClient::with_secret("a", "hunter2"));
        let source = TokenSource::builder_over_http(system.build().unwrap(), server);
        source.clock(TokioClock::new()).build().erased()
    }
}

fn answer(body: impl Into<String>) -> Metadata {
    Metadata::Answer(Response::new(body.into()))
}

fn with(status: u16, name: &'static str, value: &str) -> Metadata {
    let response = Response::builder().status(status).header(name, value);
    Metadata::Answer(response.body(document(r#""https://idp.example/t""#)).unwrap())
}

/// The metadata with this JSON as the `token_endpoint`.
fn document(endpoint: &str) -> String {
    format!(r#"{{"issuer":"{ISSUER}","token_endpoint":{endpoint}}}"#)
}

/// The error of a first exchange. The issuer gets one request, and nothing with a credential is sent.
async fn refused(document: &str) -> Error {
    let issuer = Issuer::new(answer(document));
    let error = issuer.source().token().await.unwrap_err();
    let requests = issuer.requests();
    assert_eq!(requests.len(), 1, "{document:.200}: {requests:?}");
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Malformed, "{error}");
    error
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_only_looks_like_the_issuers_gets_nothing() {
    let long = format!(r#""https://{}.example/t""#, "a".repeat(60_000));
    let plain = format!(r#""http://{}.example/t""#, "a".repeat(60_000));
    for endpoint in [
        r#""https://idp.example@evil.example/t""#,
        r#""https://idp.example:443@evil.example/t""#,
        r#""https://idp.example.evil.example/t""#,
        r#""https://evil.example/https://idp.example/t""#,
        r#""https://evil.example\\.idp.example/t""#,
        r#""https://idp.example\\@evil.example/t""#,
        r#""https://idp.example\u0000.evil.example/t""#,
        r#""https://idp.example\n/t""#,
        r#""https://idp.example./t""#,
        r#""https://idp.example:8443/t""#,
        r#""https://idp.example:/t""#,
        r#""https://idp.example:+443/t""#,
        r#""https://\u0131dp.example/t""#,
        r#""https://idp%2eexample/t""#,
        r#""https://[::1]idp.example/t""#,
        r#""http://idp.example/t""#,
        r#""http://127.0.0.1/t""#,
        r#""//idp.example/t""#,
        r#""/t""#,
        r#""https:idp.example/t""#,
        r#"" https://idp.example/t""#,
        r#""https://idp.example/t#f""#,
        r#""ftp://idp.example/t""#,
        r#""""#,
        "null",
        "1",
        "{}",
        r#"["https://idp.example/t"]"#,
        &long,
        &plain,
    ] {
        let error = refused(&document(endpoint)).await.to_string();
        assert!(error.contains("the metadata of the issuer https://idp.example: "), "{error}");
        assert!(error.contains("token_endpoint"), "{endpoint:.100}: {error}");
        assert!(error.len() < 800, "{} characters", error.len());
    }
}

#[tokio::test(start_paused = true)]
async fn metadata_that_says_a_member_twice_or_is_of_another_issuer_is_refused() {
    for (document, says) in [
        (
            r#"{"issuer":"https://idp.example","token_endpoint":"https://idp.example/t","token_endpoint":"https://idp.example/u"}"#.to_owned(),
            "has `token_endpoint` twice",
        ),
        (
            r#"{"issuer":"https://idp.example","issuer":"https://evil.example","token_endpoint":"https://idp.example/t"}"#.to_owned(),
            "has `issuer` twice",
        ),
        (r#"{"issuer":["https://idp.example"]}"#.to_owned(), "it is of the issuer \"\""),
        (r#"{"token_endpoint":"https://idp.example/t"}"#.to_owned(), "it is of the issuer \"\""),
        (r#"{"issuer":"https://idp.example."}"#.to_owned(), "\"https://idp.example.\""),
        (r#"{"issuer":"https://a@idp.example"}"#.to_owned(), "\"https://a@idp.example\""),
        (r#"{"issuer":"https://idp.example\u0000"}"#.to_owned(), "\"https://idp.example_\""),
        (r#"{"issuer":"x\u001b[2J\r\nINFO all is well\u202e"}"#.to_owned(), "\"x_[2J__INFO all is well_\""),
        (format!(r#"{{"issuer":"{}"}}"#, "y".repeat(200_000)), "correct the configuration"),
        ("[]".to_owned(), "it is of the issuer \"\""),
    ] {
        let error = refused(&document).await.to_string();
        assert!(error.contains("the metadata of the issuer https://idp.example: "), "{error}");
        assert!(error.contains(says), "{says}: {error}");
        assert!(error.len() < 800 && !error.contains(char::is_control), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn members_that_do_not_matter_may_be_anything() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    for other in ["null", &deep, r#""\ud800""#, "1e999", r#"{"a":1,"a":2}"#] {
        let document = format!(
            r#"{{"x":{other},"issuer":"{ISSUER}","token_endpoint":"https://IDP.example:443/t","x":1}}"#
        );
        let issuer = Issuer::new(answer(document));
        let got = issuer.source().token().await;
        assert!(got.is_ok(), "{other:.100}: {got:?}");
    }
}

/// One exchange, and then one when the metadata is no longer fresh.
async fn after(change: Metadata) -> (Issuer, TokenSource) {
    let issuer = Issuer::new(answer(document(r#""https://idp.example/t""#)));
    let source = issuer.source();
    source.token().await.unwrap();
    issuer.requests();
    issuer.becomes(change);
    tokio::time::advance(Duration::from_secs(3_601)).await;
    (issuer, source)
}

#[tokio::test(start_paused = true)]
async fn whatever_an_issuer_says_later_the_endpoint_that_is_known_stays_in_use() {
    for later in [
        answer(""),
        answer("{}"),
        answer("<html>sign in to the network</html>"),
        answer(r#"{"issuer":"https://evil.example","token_endpoint":"https://evil.example/t"}"#),
        answer(document(r#""https://evil.example/t""#)),
        answer(document(r#""http://idp.example/t""#)),
        answer(document("null")),
        answer(
            r#"{"issuer":"https://idp.example","token_endpoint":"https://idp.example/t","issuer":1}"#,
        ),
        answer("x".repeat(300_000)),
        with(302, "location", "https://evil.example/metadata"),
        with(200, "content-encoding", "gzip"),
        with(403, "x-a", "b"),
        with(503, "retry-after", "3600"),
        Metadata::Broken,
    ] {
        let (issuer, source) = after(later.clone()).await;
        let got = source.token().await;
        let requests = issuer.requests();
        assert!(got.is_ok(), "{got:?} {requests:?}");
        assert_eq!(requests.last().unwrap(), "POST idp.example/t");
        assert!(requests.iter().all(|it| !it.contains("evil")), "{requests:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_callers_in_an_outage_of_the_issuer_cause_one_request() {
    let issuer = Issuer::new(Metadata::Broken);
    let source = issuer.source();
    let all = join_all((0..100).map(|_| source.token())).await;
    assert!(all.iter().all(Result::is_err));
    assert_eq!(issuer.requests().len(), 1);
    issuer.becomes(answer(document(r#""https://idp.example/t""#)));
    tokio::time::advance(Duration::from_secs(5)).await;
    let all = join_all((0..100).map(|_| source.token())).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(issuer.requests().len(), 2);
}

/// An hour with a caller each second.
#[tokio::test(start_paused = true)]
async fn an_issuer_without_metadata_is_asked_as_rarely_as_after_a_refusal() {
    let issuer = Issuer::new(with(404, "x-a", "b"));
    let source = issuer.source();
    for _ in 0..3_600 {
        let _ = source.token().await;
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    let requests = issuer.requests().len();
    assert!((2 * 5..=2 * 40).contains(&requests), "{requests} requests, two for each exchange");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_document_is_an_error_of_the_first_exchange() {
    for (metadata, kind, requests) in [
        (answer("x".repeat(300_000)), ExchangeErrorKind::Malformed, 1),
        (with(200, "content-encoding", "gzip"), ExchangeErrorKind::Malformed, 1),
        (with(302, "location", "https://evil.example/m"), ExchangeErrorKind::Unavailable, 1),
        (with(401, "www-authenticate", "Basic"), ExchangeErrorKind::Unavailable, 1),
        (answer("<html>"), ExchangeErrorKind::Unavailable, 2),
        (answer("\u{0}"), ExchangeErrorKind::Unavailable, 2),
        (Metadata::Silent, ExchangeErrorKind::Timeout, 1),
    ] {
        let issuer = Issuer::new(metadata);
        let error = issuer.source().token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), kind, "{error}");
        assert_eq!(issuer.requests().len(), requests, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_never_answers_delays_one_exchange_of_a_source_that_knows_the_endpoint() {
    let (issuer, source) = after(Metadata::Silent).await;
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Timeout);
    tokio::time::advance(Duration::from_secs(5)).await;
    source.token().await.unwrap();
    assert_eq!(issuer.requests().len(), 2, "one for the metadata, and one for the token");
    // It is asked again after five minutes.
    issuer.becomes(answer(document(r#""https://idp.example/other""#)));
    tokio::time::advance(Duration::from_secs(301)).await;
    source.token().await.unwrap();
    assert_eq!(issuer.requests().last().unwrap(), "POST idp.example/other");
}

#[tokio::test(start_paused = true)]
async fn a_max_age_counts_within_five_minutes_and_a_day() {
    for (header, seconds) in [
        ("no-store", 3_600),
        ("max-age", 3_600),
        ("max-age=", 3_600),
        ("max-age=soon", 3_600),
        ("s-maxage=7200", 3_600),
        ("max-age=-1", 3_600),
        ("max-age=0", 300),
        ("max-age=600", 600),
        ("public, Max-Age=600", 600),
        ("max-age=600, max-age=900", 600),
        ("max-age=99999999", 86_400),
        ("max-age=18446744073709551615", 86_400),
    ] {
        for (time, requests) in [(seconds - 1, 1), (seconds, 2)] {
            if time < 300 {
                continue; // the first token is still usable
            }
            let issuer = Issuer::new(with(200, "cache-control", header));
            let source = issuer.source();
            source.token().await.unwrap();
            issuer.requests();
            tokio::time::advance(Duration::from_secs(time)).await;
            source.token().await.unwrap();
            assert_eq!(issuer.requests().len(), requests, "{header}, after {time} s");
        }
    }
}
