//! A system that answers an API's demand for claims with a token that has them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::scheme::{Insufficient, Judge};
use tower_outbound_auth::system::{OAuth, OAuthBuilder, OAuthClient};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, BoxError, Origin, Recovery, TokenSource};

use crate::{Endpoint, Sent, builder};

const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"cp1"}}}"#;
const OTHER: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;

type Demand = dyn Fn(&str) -> Option<String> + Send + Sync;

/// A system, its token endpoint, and an API that demands claims of some tokens.
struct World {
    endpoint: Endpoint,
    clock: ManualClock,
    layer: AuthLayer<OAuth>,
    demand: Arc<Demand>,
    requests: AtomicUsize,
}

/// A token endpoint whose tokens live for `life` seconds: t0, t1, ..
fn endpoint(life: u64) -> Endpoint {
    Endpoint::new(move |number| {
        let token =
            format!(r#"{{"access_token":"t{number}","token_type":"Bearer","expires_in":{life}}}"#);
        (200, token)
    })
}

fn client() -> OAuthBuilder {
    builder().client(OAuthClient::with_secret("billing", "secret"))
}

/// `demand` gets the token of a request. It returns claims if the API demands them of this token.
fn world(
    system: OAuthBuilder,
    endpoint: Endpoint,
    demand: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> World {
    let clock = ManualClock::new();
    let source = TokenSource::builder_over_http(system.build().unwrap(), endpoint.clone());
    let source = source.clock(clock.clone()).build();
    let layer = AuthLayer::new(source).with_origin(Origin::parse("https://api.example").unwrap());
    World { endpoint, clock, layer, demand: Arc::new(demand), requests: AtomicUsize::new(0) }
}

impl World {
    async fn send(&self, method: Method) -> Response<Full<Bytes>> {
        let request = Request::builder().method(method).uri("https://api.example/");
        self.send_with(&self.layer, request.body(Full::from("body")).unwrap()).await
    }

    async fn send_with(
        &self,
        layer: &AuthLayer<OAuth>,
        request: Request<Full<Bytes>>,
    ) -> Response<Full<Bytes>> {
        let api = service_fn(|request: Request<Full<Bytes>>| async move {
            self.requests.fetch_add(1, Ordering::Relaxed);
            Ok::<_, BoxError>(answer((self.demand)(token_of(request.headers()))))
        });
        layer.layer(api).oneshot(request).await.unwrap()
    }

    async fn get(&self) -> Response<Full<Bytes>> {
        self.send(Method::GET).await
    }

    /// The claims of each exchange.
    fn claims(&self) -> Vec<Option<String>> {
        let has = |sent: &Sent| sent.body.split('&').any(|pair| pair.starts_with("claims="));
        self.endpoint.sent().iter().map(|sent| has(sent).then(|| sent.param("claims"))).collect()
    }
}

fn token_of(headers: &HeaderMap) -> &str {
    headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap()
}

fn answer(demand: Option<String>) -> Response<Full<Bytes>> {
    let response = Response::builder();
    let response = match demand {
        None => response,
        Some(claims) => {
            let claims = STANDARD.encode(claims);
            let challenge = format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"");
            response.status(401).header("www-authenticate", challenge)
        }
    };
    response.body(Full::default()).unwrap()
}

fn recovery(response: &Response<Full<Bytes>>) -> Option<Recovery> {
    response.extensions().get().copied()
}

fn has_demand(response: &Response<Full<Bytes>>) -> bool {
    response.extensions().get::<Insufficient>().is_some()
}

fn some(claims: &str) -> Option<String> {
    Some(claims.to_owned())
}

#[tokio::test]
async fn demanded_claims_go_into_the_next_exchange_and_the_request_is_sent_again() {
    for method in [Method::GET, Method::POST] {
        let demand = |token: &str| (token == "t0").then(|| CLAIMS.to_owned());
        let world = world(client().claims_challenges(), endpoint(300), demand);
        let response = world.send(method).await;
        assert_eq!(
            (response.status().as_u16(), recovery(&response)),
            (200, Some(Recovery::Replayed))
        );
        assert!(!has_demand(&response));
        assert_eq!(world.claims(), [None, some(CLAIMS)]);
    }
}

#[tokio::test]
async fn claims_are_for_one_token_and_its_successor_has_none() {
    let demand = |token: &str| (token == "t0").then(|| CLAIMS.to_owned());
    let world = world(client().claims_challenges(), endpoint(300), demand);
    for _ in 0..3 {
        assert_eq!(world.get().await.status(), 200);
        world.clock.advance(Duration::from_secs(301));
    }
    assert_eq!(world.claims(), [None, some(CLAIMS), None, None][..world.claims().len()]);
    assert_eq!(world.claims().len(), 4);
}

#[tokio::test]
async fn the_same_claims_again_are_handed_on() {
    let world = world(client().claims_challenges(), endpoint(86_400), |_| some(CLAIMS));
    for _ in 0..600 {
        let response = world.get().await;
        assert_eq!(response.status(), 401);
        assert!(has_demand(&response));
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(world.claims(), [None, some(CLAIMS)]);
    assert_eq!(world.requests.load(Ordering::Relaxed), 601, "one request was sent twice");
}

#[tokio::test]
async fn an_api_that_always_demands_other_claims_causes_at_most_one_exchange_a_minute() {
    let number = AtomicU64::new(0);
    let demand =
        move |_: &str| Some(format!(r#"{{"a":{}}}"#, number.fetch_add(1, Ordering::Relaxed)));
    let world = world(client().claims_challenges(), endpoint(86_400), demand);
    for _ in 0..3_600 {
        assert_eq!(world.get().await.status(), 401);
        world.layer.source().settled().await;
        world.clock.advance(Duration::from_secs(1));
    }
    let exchanges = world.claims().len();
    assert!((30..=61).contains(&exchanges), "{exchanges}");
}

#[tokio::test]
async fn two_demands_within_a_minute_cause_one_exchange() {
    let demand = |token: &str| match token {
        "t0" => some(CLAIMS),
        "t1" => some(OTHER),
        _ => None,
    };
    let world = world(client().claims_challenges(), endpoint(86_400), demand);
    let response = world.get().await;
    assert_eq!((response.status().as_u16(), recovery(&response)), (401, Some(Recovery::Replayed)));
    assert_eq!(world.get().await.status(), 401);
    assert_eq!(world.claims(), [None, some(CLAIMS)]);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(world.get().await.status(), 200);
    assert_eq!(world.claims(), [None, some(CLAIMS), some(OTHER)]);
}

#[tokio::test]
async fn a_hundred_demands_of_the_same_claims_cause_one_exchange_and_no_caller_sees_one() {
    let demand = |token: &str| (token == "t0").then(|| CLAIMS.to_owned());
    let world = world(client().claims_challenges(), endpoint(300), demand);
    world.layer.source().token().await.unwrap();
    let gate = tokio::sync::Barrier::new(100);
    let request = || Request::get("https://api.example/").body(Full::<Bytes>::default()).unwrap();
    let (world, gate) = (&world, &gate);
    // All requests have the first token. Some responses come when there is already a new one.
    let calls = (0..100).map(|number| async move {
        let api = service_fn(move |request: Request<Full<Bytes>>| async move {
            let token = token_of(request.headers()).to_owned();
            if token == "t0" {
                gate.wait().await;
                for _ in 0..number {
                    tokio::task::yield_now().await;
                }
            }
            Ok::<_, BoxError>(answer((world.demand)(&token)))
        });
        world.layer.layer(api).oneshot(request()).await.unwrap().status()
    });
    let all = futures::future::join_all(calls).await;
    assert!(all.iter().all(|status| *status == 200));
    assert_eq!(world.claims(), [None, some(CLAIMS)]);
}

#[tokio::test]
async fn claims_are_merged_with_the_capability_that_is_always_declared() {
    let capability = r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#;
    let demand = |token: &str| (token == "t0").then(|| CLAIMS.to_owned());
    let system = client().parameter("claims", capability).claims_challenges();
    let world = world(system, endpoint(300), demand);
    assert_eq!(world.get().await.status(), 200);
    let both =
        r#"{"access_token":{"acrs":{"essential":true,"value":"cp1"},"xms_cc":{"values":["CP1"]}}}"#;
    assert_eq!(world.claims(), [some(capability), some(both)]);
}

#[tokio::test]
async fn claims_that_the_endpoint_refuses_are_not_asked_for_again() {
    let endpoint = Endpoint::judging(|sent| match sent.body.contains("claims=") {
        true => (400, r#"{"error":"interaction_required"}"#.to_owned()),
        false => (200, r#"{"access_token":"t","token_type":"Bearer","expires_in":300}"#.to_owned()),
    });
    let world = world(client().claims_challenges(), endpoint, |_| some(CLAIMS));
    let response = world.get().await;
    assert_eq!(
        (response.status().as_u16(), recovery(&response)),
        (401, Some(Recovery::RenewalFailed))
    );
    assert!(has_demand(&response));
    for _ in 0..59 {
        world.get().await;
        world.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(world.claims(), [None, some(CLAIMS)]);
    world.clock.advance(Duration::from_secs(300));
    world.get().await;
    assert_eq!(world.claims()[2], None, "the next token is asked for without them");
}

#[tokio::test]
async fn claims_that_the_endpoint_refuses_take_the_token_away_from_no_other_request() {
    let endpoint = Endpoint::judging(|sent| match sent.body.contains("claims=") {
        true => (400, r#"{"error":"interaction_required"}"#.to_owned()),
        false => (200, r#"{"access_token":"t","token_type":"Bearer","expires_in":300}"#.to_owned()),
    });
    let world = world(client().claims_challenges(), endpoint, |_| None);
    let api = service_fn(|request: Request<Full<Bytes>>| async move {
        Ok::<_, BoxError>(answer((request.uri().path() == "/strict").then(|| CLAIMS.to_owned())))
    });
    let status = async |path: &str| {
        let request = Request::get(format!("https://api.example{path}"));
        let request = request.body(Full::<Bytes>::default()).unwrap();
        world.layer.layer(api).oneshot(request).await.map(|response| response.status().as_u16())
    };
    assert_eq!(status("/").await.unwrap(), 200);
    assert_eq!(status("/strict").await.unwrap(), 401);
    assert_eq!(status("/").await.unwrap(), 200);
    world.clock.advance(Duration::from_secs(11));
    assert_eq!(status("/").await.unwrap(), 200);
    assert_eq!(world.claims(), [None, some(CLAIMS)]);
}

#[tokio::test]
async fn a_demand_without_readable_claims_or_for_something_else_is_handed_on() {
    for challenge in [
        "Bearer error=insufficient_claims",
        "Bearer error=insufficient_claims, claims=\"%%%\"",
        "Bearer error=insufficient_scope, scope=a",
        "Bearer error=insufficient_user_authentication, acr_values=a",
    ] {
        let world = world(client().claims_challenges(), endpoint(300), |_| None);
        let api = service_fn(|_: Request<Full<Bytes>>| async move {
            let response = Response::builder().status(401).header("www-authenticate", challenge);
            Ok::<_, BoxError>(response.body(Full::<Bytes>::default()).unwrap())
        });
        let request = Request::get("https://api.example/").body(Full::<Bytes>::default()).unwrap();
        let response = world.layer.layer(api).oneshot(request).await.unwrap();
        assert_eq!((response.status().as_u16(), recovery(&response)), (401, None), "{challenge}");
        assert_eq!(world.claims(), [None]);
    }
}

#[tokio::test]
async fn a_judge_of_the_layer_or_no_word_of_the_system_leaves_the_demand_to_the_caller() {
    let word = world(client().claims_challenges(), endpoint(300), |_| some(CLAIMS));
    let silent = world(client(), endpoint(300), |_| some(CLAIMS));
    for (world, layer) in
        [(&word, word.layer.clone().with_judge(Judge::standard())), (&silent, silent.layer.clone())]
    {
        let request = Request::get("https://api.example/").body(Full::default()).unwrap();
        let response = world.send_with(&layer, request).await;
        assert_eq!((response.status().as_u16(), recovery(&response)), (401, None));
        assert!(has_demand(&response));
        assert_eq!(world.claims(), [None]);
    }
}

#[test]
fn claims_challenges_need_an_object_in_the_parameter_claims() {
    let error = client().parameter("claims", "[]").claims_challenges().build().unwrap_err();
    assert!(
        error.to_string().contains("`claims_challenges` and the parameter `claims`"),
        "{error}"
    );
    assert!(client().parameter("claims", "[]").build().is_ok());
}
