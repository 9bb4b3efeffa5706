//! Promise 17: the newest token wins, whether an exchange or a response brings it. A token from a response counts only if it
//! follows the token of the current exchange. A token that is not adopted is counted, and the caller sees no error.

mod adopted;
mod not_adopted;
mod order;
mod revocations;

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::FutureExt;
use http::header::{AGE, AUTHORIZATION};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use serde_json::{Value, json};
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::exchange::{
    self, Exchange, ExchangeContext, ExchangeError, ExchangeErrorKind, Issued,
};
use tower_outbound_auth::replay::Off;
use tower_outbound_auth::scheme::{Adopt, InvalidToken, Presentation, Rotation};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::token::NotAdopted;
use tower_outbound_auth::{AuthLayer, BoxError, Origin, Secret, TokenSource};

use crate::support::*;

/// 2025-01-01, where tokio's clock begins.
const T0: u64 = 1_735_689_600;

/// Tokens in `Authorization`, of requests and of responses. A signature is right if it says so.
struct Jwts(HeaderScheme, Rotation, Arc<Mutex<usize>>, Arc<[Mutex<Option<Meanwhile>>; 2]>);

/// What happens once while a token is made a value, and while a signature is checked.
type Meanwhile = Box<dyn FnOnce() + Send>;

/// The places of both.
const PRESENTED: usize = 0;
const CHECKED: usize = 1;

impl Jwts {
    fn happens(&self, what: usize) {
        let meanwhile = self.3[what].lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
    }
}

impl Presentation for Jwts {
    fn header_name(&self) -> &HeaderName {
        self.0.header_name()
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        self.happens(PRESENTED);
        self.0.header_value(token, None)
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.1)
    }

    fn is_authentic(&self, token: &Secret) -> bool {
        *self.2.lock().unwrap() += 1;
        self.happens(CHECKED);
        token.expose().ends_with(".right")
    }
}

fn token_of(header: &str, claims: &Value, signature: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{signature}", part(header), part(&claims.to_string()))
}

fn signed(claims: &Value) -> String {
    token_of(r#"{"alg":"HS256"}"#, claims, "right")
}

/// The claims of a token that is issued `after` seconds after the exchanged one and lives for an hour.
fn claims(after: u64) -> Value {
    let (iat, exp) = (T0 + after, T0 + after + 3_600);
    json!({"iss": "issuer", "sub": "subject", "aud": ["one", "two"], "iat": iat, "exp": exp})
}

fn changed(member: &str, value: Value) -> Value {
    let mut claims = claims(10);
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(member),
        value => claims.as_object_mut().unwrap().insert(member.to_owned(), value),
    };
    claims
}

/// An exchange of a millisecond that yields such a token.
#[derive(Clone)]
struct Login(TokioClock, Arc<Mutex<usize>>);

impl Exchange for Login {
    async fn exchange(&self, cx: &ExchangeContext) -> Result<Issued, ExchangeError> {
        cx.mark_sent();
        let after = self.0.now().since_epoch().as_secs() - T0;
        tokio::time::sleep(millis(1)).await;
        let number = {
            let mut exchanges = self.1.lock().unwrap();
            *exchanges += 1;
            exchanges.to_string()
        };
        Ok(Issued::new(signed(&claims(after))).with_extra("login", number))
    }
}

struct Rotating {
    source: TokenSource<Jwts>,
    exchanges: Arc<Mutex<usize>>,
    verifications: Arc<Mutex<usize>>,
    meanwhile: Arc<[Mutex<Option<Meanwhile>>; 2]>,
    layer: AuthLayer<Jwts>,
}

fn rotating(adopt: Adopt) -> Rotating {
    let clock = TokioClock::new();
    let (exchanges, verifications, meanwhile) = <(Arc<_>, Arc<_>, Arc<_>)>::default();
    let login = Login(clock.clone(), Arc::clone(&exchanges));
    let rotation = Rotation::in_header(AUTHORIZATION).adopt(adopt);
    let (checked, during) = (Arc::clone(&verifications), Arc::clone(&meanwhile));
    let scheme = Jwts(HeaderScheme::bearer(), rotation, checked, during);
    let source = TokenSource::builder(scheme, login).clock(clock).build();
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    Rotating { source, exchanges, verifications, meanwhile, layer }
}

impl Rotating {
    /// Sends a request, which gets this answer after `delay`. Returns the token that it carried.
    async fn request(&self, delay: u64, answer: Response<Body>) -> (String, Response<Body>) {
        let seen = Arc::new(Mutex::new(String::new()));
        let carried = seen.clone();
        let answer = Arc::new(Mutex::new(Some(answer)));
        let api = service_fn(move |request: Request<Body>| {
            let value = request.headers()[AUTHORIZATION].to_str().unwrap();
            *seen.lock().unwrap() = value.strip_prefix("Bearer ").unwrap().to_owned();
            let answer = answer.lock().unwrap().take().unwrap_or_else(ok);
            async move {
                tokio::time::sleep(secs(delay)).await;
                Ok::<_, BoxError>(answer)
            }
        });
        let response = self.layer.layer(api).oneshot(get("/")).await.unwrap();
        assert!(!response.headers().contains_key(AUTHORIZATION), "it is taken out");
        let carried = carried.lock().unwrap().clone();
        (carried, response)
    }

    /// The token that the next request carries.
    async fn next(&self) -> String {
        self.request(0, ok()).await.0
    }

    fn counts(&self) -> (u64, u64) {
        let counters = self.source.status().counters;
        (counters.rotations_adopted, counters.rotations_not_adopted())
    }
}

fn ok() -> Response<Body> {
    Response::new(Body::from("ok"))
}

fn handing_out(value: &str) -> Response<Body> {
    let mut response = ok();
    response.headers_mut().insert(AUTHORIZATION, value.parse().unwrap());
    response
}

/// After ten seconds, a response with these headers is not adopted, for this reason.
async fn not_adopted(answer: Response<Body>, why: NotAdopted) {
    let world = rotating(Adopt::EveryNewer);
    let first = world.next().await;
    tokio::time::sleep(secs(10)).await;
    let (_, response) = world.request(0, answer).await;
    assert_eq!(response.status(), 200, "no error for the caller");
    assert_eq!(world.next().await, first);
    let counters = world.source.status().counters;
    assert_eq!(counters.rotations_not_adopted_for(why), 1, "{counters:?}");
    assert_eq!((world.counts(), *world.exchanges.lock().unwrap()), ((0, 1), 1));
}

async fn adopted(answer: Response<Body>, token: &str) {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    tokio::time::sleep(secs(10)).await;
    world.request(0, answer).await;
    assert_eq!(world.next().await, token);
    assert_eq!((world.counts(), *world.exchanges.lock().unwrap()), ((1, 0), 1));
}
