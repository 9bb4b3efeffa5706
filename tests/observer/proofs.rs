//! A request that is sent again with a new proof is told, and is no refusal of the token.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::exchange::{self, Issued};
use tower_outbound_auth::scheme::{
    InvalidToken, PerRequest, Presentation, ProofVerdict, RequestToSign, ResponseHead,
    SignedRequest, bearer_value,
};
use tower_outbound_auth::token::Observer;
use tower_outbound_auth::{AuthLayer, BoxError, Origin, Secret, TokenSource};

use crate::told::Told;

/// Each 401 is about the proof.
struct Proving;

impl PerRequest for Proving {
    fn headers(&self, _: RequestToSign<'_>) -> Result<HeaderMap, BoxError> {
        Ok(HeaderMap::new())
    }

    fn response(&self, _: SignedRequest<'_>, response: ResponseHead<'_>) -> ProofVerdict {
        if response.status == 401 { ProofVerdict::SendAgain } else { ProofVerdict::Accepted }
    }
}

impl Presentation for Proving {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        bearer_value(token)
    }

    fn per_request(&self, _: &Secret) -> Option<Arc<dyn PerRequest>> {
        Some(Arc::new(Proving))
    }
}

/// Sends three requests to an API that refuses the first proof of each one.
async fn three_requests(observer: impl Observer) -> u64 {
    let exchange = exchange::from_fn(|| async { Ok(Issued::new("abc")) });
    let source = TokenSource::builder(Proving, exchange).name("reports").observer(observer).build();
    let layer = AuthLayer::new(source).with_origin(Origin::parse("https://api.example").unwrap());
    for _ in 0..3 {
        let refuses = Arc::new(Mutex::new(true));
        let api = service_fn(move |_: Request<Full<Bytes>>| {
            let status = if std::mem::take(&mut *refuses.lock().unwrap()) { 401 } else { 200 };
            let answer = Response::builder().status(status).body(Full::<Bytes>::default());
            async move { Ok::<_, Infallible>(answer.unwrap()) }
        });
        let request = Request::get("https://api.example/").body(Full::default()).unwrap();
        let response = layer.layer(api).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
    }
    layer.source().status().counters.new_proofs
}

#[tokio::test]
async fn each_new_proof_is_told_once() {
    let told = Told::default();
    assert_eq!(three_requests(told.clone()).await, 3);
    let told = told.take();
    assert_eq!(told.iter().filter(|it| *it == "new proof").count(), 3, "{told:?}");
    assert!(!told.iter().any(|it| it.contains("refused")), "{told:?}");
}

#[cfg(feature = "metrics")]
#[test]
fn each_new_proof_is_counted_and_is_no_refusal() {
    use tower_outbound_auth::token::MetricsObserver;

    let metrics = crate::recorder::Recorded::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&metrics, || {
        runtime.block_on(three_requests(MetricsObserver::new()));
    });
    assert_eq!(metrics.value("outbound_auth_new_proofs_total", ""), 3.0);
    assert_eq!(metrics.value("outbound_auth_refusals_total", ""), 0.0);
}
