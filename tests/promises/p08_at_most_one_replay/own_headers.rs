//! Headers that are made for each request ([`PerRequest`]): a response may refuse them, and the request is then sent once
//! more with new ones. This is counted apart from the second sending for the token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use tower::Layer;
use tower_outbound_auth::replay::ReplayMethods;
use tower_outbound_auth::scheme::{
    InvalidToken, PerRequest, Presentation, ProofVerdict, RequestToSign, ResponseHead, Rotation,
    SignedRequest, bearer_value,
};
use tower_outbound_auth::{AuthLayer, BoxError, Origin, Recovery, Secret, TokenSource};

use crate::support::*;

static PROOF: HeaderName = HeaderName::from_static("proof");

/// The proof is its number. A response says in `x-proof` what it thinks of it.
#[derive(Clone, Default)]
struct Proving {
    made: Arc<AtomicUsize>,
    read: Arc<AtomicUsize>,
    /// The first token has no proofs.
    not_for_the_first: bool,
    rotation: Option<Rotation>,
}

impl PerRequest for Proving {
    fn headers(&self, _: RequestToSign<'_>) -> Result<HeaderMap, BoxError> {
        let number = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(HeaderMap::from_iter([(PROOF.clone(), HeaderValue::from(number))]))
    }

    fn response(&self, request: SignedRequest<'_>, response: ResponseHead<'_>) -> ProofVerdict {
        self.read.fetch_add(1, Ordering::SeqCst);
        assert_eq!((request.headers.len(), request.uri.host()), (1, Some("api.example")));
        match response.headers.get("x-proof").map(HeaderValue::as_bytes) {
            Some(b"again") => ProofVerdict::SendAgain,
            Some(b"refused") => ProofVerdict::Refused,
            _ => ProofVerdict::Accepted,
        }
    }
}

impl Presentation for Proving {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        bearer_value(token)
    }

    fn rotation(&self) -> Option<&Rotation> {
        self.rotation.as_ref()
    }

    fn per_request(&self, token: &Secret) -> Option<Arc<dyn PerRequest>> {
        let has_proofs = !self.not_for_the_first || token.expose() != "token-1";
        has_proofs.then(|| Arc::new(self.clone()) as Arc<dyn PerRequest>)
    }
}

