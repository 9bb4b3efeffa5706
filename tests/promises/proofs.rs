//! What each request carries beside its token: headers that are made for it alone, and a prefix by the token's type.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use tower::Layer;
use tower_outbound_auth::exchange::{self, ExchangeError, ExchangeErrorKind, Issued};
use tower_outbound_auth::scheme::{
    InvalidToken, PerRequest, Presentation, RequestToSign, Rotation, bearer_value, prefixed_value,
};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::TokioClock;
use tower_outbound_auth::{
    AuthLayer, BoxError, ErrorKind, Exempt, Origin, Recovery, Secret, TokenSource,
};

use crate::support::*;

static PROOF: HeaderName = HeaderName::from_static("proof");

/// Each token gets a key of its own, by number. The proof says the key, its own number, and what it is for.
#[derive(Default)]
struct Proving {
    keys: AtomicUsize,
    proofs: Arc<AtomicUsize>,
    /// Proofs from this one on fail.
    fails_from: Option<usize>,
}

struct Key {
    number: usize,
    proofs: Arc<AtomicUsize>,
    fails_from: Option<usize>,
}

impl PerRequest for Key {
    fn headers(&self, request: RequestToSign<'_>) -> Result<HeaderMap, BoxError> {
        let nth = self.proofs.fetch_add(1, Ordering::SeqCst) + 1;
        if self.fails_from.is_some_and(|from| nth >= from) {
            return Err("the key service is away".into());
        }
        assert!(request.head.headers.contains_key(AUTHORIZATION), "it is in place by now");
        let (key, head, token) = (self.number, request.head, request.token.expose());
        let proof = format!("key {key}, {nth}: {} {} {token}", head.method, head.uri.path());
        let mut headers = HeaderMap::new();
        headers.append(&PROOF, HeaderValue::try_from(proof)?);
        headers.append(&PROOF, HeaderValue::from_static("a second value"));
        Ok(headers)
    }
}

impl Presentation for Proving {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(
        &self,
        token: &Secret,
        token_type: Option<&str>,
    ) -> Result<HeaderValue, InvalidToken> {
        prefixed_value(if token_type == Some("dpop") { "DPoP " } else { "Bearer " }, token)
    }

    fn per_request(&self, _: &Secret) -> Option<Arc<dyn PerRequest>> {
        let number = self.keys.fetch_add(1, Ordering::SeqCst) + 1;
        let (proofs, fails_from) = (self.proofs.clone(), self.fails_from);
        Some(Arc::new(Key { number, proofs, fails_from }))
    }
}

fn layer(presentation: Proving) -> AuthLayer {
    let exchange = world().exchange;
    let source = TokenSource::new(presentation, exchange);
    AuthLayer::new(source).with_origin(Origin::parse(API).unwrap()).erased()
}

fn proofs(api: &Api) -> Vec<String> {
    let all = api.seen().into_iter().map(|seen| {
        let values: Vec<_> =
            seen.headers.get_all(&PROOF).iter().map(|it| it.to_str().unwrap().to_owned()).collect();
        values.join(" | ")
    });
    all.collect()
}

