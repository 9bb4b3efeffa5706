//! Each way in which oidc-provider authenticates a client, with each algorithm; what it refuses, and what our error says of it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;
use tower::{Service, service_fn};
use tower_outbound_auth::clock::{Clock, SystemClock};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{
    Algorithm, ClientAuth, Dpop, JwtKey, OAuth, OAuthBuilder, OAuthClient, OAuthGrant,
    TokenExchange,
};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, BoxError, Origin, TokenSource};

use crate::callers::Api;
use crate::http;
use crate::servers::Servers;

const KEYS: &str = include_str!("../data/oauth_keys.json");

/// A P-256 key that the server does not know: RFC 7517 appendix A.2.
const ANOTHER_P256: &str = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}"#;

const TEN_MINUTES: Duration = Duration::from_secs(600);

const REFUSED: &str = "the token endpoint refuses the client's assertion: check the client id, the key or secret that the provider \
                       has for it, and the audience of the assertion";

/// The key of the client `key-<algorithm>`.
fn key(algorithm: Algorithm) -> JwtKey {
    let place = match algorithm {
        Algorithm::Rs256 | Algorithm::Ps256 => "/key_files/good/rsa_pkcs8",
        Algorithm::Es256 => "/key_files/good/p256_pkcs8",
        Algorithm::Es384 => "/openssl/good/p384_pkcs8/pem",
        Algorithm::EdDsa => "/key_files/good/ed25519_pkcs8",
        other => panic!("no client has {other}"),
    };
    let keys: Value = serde_json::from_str(KEYS).unwrap();
    let pem = keys.pointer(place).unwrap().as_str().unwrap();
    JwtKey::new(pem).with_key_id(algorithm.as_str()).with_algorithm(algorithm)
}

fn with_key(algorithm: Algorithm) -> OAuthClient {
    OAuthClient::with_key(format!("key-{algorithm}"), key(algorithm))
}

fn with_secret_jwt() -> OAuthClient {
    OAuthClient::with_secret_jwt("secret-jwt", "a secret of thirty-two bytes, or more")
}

async fn start() -> Servers {
    Servers::start_with(&[("TTL", "3600")]).await
}

fn system(servers: &Servers) -> OAuthBuilder {
    OAuth::builder(servers.token_endpoint()).scope("api:write")
}

/// The forms that were sent.
type Forms = Arc<Mutex<Vec<String>>>;

/// A client that keeps the form of each request, and loses the first answers.
fn keeping(
    forms: &Forms,
    lost: usize,
) -> impl Service<Request<Full<Bytes>>, Response = Response<Incoming>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ 'static {
    let forms = forms.clone();
    service_fn(move |request: Request<Full<Bytes>>| {
        let forms = forms.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let number = {
                let mut forms = forms.lock().unwrap();
                forms.push(String::from_utf8(body.to_vec())?);
                forms.len()
            };
            let response = http().request(Request::from_parts(head, Full::new(body))).await?;
            match number > lost {
                true => Ok(response),
                false => Err(BoxError::from("the answer is lost")),
            }
        }
    })
}

/// The assertion in a form. It needs no encoding.
fn assertion(form: &str) -> &str {
    form.split('&').find_map(|pair| pair.strip_prefix("client_assertion=")).unwrap()
}

fn claims(jwt: &str) -> Value {
    let claims = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap()
}

/// The time that the server has too.
fn wall() -> SystemTime {
    UNIX_EPOCH + SystemClock::new().now().since_epoch()
}

fn clock_at(wall: SystemTime) -> ManualClock {
    let clock = ManualClock::new();
    clock.set_wall(wall);
    clock
}

fn exact() -> ManualClock {
    clock_at(wall())
}

/// What the error says between the system and the pause, after one request that was refused.
async fn refused(servers: &Servers, system: OAuthBuilder, clock: ManualClock) -> String {
    let before = servers.token_stats().await;
    let source = TokenSource::builder_over_http(system.build().unwrap(), http());
    let source = source.clock(clock).build();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused, "{error}");
    let after = servers.token_stats().await;
    assert_eq!((after.token_calls, &after.grants), (before.token_calls + 1, &before.grants));
    let text = error.to_string();
    let (_, text) = text.split_once("): ").unwrap();
    text.split_once("; the next attempt").unwrap().0.to_owned()
}