/// What the API answers to one request: the status, and what it thinks of the proof.
type Answer = (u16, &'static str);

struct Case {
    source: TokenSource<Proving>,
    layer: AuthLayer<Proving>,
    proving: Proving,
}

fn case(proving: Proving) -> Case {
    let source = TokenSource::new(proving.clone(), world().exchange);
    let layer = AuthLayer::new(source.clone()).with_origin(Origin::parse(API).unwrap());
    Case { source, layer, proving }
}

/// What the API got of one request, token and proof, and what the caller got.
async fn sent(
    case: &Case,
    request: Request<Body>,
    answers: &[Answer],
) -> (Vec<String>, Response<Body>) {
    let (log, answers) = (Arc::new(std::sync::Mutex::new(Vec::new())), answers.to_vec());
    let seen = log.clone();
    let api = tower::service_fn(move |request: Request<Body>| {
        let text = |name| request.headers().get(name).map_or("none", |it| it.to_str().unwrap());
        let mut seen = seen.lock().unwrap();
        seen.push(format!(
            "{} {}",
            text(&AUTHORIZATION).replace("Bearer token-", ""),
            text(&PROOF)
        ));
        let (status, verdict) = answers[seen.len() - 1];
        let response = Response::builder().status(status).header("x-proof", verdict);
        let response = response.header("x-next", "handed-out");
        std::future::ready(response.body(Body::from("the API's answer")).map_err(BoxError::from))
    });
    let response = send(&case.layer.layer(api), request).await.unwrap();
    let seen = log.lock().unwrap().clone();
    (seen, response)
}

#[tokio::test]
async fn a_request_is_sent_once_more_for_its_headers_and_once_more_for_its_token() {
    let (ok, again, refused) = ((200, ""), (401, "again"), (401, ""));
    for (answers, expected, status, recovery) in [
        (&[ok][..], &["1 1"][..], 200, None),
        (&[again, ok], &["1 1", "1 2"], 200, Some(Recovery::Replayed)),
        (&[again, again], &["1 1", "1 2"], 401, Some(Recovery::ProofRefused)),
        (&[(401, "refused")], &["1 1"], 401, Some(Recovery::ProofRefused)),
        (&[(403, "again"), ok], &["1 1", "1 2"], 200, Some(Recovery::Replayed)),
        (&[again, (401, "refused")], &["1 1", "1 2"], 401, Some(Recovery::ProofRefused)),
        (&[again, refused, ok], &["1 1", "1 2", "2 3"], 200, Some(Recovery::Replayed)),
        (&[again, refused, refused], &["1 1", "1 2", "2 3"], 401, Some(Recovery::Replayed)),
        (&[again, refused, again], &["1 1", "1 2", "2 3"], 401, Some(Recovery::ProofRefused)),
        (&[refused, again, ok], &["1 1", "2 2", "2 3"], 200, Some(Recovery::Replayed)),
        (&[refused, again, again], &["1 1", "2 2", "2 3"], 401, Some(Recovery::ProofRefused)),
        (&[refused, again, refused], &["1 1", "2 2", "2 3"], 401, Some(Recovery::Replayed)),
    ] {
        let case = case(Proving::default());
        let (seen, response) = sent(&case, post("/x", "body"), answers).await;
        assert_eq!(seen, expected, "{answers:?}");
        assert_eq!(response.status(), status, "{answers:?}");
        assert_eq!(response.extensions().get(), recovery.as_ref(), "{answers:?}");
        assert_eq!(text(response).await, "the API's answer");
        let counters = case.source.status().counters;
        let (renewals, anew) =
            (expected[expected.len() - 1].starts_with('2'), answers.contains(&again));
        let is_sent_anew = anew && expected.len() > 1;
        assert_eq!(counters.exchanges(), 1 + u64::from(renewals), "{answers:?}");
        assert_eq!(counters.new_proofs, u64::from(is_sent_anew || answers[0].1 == "again"));
        assert_eq!(
            case.proving.read.load(Ordering::SeqCst),
            expected.len(),
            "each response is shown once"
        );
    }
}

#[tokio::test]
async fn a_request_that_is_not_kept_is_not_sent_again_for_its_headers_and_renews_nothing() {
    let mut case = case(Proving::default());
    case.layer = case.layer.with_replay_methods(ReplayMethods::Idempotent);
    let (seen, response) = sent(&case, post("/x", "body"), &[(401, "again")]).await;
    assert_eq!((seen.len(), response.status().as_u16()), (1, 401));
    assert_eq!(response.extensions().get(), Some(&Recovery::ProofRefused));
    let counters = case.source.status().counters;
    assert_eq!((counters.exchanges(), counters.refusals, counters.new_proofs), (1, 0, 0));
}

#[tokio::test]
async fn a_token_that_needs_headers_has_them_even_if_the_token_before_it_needed_none() {
    let case = case(Proving { not_for_the_first: true, ..Proving::default() });
    let (seen, response) = sent(&case, get("/"), &[(401, "again"), (200, "")]).await;
    assert_eq!((seen, response.status().as_u16()), (vec!["1 none".into(), "2 1".into()], 200));
    assert_eq!(case.proving.read.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_response_of_another_origin_is_not_shown_to_the_maker() {
    let mut case = case(Proving::default());
    let elsewhere = Uri::from_static("https://other.example/x");
    case.layer = case
        .layer
        .with_origin(Origin::parse("https://other.example").unwrap())
        .with_response_uri(move |_| Some(elsewhere.clone()));
    let (seen, response) = sent(&case, get("/"), &[(200, "again")]).await;
    assert_eq!((seen.len(), response.status().as_u16()), (1, 200));
    assert_eq!(case.proving.read.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_token_in_a_response_that_refuses_the_headers_does_not_reach_the_caller() {
    let rotation = Some(Rotation::in_header(HeaderName::from_static("x-next")));
    let case = case(Proving { rotation, ..Proving::default() });
    let (_, response) = sent(&case, get("/"), &[(401, "again"), (401, "again")]).await;
    assert!(!response.headers().contains_key("x-next"));
}