#[tokio::test(start_paused = true)]
async fn each_sending_has_headers_of_its_own_in_place_of_the_callers() {
    let (api, layer) = (Api::default(), layer(Proving::default()));
    let service = layer.layer(api.clone());
    for path in ["/waits", "/does-not"] {
        let mut request = get(path);
        request.headers_mut().append(&PROOF, HeaderValue::from_static("the caller's"));
        assert_eq!(send(&service, request).await.unwrap().status(), 200);
    }
    assert_eq!(
        proofs(&api),
        [
            "key 1, 1: GET /waits token-1 | a second value",
            "key 1, 2: GET /does-not token-1 | a second value",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_second_sending_is_proved_anew_with_the_key_that_came_with_its_token() {
    let (api, layer) = (Api::default(), layer(Proving::default()));
    let service = layer.layer(api.clone());
    send(&service, get("/")).await.unwrap();
    api.revoke("token-1");
    assert_eq!(send(&service, post("/x", "body")).await.unwrap().status(), 200);
    assert_eq!(
        proofs(&api)[1..],
        [
            "key 1, 2: POST /x token-1 | a second value",
            "key 2, 3: POST /x token-2 | a second value",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_without_credential_has_no_proof() {
    let (api, layer) = (Api::default(), layer(Proving::default()));
    let service = layer.layer(api.clone());
    let mut request = get("/health");
    request.extensions_mut().insert(Exempt);
    send(&service, request).await.unwrap();
    assert_eq!(proofs(&api), [""]);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_proof_cannot_be_made_is_not_sent() {
    for requests_before in [0, 1] {
        let fails_from = Some(requests_before + 1);
        let (api, layer) = (Api::default(), layer(Proving { fails_from, ..Proving::default() }));
        let service = layer.layer(api.clone());
        for _ in 0..requests_before {
            send(&service, get("/")).await.unwrap();
        }
        let error = send(&service, get("/")).await.unwrap_err();
        assert_eq!(ours(&error).kind(), ErrorKind::Proof);
        assert!(!ours(&error).is_transient());
        let text = "the request was not sent: its proof could not be made: the key service is away";
        assert_eq!(error.to_string(), text);
        assert_eq!(api.requests(), requests_before);
    }
}

#[tokio::test(start_paused = true)]
async fn where_the_second_proof_cannot_be_made_the_caller_gets_the_refusal() {
    let (api, layer) =
        (Api::default(), layer(Proving { fails_from: Some(2), ..Proving::default() }));
    let service = layer.layer(api.clone());
    api.revoke("token-1");
    let answer = send(&service, get("/")).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.extensions().get(), Some(&Recovery::ResendFailed));
    assert_eq!(api.requests(), 1);
}

#[tokio::test]
async fn a_presentation_learns_what_the_issuer_calls_its_token() {
    for (token_type, value) in
        [(None, "Bearer abc"), (Some("bearer"), "Bearer abc"), (Some("DPoP"), "DPoP abc")]
    {
        let exchange = exchange::from_fn(move || async move {
            let issued = Issued::new("abc");
            Ok(match token_type {
                Some(token_type) => issued.with_token_type(token_type),
                None => issued,
            })
        });
        let source = TokenSource::new(Proving::default(), exchange);
        assert_eq!(source.token().await.unwrap().header_value(), value);
    }
    let odd = Issued::new("abc").with_token_type("B\u{1b}\n".to_owned() + &"x".repeat(100));
    assert_eq!(odd.token_type(), Some(&*("b__".to_owned() + &"x".repeat(61))));
    assert_eq!(Issued::new("abc").with_token_type("").token_type(), None);
}

#[tokio::test(start_paused = true)]
async fn the_same_token_once_more_keeps_its_key_and_no_log_may_show_a_proof() {
    let exchange = world().exchange;
    exchange.set_sticky(Some("sticky"));
    let source =
        TokenSource::builder(Proving::default(), exchange).clock(TokioClock::new()).build();
    let (api, layer) = (Api::default(), AuthLayer::new(source.clone()));
    let service = layer.with_origin(Origin::parse(API).unwrap()).layer(api.clone());
    send(&service, get("/")).await.unwrap();
    tokio::time::sleep(secs(3_300)).await;
    send(&service, get("/")).await.unwrap(); // it is asked for again, in the background
    source.settled().await;
    send(&service, get("/")).await.unwrap();
    assert_eq!(source.status().counters.same_token, 1);
    assert!(proofs(&api).iter().all(|proof| proof.starts_with("key 1, ")), "{:?}", proofs(&api));
    assert!(api.seen().iter().all(|seen| seen.headers[&PROOF].is_sensitive()));
}

#[tokio::test(start_paused = true)]
async fn a_header_scheme_takes_a_maker_too() {
    let maker = Key { number: 9, proofs: Arc::default(), fails_from: None };
    let scheme = HeaderScheme::bearer().with_per_request(maker);
    assert_eq!(
        format!("{scheme:?}"),
        r#"HeaderScheme { name: "authorization", prefix: "Bearer ", .. }"#
    );
    let source = TokenSource::new(scheme, world().exchange);
    let (api, layer) = (Api::default(), AuthLayer::new(source));
    let service = layer.with_origin(Origin::parse(API).unwrap()).layer(api.clone());
    for _ in 0..2 {
        send(&service, get("/")).await.unwrap();
    }
    let second = " | a second value";
    assert_eq!(
        proofs(&api),
        [format!("key 9, 1: GET / token-1{second}"), format!("key 9, 2: GET / token-1{second}")]
    );
}

#[test]
fn a_credential_that_cannot_stand_in_a_header_is_a_wrong_configuration() {
    let error = ExchangeError::from(bearer_value(&Secret::from("a\nb")).unwrap_err());
    assert_eq!(error.kind(), ExchangeErrorKind::Configuration);
    assert!(error.to_string().contains("a line break"), "{error}");
}

/// Hands out successors, and has a key of its own for each exchange.
struct Handing(Rotation, AtomicUsize);

impl Presentation for Handing {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(
        &self,
        token: &Secret,
        token_type: Option<&str>,
    ) -> Result<HeaderValue, InvalidToken> {
        prefixed_value(&format!("{} ", token_type.unwrap_or("none")), token)
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.0)
    }

    fn per_request(&self, _: &Secret) -> Option<Arc<dyn PerRequest>> {
        let number = self.1.fetch_add(1, Ordering::SeqCst) + 1;
        Some(Arc::new(Key { number, proofs: Arc::default(), fails_from: None }))
    }
}

#[tokio::test]
async fn a_successor_that_a_response_hands_out_has_the_type_and_the_key_of_its_exchange() {
    let next = HeaderName::from_static("x-next");
    let presentation = Handing(Rotation::in_header(next), AtomicUsize::new(0));
    let exchange = exchange::from_fn(|| async { Ok(Issued::new("first").with_token_type("DPoP")) });
    let layer = AuthLayer::new(TokenSource::new(presentation, exchange))
        .with_origin(Origin::parse(API).unwrap());
    let sent = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = sent.clone();
    let service = layer.layer(tower::service_fn(move |request: http::Request<Body>| {
        let headers = request.headers();
        let text = |name| headers[name].to_str().unwrap().to_owned();
        log.lock().unwrap().push((text(&AUTHORIZATION), text(&PROOF)));
        let response = http::Response::builder().header("x-next", "second");
        std::future::ready(response.body(Body::default()).map_err(BoxError::from))
    }));
    for _ in 0..2 {
        send(&service, get("/")).await.unwrap();
    }
    let sent: HashSet<_> = sent.lock().unwrap().iter().cloned().collect();
    let expected = [
        ("dpop first".to_owned(), "key 1, 1: GET / first".to_owned()),
        ("dpop second".to_owned(), "key 1, 2: GET / second".to_owned()),
    ];
    assert_eq!(sent, HashSet::from(expected));
}
