//! What is written when a user's code panics in the middle of an exchange.

use std::panic;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::endpoint::{
    ExchangeAnswer, ExchangeRequest, Grant, HttpClient, RequestContext, Step,
};
use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind, Identity, from_fn};
use tower_outbound_auth::scheme::{InvalidToken, Judge, Presentation, Rotation};
use tower_outbound_auth::system::Atlas;
use tower_outbound_auth::testkit::AtlasServer;
use tower_outbound_auth::{AuthLayer, Credential, Origin, Secret, TokenSource};

use crate::canary::{Canaries, shown, texts_of};
use crate::log::Log;
use crate::log_of_all;

const SECRET: &str = "canary-of-the-panics";
const SAID: &str = "canary-said-by-a-panic";

/// What the hook writes for all panics of this process: message, place, and the frames of the
/// backtrace.
fn output() -> &'static Log {
    static OUTPUT: OnceLock<Log> = OnceLock::new();
    OUTPUT.get_or_init(|| {
        let output = Log::default();
        let (writer, before) = (output.clone(), panic::take_hook());
        panic::set_hook(Box::new(move |info| {
            use std::io::Write;
            let trace = std::backtrace::Backtrace::force_capture();
            writeln!(writer.clone(), "{info}\n{info:?}\n{trace}").unwrap();
            before(info);
        }));
        output
    })
}

/// Where a scheme panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Credentials,
    Request,
    Answer,
    HeaderValue,
    Judge,
    Signature,
}

const OF_AN_EXCHANGE: [Place; 4] =
    [Place::Credentials, Place::Request, Place::Answer, Place::HeaderValue];
const OF_A_RESPONSE: [Place; 2] = [Place::Judge, Place::Signature];

/// Like Atlas's scheme, but with a bug that is active once it is armed. Responses bring new tokens.
struct Buggy {
    atlas: Atlas,
    rotation: Rotation,
    place: Place,
    said: &'static str,
    armed: Arc<AtomicBool>,
}

impl Buggy {
    fn trip(&self, place: Place) {
        assert!(self.place != place || !self.armed.load(Relaxed), "a bug: {}", self.said);
    }
}

impl Grant for Buggy {
    fn identity(&self) -> Identity {
        self.atlas.identity()
    }

    fn credentials(&self) -> &[Credential] {
        self.trip(Place::Credentials);
        self.atlas.credentials()
    }

    fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        let request = self.atlas.request(cx)?;
        self.trip(Place::Request);
        Ok(request)
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        self.trip(Place::Answer);
        self.atlas.read(answer)
    }
}

impl Presentation for Buggy {
    fn header_name(&self) -> &HeaderName {
        self.atlas.header_name()
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        self.trip(Place::HeaderValue);
        self.atlas.header_value(token, None)
    }

    fn judge(&self) -> Judge {
        let (judge, said, armed) = (self.atlas.judge(), self.said, self.armed.clone());
        let is_here = self.place == Place::Judge;
        Judge::new(move |response| {
            assert!(!is_here || !armed.load(Relaxed), "a bug: {said}");
            judge.verdict(response)
        })
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.rotation)
    }

    fn is_authentic(&self, _: &Secret) -> bool {
        self.trip(Place::Signature);
        true
    }
}

/// A source whose scheme panics with the text `said` once it is armed, and the tokens of its server.
async fn source(
    place: Place,
    said: &'static str,
) -> (AtlasServer, TokenSource<Buggy>, Arc<AtomicBool>) {
    log_of_all();
    output();
    let server = AtlasServer::start().await.unwrap().with_client("the-client", SECRET);
    let atlas = Atlas::new(server.endpoint(), "the-client", SECRET).unwrap();
    let client = HttpClient::plain().unwrap();
    let rotation = Rotation::in_header(atlas.header_name().clone());
    let armed = Arc::<AtomicBool>::default();
    let scheme = Buggy { atlas, rotation, place, said, armed: armed.clone() };
    (server, TokenSource::over_http(scheme, client), armed)
}

#[tokio::test]
async fn a_panic_of_a_scheme_shows_none_of_its_values() {
    let mut texts = String::new();
    for place in OF_AN_EXCHANGE {
        let (_server, source, armed) = source(place, "no secret").await;
        armed.store(true, Relaxed);
        for _ in 0..2 {
            let error = source.token().await.unwrap_err();
            assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Panicked, "{place:?}");
            texts += &texts_of(&error);
        }
        texts += &shown(&source.status());
    }
    let canaries = Canaries::of([SECRET]);
    canaries.assert_absent("what was shown", &texts);
    canaries.assert_absent("the log", &log_of_all().text());
    canaries.assert_absent("the output of panics", &output().text());
    assert!(output().text().contains("a bug: no secret"), "there were panics");
}

#[tokio::test]
async fn a_panic_under_a_request_shows_nothing_of_its_token() {
    for place in OF_A_RESPONSE {
        let (server, source, armed) = source(place, "no secret").await;
        let layer = AuthLayer::new(source).with_origin(server.origin());
        let token = layer.source().token().await.unwrap();
        // A newer one, with the same issuer, subject and audience.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        let successor = layer.clone().rebuild_source(|it| it.default_lifetime(Duration::MAX));
        let successor = successor.source().token().await.unwrap();
        armed.store(true, Relaxed);
        let value = successor.expose().to_owned();
        let api = service_fn(move |_| {
            let response = http::Response::builder().header("token", &value);
            let response = response.body(Full::new(Bytes::new()));
            async move { response }
        });
        let request = http::Request::get(server.url("/")).body(Full::new(Bytes::new())).unwrap();
        let call = tokio::spawn(layer.layer(api).oneshot(request));
        let panicked = call.await.unwrap_err();
        assert!(panicked.is_panic(), "{place:?}");
        let canaries = Canaries::of([SECRET, token.expose(), successor.expose()]);
        canaries.assert_absent("what was shown", &texts_of(&panicked));
        canaries.assert_absent("the log", &log_of_all().text());
        canaries.assert_absent("the output of panics", &output().text());
    }
}

/// The hook prints the text of a panic, for which its author is responsible. This crate does not repeat it.
#[tokio::test]
async fn the_text_of_a_panic_is_in_no_error_and_no_log() {
    let mut texts = String::new();
    for place in OF_AN_EXCHANGE {
        let (_server, source, armed) = source(place, SAID).await;
        armed.store(true, Relaxed);
        texts += &texts_of(&source.token().await.unwrap_err());
        texts += &shown(&source.status());
    }
    let exchange = from_fn(|| async { panic!("{SAID}") });
    let scheme = tower_outbound_auth::system::HeaderScheme::bearer();
    let source =
        TokenSource::builder(scheme, exchange).exchange_timeout(Duration::from_secs(5)).build();
    texts += &texts_of(&source.token().await.unwrap_err());
    let layer = AuthLayer::new(source).with_origin(Origin::parse("https://api.example").unwrap());
    texts += &shown(&layer);
    let canaries = Canaries::of([SAID]);
    canaries.assert_absent("what was shown", &texts);
    canaries.assert_absent("the log", &log_of_all().text());
}