/// A client gets a token, and the API accepts it. A second token is another exchange.
async fn a_client_calls_the_api(client: OAuthClient) {
    let servers = start().await;
    let system = system(&servers).client(client).build().unwrap();
    let layer = AuthLayer::oauth(system, servers.api()).unwrap();
    let api = Api::new(&layer, &servers);
    for path in ["/documents", "/scoped"] {
        let response = api.post(path, "document".to_owned()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
    }
    let first = layer.source().token().await.unwrap();
    layer.source().reject(&first).await.unwrap();
    let response = api.post("/documents", "document".to_owned()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let (tokens, stats) = (servers.token_stats().await, servers.api_stats().await);
    assert_eq!((tokens.token_calls, tokens.grants["client_credentials"]), (2, 2), "{tokens:?}");
    assert_eq!((stats.requests, stats.accepted), (3, 3), "{stats:?}");
}

/// The table: a test for each client authentication and algorithm.
macro_rules! accepted {
    ($($name:ident: $client:expr,)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        #[ignore = "needs node: run interop/run"]
        async fn $name() {
            a_client_calls_the_api($client).await;
        }
    )+};
}

accepted! {
    none_is_accepted: OAuthClient::public("none"),
    client_secret_basic_is_accepted: OAuthClient::with_secret("basic", "basic-secret"),
    client_secret_post_is_accepted: OAuthClient::with_secret("post", "post-secret").auth(ClientAuth::Post),
    client_secret_jwt_with_hs256_is_accepted: with_secret_jwt(),
    private_key_jwt_with_rs256_is_accepted: with_key(Algorithm::Rs256),
    private_key_jwt_with_ps256_is_accepted: with_key(Algorithm::Ps256),
    private_key_jwt_with_es256_is_accepted: with_key(Algorithm::Es256),
    private_key_jwt_with_es384_is_accepted: with_key(Algorithm::Es384),
    private_key_jwt_with_eddsa_is_accepted: with_key(Algorithm::EdDsa),
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn a_token_that_is_bound_to_a_key_is_issued_and_accepted_with_nonces_and_without() {
    for (nonce, token_calls) in [("0", 1), ("1", 2)] {
        for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
            let servers = Servers::start_with(&[("TTL", "3600"), ("NONCE", nonce)]).await;
            let client = OAuthClient::with_secret("dpop", "dpop-secret");
            let dpop = Dpop::generated(algorithm).unwrap();
            let system = system(&servers).client(client).dpop(dpop).build().unwrap();
            let layer = AuthLayer::oauth(system, servers.api()).unwrap();
            let api = Api::new(&layer, &servers);
            for _ in 0..3 {
                let response = api.post("/documents", "document".to_owned()).await.unwrap();
                assert_eq!(response.status(), StatusCode::OK, "{algorithm}");
            }
            let token = layer.source().token().await.unwrap();
            assert!(token.header_value().as_bytes().starts_with(b"DPoP "));
            let tokens = servers.token_stats().await;
            assert_eq!(layer.source().status().counters.exchanges(), 1);
            assert_eq!(tokens.token_calls, token_calls, "{tokens:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn a_wrong_key_secret_or_algorithm_is_refused_with_advice() {
    let servers = start().await;
    let other = JwtKey::new(ANOTHER_P256).with_key_id("ES256");
    for client in [
        OAuthClient::with_key("key-ES256", other),
        OAuthClient::with_key("key-PS256", key(Algorithm::Rs256)),
        OAuthClient::with_key("nobody", key(Algorithm::Es256)),
        OAuthClient::with_secret_jwt("secret-jwt", "another secret of thirty-two bytes"),
    ] {
        let said = refused(&servers, system(&servers).client(client), exact()).await;
        assert!(
            said.starts_with(REFUSED) && said.ends_with(" (status 401, invalid_client)"),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn the_issuer_is_accepted_as_audience_and_another_one_is_refused_with_advice() {
    let servers = start().await;
    let client = with_key(Algorithm::Es256).audience("https://idp.example/token");
    let said = refused(&servers, system(&servers).client(client), exact()).await;
    assert!(said.starts_with(REFUSED) && said.ends_with(" (status 401, invalid_client)"), "{said}");

    let endpoint = servers.token_endpoint();
    let client = with_key(Algorithm::Es256).audience(endpoint.strip_suffix("/token").unwrap());
    let system = system(&servers).client(client).build().unwrap();
    TokenSource::over_http(system, http()).token().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn a_clock_that_is_ten_minutes_late_is_named_in_the_error() {
    let servers = start().await;
    for client in [with_key(Algorithm::Es256), with_secret_jwt()] {
        let clock = clock_at(wall() - TEN_MINUTES);
        let said = refused(&servers, system(&servers).client(client), clock).await;
        // A `Date` is a whole second, and some milliseconds old.
        let seconds = ["599", "600", "601"].map(|seconds| {
            format!(
                "; our clock is {seconds} s behind the server's, and the assertion has our time: correct the clock \
                 that is wrong (status 401, invalid_client)"
            )
        });
        let has_the_difference = seconds.iter().any(|end| said.ends_with(end));
        assert!(said.starts_with(REFUSED) && has_the_difference, "{said}");
    }
}

/// This server looks at `exp` alone. Others refuse an `iat` in the future.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn an_assertion_of_a_clock_that_is_ten_minutes_fast_is_accepted() {
    let servers = start().await;
    let system = system(&servers).client(with_key(Algorithm::Es256)).build().unwrap();
    let source = TokenSource::builder_over_http(system, http());
    let source = source.clock(clock_at(wall() + TEN_MINUTES)).build();
    source.token().await.unwrap();
    assert_eq!(servers.token_stats().await.grants["client_credentials"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn an_assertion_is_refused_the_second_time_and_ours_has_another_jti_each_time() {
    let servers = start().await;
    let forms = Forms::default();
    let ours = system(&servers).client(with_key(Algorithm::EdDsa)).build().unwrap();
    let source = TokenSource::over_http(ours, keeping(&forms, 0));
    for _ in 0..5 {
        let token = source.token().await.unwrap();
        source.reject(&token).await.unwrap();
    }
    let sent: Vec<Value> =
        forms.lock().unwrap().iter().map(|form| claims(assertion(form))).collect();
    let mut ids: Vec<_> = sent.iter().map(|claims| claims["jti"].as_str().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), sent.len());
    let stats = servers.token_stats().await;
    assert_eq!((stats.token_calls as usize, stats.errors.len()), (sent.len(), 0), "{stats:?}");

    let used = assertion(&forms.lock().unwrap()[0]).to_owned();
    let replayed = OAuthClient::with_assertion("key-EdDSA", used.as_str());
    let source = TokenSource::over_http(system(&servers).client(replayed).build().unwrap(), http());
    let error = source.token().await.unwrap_err().to_string();
    assert!(error.contains("refuses the client's assertion: the provider must know"), "{error}");
    assert!(!error.contains(&used) && !error.contains(ids[0]), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn after_a_lost_answer_the_request_is_sent_with_another_assertion() {
    let servers = start().await;
    let forms = Forms::default();
    let client = with_key(Algorithm::Es256);
    let source = TokenSource::builder_over_http(
        system(&servers).client(client).build().unwrap(),
        keeping(&forms, 1),
    );
    let clock = exact();
    let source = source.clock(clock.clone()).build();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Unreachable, "{error}");
    // The pause is over, and the wall clock is that of the server again.
    clock.advance(Duration::from_secs(60));
    clock.set_wall(wall());
    source.token().await.unwrap();
    assert_eq!(servers.token_stats().await.grants["client_credentials"], 2, "both were accepted");
    let forms = forms.lock().unwrap();
    let [lost, used] = [&forms[0], &forms[1]].map(|form| claims(assertion(form))["jti"].clone());
    assert_ne!(lost, used);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn a_token_is_for_the_resource_that_was_asked_for() {
    let servers = start().await;
    for (resource, status) in
        [("urn:api:default", StatusCode::OK), ("urn:api:other", StatusCode::UNAUTHORIZED)]
    {
        let system = system(&servers).client(with_key(Algorithm::Es256)).resource(resource);
        let source = TokenSource::over_http(system.build().unwrap(), http());
        let token = source.token().await.unwrap();
        assert_eq!(claims(token.expose())["aud"], resource);
        let layer = AuthLayer::new(source).with_origin(Origin::parse(servers.api()).unwrap());
        let response = Api::new(&layer, &servers).post("/documents", String::new()).await.unwrap();
        assert_eq!(response.status(), status, "{resource}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs node: run interop/run"]
async fn what_the_server_does_not_have_is_refused_with_advice() {
    let servers = start().await;
    let target =
        "the token endpoint refuses the audience or the resource: ask for one that it knows";
    let grant = "the token endpoint does not support this grant: check its address, and the grants of the provider";
    type Change = fn(OAuthBuilder) -> OAuthBuilder;
    let cases: [(Change, String); 4] = [
        (|it| it.resource("urn:api:unknown"), format!("{target} (status 400, invalid_target)")),
        (
            |it| it.resource("urn:api:default").resource("urn:api:other"),
            format!("{target} (status 400, invalid_target)"),
        ),
        (
            |it| it.grant(OAuthGrant::TokenExchange(TokenExchange::of("a token"))),
            format!("{grant} (status 400, unsupported_grant_type)"),
        ),
        (
            |it| it.grant(OAuthGrant::JwtBearer("a.b.c".into())),
            format!("{grant} (status 400, unsupported_grant_type)"),
        ),
    ];
    for (change, text) in cases {
        let system = change(system(&servers).client(with_key(Algorithm::Es256)));
        assert_eq!(refused(&servers, system, exact()).await, text);
    }
}
