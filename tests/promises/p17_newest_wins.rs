//! Promise 17: the newest token wins, of rotations and exchanges alike; an exchange beats a rotation, and
//! a rotation counts only within the line of the current exchange. A token that is not adopted is counted,
//! and no error for the caller.

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
        *self.1.lock().unwrap() += 1;
        Ok(Issued::new(signed(&claims(after))))
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
    let source = TokenSource::new(scheme, login).with_clock(clock);
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

#[tokio::test(start_paused = true)]
async fn a_newer_token_is_adopted_with_bearer_before_it_or_without() {
    let token = signed(&claims(10));
    for value in [format!("Bearer {token}"), format!("bearer  {token}"), token.clone()] {
        adopted(handing_out(&value), &token).await;
    }
    let mut twice = handing_out(&token);
    twice.headers_mut().append(AUTHORIZATION, token.parse().unwrap());
    adopted(twice, &token).await;
    let mut order = claims(10);
    order["aud"] = json!(["two", "one"]);
    let token = signed(&order);
    adopted(handing_out(&token), &token).await;
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_traffic_needs_one_exchange() {
    for adopt in [Adopt::EveryNewer, Adopt::WhenDue] {
        let world = rotating(adopt);
        for minute in 0..600 {
            world.request(0, handing_out(&signed(&claims(60 * minute)))).await;
            tokio::time::sleep(secs(60)).await;
        }
        assert_eq!(*world.exchanges.lock().unwrap(), 1, "{adopt:?}");
        let (adopted, _) = world.counts();
        assert_eq!(adopted > 500, adopt == Adopt::EveryNewer);
        assert!(adopted >= 10);
        let verifications = *world.verifications.lock().unwrap() as u64;
        assert_eq!(verifications, adopted, "one for each newer token");
    }
}

#[tokio::test(start_paused = true)]
async fn where_a_due_successor_does_not_come_there_is_an_exchange() {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    tokio::time::sleep(secs(3_300)).await;
    world.request(0, Response::builder().status(500).body(Body::default()).unwrap()).await;
    world.source.settled().await;
    assert_eq!(*world.exchanges.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_one_is_not_adopted() {
    for text in ["Bearer", "Basic dXNlcjpwYXNz", "two words", "no-jwt", "a.b.c", "Bearer Bearer x"]
    {
        not_adopted(handing_out(text), NotAdopted::Malformed).await;
    }
    let mut binary = ok();
    binary.headers_mut().insert(AUTHORIZATION, HeaderValue::from_bytes(b"\xffabc").unwrap());
    not_adopted(binary, NotAdopted::Malformed).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_of_more_than_16_kib_is_not_adopted() {
    let mut long = claims(10);
    long["padding"] = "x".repeat(16 * 1024).into();
    not_adopted(handing_out(&signed(&long)), NotAdopted::TooLong).await;
    let of_length = |padding: usize| {
        long["padding"] = "x".repeat(padding).into();
        token_of(r#"{"alg":"HS256" }"#, &long, "right") // a blank, for a length that base64 can have
    };
    let at_most = (11_900..12_300).map(of_length).find(|token| token.len() == 16 * 1024).unwrap();
    adopted(handing_out(&at_most), &at_most).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_has_ended_is_not_adopted() {
    for (iat, exp) in [(T0 - 60, T0 + 10), (T0 - 60, T0 + 5)] {
        let mut claims = claims(10);
        (claims["iat"], claims["exp"]) = (json!(iat), json!(exp));
        not_adopted(handing_out(&signed(&claims)), NotAdopted::Ended).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_issued_more_than_a_minute_from_now_is_not_adopted() {
    not_adopted(handing_out(&signed(&claims(71))), NotAdopted::NotYetIssued).await;
    let token = signed(&claims(70));
    adopted(handing_out(&token), &token).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_lives_longer_than_the_exchanged_one_is_not_adopted() {
    for exp in [json!(T0 + 10 + 3_661), json!(1e300), Value::Null] {
        let token = signed(&changed("exp", exp));
        not_adopted(handing_out(&token), NotAdopted::LivesTooLong).await;
    }
    let token = signed(&changed("exp", json!(T0 + 10 + 3_660)));
    adopted(handing_out(&token), &token).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_issuer_is_not_adopted() {
    for iss in [json!("other"), json!(["issuer"]), Value::Null] {
        let token = signed(&changed("iss", iss));
        not_adopted(handing_out(&token), NotAdopted::OtherClaims).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_subject_is_not_adopted() {
    for sub in [json!("other"), Value::Null] {
        let token = signed(&changed("sub", sub));
        not_adopted(handing_out(&token), NotAdopted::OtherClaims).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_for_another_audience_is_not_adopted() {
    for aud in [json!("one"), json!(["one"]), json!(["one", "two", "three"]), Value::Null] {
        let token = signed(&changed("aud", aud));
        not_adopted(handing_out(&token), NotAdopted::OtherClaims).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_with_a_wrong_signature_is_not_adopted() {
    let token = token_of(r#"{"alg":"HS256"}"#, &claims(10), "wrong");
    not_adopted(handing_out(&token), NotAdopted::BadSignature).await;
}

/// While a signature is checked, other responses with that token do not have it checked too; that ends.
#[tokio::test(start_paused = true)]
async fn a_token_with_a_wrong_signature_is_turned_down_each_time_that_it_comes() {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    tokio::time::sleep(secs(10)).await;
    let token = token_of(r#"{"alg":"HS256"}"#, &claims(10), "wrong");
    for times in 1..=3 {
        world.request(0, handing_out(&token)).await;
        let counters = world.source.status().counters;
        assert_eq!(counters.rotations_not_adopted_for(NotAdopted::BadSignature), times);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_algorithm_than_the_exchanged_one_is_not_adopted() {
    for header in [r#"{"alg":"HS512"}"#, r#"{"alg":"none"}"#, r#"{"alg":"RS256"}"#, "{}"] {
        let token = token_of(header, &claims(10), "right");
        not_adopted(handing_out(&token), NotAdopted::BadSignature).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_from_a_shared_cache_is_not_adopted() {
    let mut answer = handing_out(&signed(&claims(10)));
    answer.headers_mut().insert(AGE, "1".parse().unwrap());
    not_adopted(answer, NotAdopted::FromCache).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_different_tokens_in_a_response_none_is_adopted() {
    let mut answer = handing_out(&signed(&claims(10)));
    answer.headers_mut().append(AUTHORIZATION, signed(&claims(9)).parse().unwrap());
    not_adopted(answer, NotAdopted::Ambiguous).await;
}

/// As two nodes with clocks of their own may have it: what the first sees as the next token is issued in
/// the second's past.
#[tokio::test(start_paused = true)]
async fn the_answer_to_the_current_token_follows_it_though_it_claims_to_be_a_little_older() {
    let older = |by: u64| {
        let mut claims = claims(0);
        (claims["iat"], claims["exp"]) = (json!(T0 - by), json!(T0 - by + 3_600));
        signed(&claims)
    };
    for by in [1, 59, 60] {
        adopted(handing_out(&older(by)), &older(by)).await;
    }
    not_adopted(handing_out(&older(61)), NotAdopted::NotNewer).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_an_older_token_follows_only_if_it_claims_to_be_newer() {
    for (iat, exp) in [(T0 + 9, T0 + 3_610), (T0 + 10, T0 + 3_609)] {
        let world = rotating(Adopt::EveryNewer);
        world.next().await;
        let mut older = claims(10);
        (older["iat"], older["exp"]) = (json!(iat), json!(exp));
        let late = world.request(20, handing_out(&signed(&older)));
        let newest = signed(&claims(10));
        let early = async {
            tokio::time::sleep(secs(10)).await;
            world.request(0, handing_out(&newest)).await
        };
        futures::join!(late, early);
        assert_eq!(world.next().await, newest);
        let counters = world.source.status().counters;
        assert_eq!(counters.rotations_not_adopted_for(NotAdopted::NotNewer), 1);
    }
}

/// An API that hands out one successor until that is used.
#[tokio::test(start_paused = true)]
async fn a_successor_that_has_lain_about_is_believed_for_what_is_left_of_it() {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    tokio::time::sleep(secs(3_000)).await;
    world.request(0, handing_out(&signed(&claims(300)))).await;
    let left = world.source.status().expires_in.unwrap();
    assert!((899..=901).contains(&left.as_secs()), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn the_current_token_once_more_is_nothing() {
    let world = rotating(Adopt::EveryNewer);
    let first = world.next().await;
    world.request(0, handing_out(&first)).await;
    assert_eq!((world.next().await, world.counts()), (first, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn only_a_success_hands_out_tokens_and_the_header_is_always_taken_out() {
    for status in [199, 300, 302, 304, 400, 403, 404, 429, 500, 503] {
        let Ok(status) = StatusCode::from_u16(status) else { continue };
        let world = rotating(Adopt::EveryNewer);
        let first = world.next().await;
        let mut answer = handing_out(&signed(&claims(10)));
        *answer.status_mut() = status;
        let (_, response) = world.request(0, answer).await;
        assert_eq!(response.status(), status);
        assert_eq!((world.next().await, world.counts()), (first, (0, 0)), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_by_grpc_hands_out_nothing_though_http_calls_it_a_success() {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    tokio::time::sleep(secs(10)).await;
    let handed_out = signed(&claims(20));
    let mut refusal = handing_out(&handed_out);
    refusal.headers_mut().insert("grpc-status", "16".parse().unwrap());
    let (carried, _) = world.request(0, refusal).await;
    assert_ne!(carried, handed_out, "the second sending has an exchanged token");
    assert_eq!((world.counts(), *world.exchanges.lock().unwrap()), ((0, 0), 2));
}

#[tokio::test(start_paused = true)]
async fn nor_does_a_call_that_grpc_says_has_failed() {
    for (status, adopts) in [("0", 1), ("5", 0), ("14", 0)] {
        let world = rotating(Adopt::EveryNewer);
        world.next().await;
        tokio::time::sleep(secs(10)).await;
        let mut failed = handing_out(&signed(&claims(10)));
        failed.headers_mut().insert("grpc-status", status.parse().unwrap());
        world.request(0, failed).await;
        assert_eq!(world.counts().0, adopts, "grpc-status {status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_or_fast_clock_of_ours_hinders_no_rotation() {
    for skew in [-7_200_i64, -300, 300, 7_200] {
        let theirs = |after: u64| {
            let mut claims = claims(after);
            for name in ["iat", "exp"] {
                claims[name] = json!(claims[name].as_i64().unwrap() - skew);
            }
            signed(&claims)
        };
        let login = tower_outbound_auth::exchange::from_fn({
            let first = theirs(0);
            move || {
                let first = first.clone();
                async { Ok(Issued::new(first)) }
            }
        });
        let rotation = Rotation::in_header(AUTHORIZATION);
        let scheme = Jwts(HeaderScheme::bearer(), rotation, Arc::default(), Arc::default());
        let source = TokenSource::new(scheme, login).with_clock(TokioClock::new());
        let layer = AuthLayer::new(source).with_origin(Origin::parse(API).unwrap());
        let mut world = rotating(Adopt::EveryNewer);
        (world.source, world.layer) = (layer.source().clone(), layer);
        world.next().await;
        tokio::time::sleep(secs(600)).await;
        let second = theirs(600);
        world.request(0, handing_out(&second)).await;
        assert_eq!(world.next().await, second, "{skew}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_responses_out_of_order_the_newest_token_wins() {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    let (older, newer) = (signed(&claims(1)), signed(&claims(2)));
    let late = world.request(5, handing_out(&older));
    let early = world.request(1, handing_out(&newer));
    futures::join!(late, early);
    assert_eq!(world.next().await, newer);
    assert_eq!(world.counts(), (1, 1));

    // Of the same second: the one whose request was sent later.
    let same_second = |nth: u64| {
        let mut claims = claims(20);
        claims["jti"] = nth.into();
        signed(&claims)
    };
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    let late = world.request(5, handing_out(&same_second(1)));
    let early = async {
        tokio::time::sleep(secs(1)).await;
        world.request(1, handing_out(&same_second(2))).await
    };
    futures::join!(late, early);
    assert_eq!(world.next().await, same_second(2));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_overtaken_while_its_signature_is_checked_is_not_adopted_and_counted_once()
{
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    let (older, newer) = (signed(&claims(1)), signed(&claims(2)));
    let answer = handing_out(&newer);
    let api = service_fn(move |_| std::future::ready(Ok::<_, BoxError>(answer.clone())));
    let overtaking = world.layer.layer(api).oneshot(get("/"));
    *world.meanwhile[CHECKED].lock().unwrap() = Some(Box::new(|| {
        overtaking.now_or_never().unwrap().unwrap();
    }));
    world.request(0, handing_out(&older)).await;
    assert_eq!(world.next().await, newer);
    assert_eq!(world.counts(), (1, 1));
}

/// The same answer to two requests, of which the second comes while something happens to the first one's.
async fn is_verified_once_if_it_comes_again(while_it_is: usize) {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    let successor = signed(&claims(1));
    let answer = handing_out(&successor);
    let api = service_fn(move |_| std::future::ready(Ok::<_, BoxError>(answer.clone())));
    let meanwhile = world.layer.layer(api).oneshot(get("/"));
    *world.meanwhile[while_it_is].lock().unwrap() = Some(Box::new(|| {
        meanwhile.now_or_never().unwrap().unwrap();
    }));
    world.request(0, handing_out(&successor)).await;
    assert_eq!(world.next().await, successor);
    assert_eq!(*world.verifications.lock().unwrap(), 1);
    assert_eq!(world.counts(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_is_handed_out_again_while_its_signature_is_checked_is_verified_once() {
    is_verified_once_if_it_comes_again(CHECKED).await;
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_was_adopted_while_it_was_read_is_not_verified_again() {
    is_verified_once_if_it_comes_again(PRESENTED).await;
}

#[tokio::test(start_paused = true)]
async fn a_late_response_from_before_a_revocation_never_brings_its_token_back() {
    let world = rotating(Adopt::EveryNewer);
    let revoked = world.next().await;
    // It was sent with the token that is revoked a second later, and brings a successor that claims to be
    // the newest of all.
    let late = world.request(30, handing_out(&signed(&claims(40))));
    let revocation = async {
        tokio::time::sleep(secs(1)).await;
        let token = world.source.token().await.unwrap();
        world.source.reject(&token).await.unwrap().expose().to_owned()
    };
    let ((carried, _), exchanged) = futures::join!(late, revocation);
    assert_eq!(carried, revoked);
    assert_eq!(world.next().await, exchanged);
    let counters = world.source.status().counters;
    assert_eq!(counters.rotations_not_adopted_for(NotAdopted::OtherLineage), 1);
    assert_eq!((world.counts(), *world.exchanges.lock().unwrap()), ((0, 1), 2));
}

#[tokio::test(start_paused = true)]
async fn an_exchange_beats_the_rotations_that_overtook_it() {
    let world = rotating(Adopt::EveryNewer);
    let first = world.source.token().await.unwrap();
    tokio::time::sleep(secs(10)).await;
    let mut renewal = Box::pin(world.source.reject(&first));
    assert!((&mut renewal).now_or_never().is_none(), "under way");
    let (_, adopted) = (world.request(0, handing_out(&signed(&claims(10)))).await, world.counts());
    assert_eq!(adopted, (1, 0));
    let exchanged = renewal.await.unwrap();
    assert_eq!(world.next().await, exchanged.expose());
}

/// An API that lets go of a token as soon as it has handed out the next, and is in no hurry to send it.
fn grace_zero(first: &str) -> impl Fn(Request<Body>) -> Option<Response<Body>> + Clone {
    let good = Arc::new(Mutex::new((first.to_owned(), 0)));
    move |request| {
        let value = request.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
        let mut good = good.lock().unwrap();
        if value.strip_prefix("Bearer ") != Some(&good.0) {
            return None;
        }
        good.1 += 1;
        let mut next = claims(1);
        next["jti"] = good.1.into();
        good.0 = signed(&next);
        Some(handing_out(&good.0))
    }
}

#[tokio::test(start_paused = true)]
async fn a_burst_on_an_api_with_no_grace_costs_no_exchange_though_refusals_overtake_the_successor()
{
    let world = rotating(Adopt::EveryNewer);
    let first = world.source.token().await.unwrap();
    let judge = grace_zero(first.expose());
    let api = service_fn(move |request: Request<Body>| {
        let answer = judge(request);
        async move {
            // What is refused is refused at once; what is accepted takes its time.
            match answer {
                Some(answer) => {
                    tokio::time::sleep(millis(200)).await;
                    Ok::<_, BoxError>(answer)
                }
                None => Ok(Response::builder().status(401).body(Body::default()).unwrap()),
            }
        }
    });
    let service = world.layer.layer(api);
    for burst in 1..=5_u64 {
        let start = now();
        let all = futures::future::join_all((0..50).map(|_| send(&service, get("/")))).await;
        let good = all.into_iter().filter(|response| response.as_ref().unwrap().status() == 200);
        assert_eq!(good.count(), 2, "one with the old token, one with its successor");
        assert!(start.elapsed() < secs(1));
        assert_eq!(world.counts(), (2 * burst, 0));
    }
    assert_eq!(*world.exchanges.lock().unwrap(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_revocation_waits_for_responses_that_may_bring_the_successor_and_no_longer_than_a_second()
{
    // How much longer another request with the revoked token is under way, and what a refusal waits.
    for (other, waited) in [(None, 0), (Some(400), 400), (Some(60_000), 1_000)] {
        let world = rotating(Adopt::EveryNewer);
        let first = world.source.token().await.unwrap().expose().to_owned();
        let api = service_fn(move |request: Request<Body>| {
            let revoked = request.headers()[AUTHORIZATION].to_str().unwrap().ends_with(&first);
            let slow = other.filter(|_| request.uri().path() == "/slow");
            async move {
                tokio::time::sleep(millis(slow.map_or(0, |slow| slow + 2_000))).await;
                let status = if revoked { 401 } else { 200 };
                Ok::<_, BoxError>(Response::builder().status(status).body(Body::default()).unwrap())
            }
        });
        let service = world.layer.layer(api);
        let slow = other.map(|_| tokio::spawn(send(&service, get("/slow"))));
        tokio::time::sleep(secs(2)).await;
        let start = now();
        assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
        assert_eq!(start.elapsed(), millis(waited + 1), "the wait and the exchange");
        assert_eq!(*world.exchanges.lock().unwrap(), 2);
        if let Some(slow) = slow {
            slow.abort();
        }
    }
}

/// Requests are counted by generation, in sixteen places: what is said of a token from long ago is not said of
/// the current one.
#[tokio::test(start_paused = true)]
async fn a_late_refusal_of_a_token_from_sixteen_generations_ago_costs_no_second_exchange() {
    let world = rotating(Adopt::EveryNewer);
    let refusal = || Response::builder().status(401).body(Body::default()).unwrap();
    world.next().await;
    let late = world.request(100, refusal());
    let others = async {
        for n in 1..=16 {
            tokio::time::sleep(secs(1)).await;
            world.request(0, handing_out(&signed(&claims(n)))).await;
        }
        assert_eq!(world.source.status().generation.unwrap().number(), 17);
        tokio::time::sleep(secs(90)).await; // the late refusal has come
        let brings_the_successor = world.request(2, handing_out(&signed(&claims(106))));
        let refused = async {
            tokio::time::sleep(millis(1_500)).await;
            world.request(0, refusal()).await
        };
        let (_, (token, response)) = tokio::join!(brings_the_successor, refused);
        assert_eq!((&*token, response.status().as_u16()), (&*signed(&claims(106)), 200));
    };
    tokio::join!(late, others);
    assert_eq!(*world.exchanges.lock().unwrap(), 1, "the successor was on its way");
}

/// There is nothing to wait for any more: within its pause, the refusal would cause no exchange.
#[tokio::test(start_paused = true)]
async fn nobody_goes_on_waiting_for_a_successor_when_an_exchange_has_failed_meanwhile() {
    let mut first = Some(Issued::new(signed(&claims(0))));
    let login = Mutex::new(move || {
        let down = || ExchangeError::new(ExchangeErrorKind::Unreachable, "down");
        first.take().ok_or_else(down)
    });
    let login = exchange::from_fn(move || std::future::ready(login.lock().unwrap()()));
    let rotation = Rotation::in_header(AUTHORIZATION);
    let scheme = Jwts(HeaderScheme::bearer(), rotation, Arc::default(), Arc::default());
    let source = TokenSource::new(scheme, login).with_clock(TokioClock::new());
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    let service = layer.layer(service_fn(|request: Request<Body>| async move {
        let slow = request.uri().path() == "/slow";
        tokio::time::sleep(secs(if slow { 60 } else { 0 })).await;
        Ok::<_, BoxError>(Response::builder().status(401).body(Body::default()).unwrap())
    }));
    source.token().await.unwrap();
    let due = source.status().next_attempt_in.unwrap();
    tokio::time::sleep(due - millis(2_400)).await;
    let slow = tokio::spawn(send(&service, get("/slow")));
    tokio::time::sleep(secs(2)).await;
    let other = tokio::spawn(async move {
        tokio::time::sleep(millis(401)).await;
        source.token().await // which is due for its successor
    });
    let start = now();
    assert_eq!(send(&service, get("/")).await.unwrap().status(), 401);
    assert_eq!(start.elapsed(), millis(401));
    other.await.unwrap().unwrap();
    slow.abort();
}

#[tokio::test(start_paused = true)]
async fn requests_that_come_after_the_first_refusal_are_not_waited_for() {
    let world = rotating(Adopt::EveryNewer);
    let first = world.source.token().await.unwrap().expose().to_owned();
    let api = service_fn(move |request: Request<Body>| {
        let revoked = request.headers()[AUTHORIZATION].to_str().unwrap().ends_with(&first);
        async move {
            tokio::time::sleep(millis(20)).await;
            let status = if revoked { 401 } else { 200 };
            Ok::<_, BoxError>(Response::builder().status(status).body(Body::default()).unwrap())
        }
    });
    let service = world.layer.layer(api);
    tokio::time::sleep(secs(2)).await;
    // Two hundred a second, so that some are always on their way.
    let calls = (0..200).map(|nth| {
        let service = service.clone();
        async move {
            tokio::time::sleep(millis(5 * nth)).await;
            let start = now();
            assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
            start.elapsed()
        }
    });
    let slowest = futures::future::join_all(calls).await.into_iter().max().unwrap();
    assert!(slowest <= millis(100), "{slowest:?}");
    assert_eq!(*world.exchanges.lock().unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_never_comes_keeps_no_refused_token_alive() {
    let world = rotating(Adopt::EveryNewer);
    let first = world.source.token().await.unwrap().expose().to_owned();
    let api = service_fn(move |request: Request<Body>| {
        let revoked = request.headers()[AUTHORIZATION].to_str().unwrap().ends_with(&first);
        let hangs = request.uri().path() == "/hang";
        async move {
            if hangs {
                std::future::pending::<()>().await;
            }
            let status = if revoked { 401 } else { 200 };
            Ok::<_, BoxError>(Response::builder().status(status).body(Body::default()).unwrap())
        }
    });
    let service = world.layer.clone().with_replay(Off).layer(api);
    let hanging = tokio::spawn(send(&service, get("/hang")));
    tokio::time::sleep(secs(2)).await;
    let refused = send(&service, post("/", "cannot be sent again")).await.unwrap();
    assert_eq!(refused.status(), 401);
    tokio::time::sleep(millis(1_100)).await;
    assert_eq!(send(&service, get("/")).await.unwrap().status(), 200);
    assert_eq!(*world.exchanges.lock().unwrap(), 2);
    hanging.abort();
}

/// The refused request is itself one of those that a renewal would wait for, until its response has been read.
#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_sent_again_does_not_keep_its_own_renewal_waiting() {
    let world = rotating(Adopt::EveryNewer);
    world.source.token().await.unwrap();
    let api = service_fn(async |_: Request<Body>| {
        let refusal = Response::builder().status(StatusCode::UNAUTHORIZED);
        Ok::<_, BoxError>(refusal.body(Body::default()).unwrap())
    });
    let service = world.layer.clone().with_replay(Off).layer(api);
    assert_eq!(send(&service, get("/")).await.unwrap().status(), 401);
    world.source.settled().await;
    assert_eq!(
        *world.exchanges.lock().unwrap(),
        2,
        "it is under way when the refusal is handed on"
    );
}
