//! A scheme or an exchange behind an `Arc` is the same one: no method falls back to its default.

use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tower_outbound_auth::endpoint::{ExchangeAnswer, ExchangeRequest, Grant, RequestContext, Step};
use tower_outbound_auth::exchange::{
    Exchange, ExchangeContext, ExchangeError, Identity, Issued, Reason,
};
use tower_outbound_auth::scheme::{
    InvalidToken, Judge, PerRequest, Presentation, RequestToSign, ResponseHead, Rotation, Verdict,
    prefixed_value,
};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{exchange_context, request_context};
use tower_outbound_auth::{BoxError, Credential, Scheme, Secret, TokenSource};

static NAME: HeaderName = HeaderName::from_static("x-token");

/// Overrides every method.
struct Own {
    credential: Credential,
    rotation: Rotation,
}

impl Own {
    fn new() -> Own {
        let credential = Credential::from("a secret");
        Own { credential, rotation: Rotation::in_header(AUTHORIZATION) }
    }
}

impl Grant for Own {
    fn identity(&self) -> Identity {
        Identity::new("own")
    }

    fn credentials(&self) -> &[Credential] {
        std::slice::from_ref(&self.credential)
    }

    fn request(&self, _: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
        Ok(ExchangeRequest::new(Request::get("https://own.example").body(Bytes::new())?))
    }

    fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
        Ok(Step::Issued(Issued::new(answer.text()?)))
    }
}

impl Presentation for Own {
    fn header_name(&self) -> &HeaderName {
        &NAME
    }

    fn header_value(
        &self,
        token: &Secret,
        token_type: Option<&str>,
    ) -> Result<HeaderValue, InvalidToken> {
        prefixed_value(&format!("{} ", token_type.unwrap_or_default()), token)
    }

    fn judge(&self) -> Judge {
        Judge::new(|_| Verdict::Refused)
    }

    fn rotation(&self) -> Option<&Rotation> {
        Some(&self.rotation)
    }

    fn is_authentic(&self, _: &Secret) -> bool {
        false
    }

    fn per_request(&self, _: &Secret) -> Option<Arc<dyn PerRequest>> {
        Some(Arc::new(NoProof))
    }
}

struct NoProof;

impl PerRequest for NoProof {
    fn headers(&self, _: RequestToSign<'_>) -> Result<HeaderMap, BoxError> {
        Ok(HeaderMap::new())
    }
}

impl Exchange for Own {
    async fn exchange(&self, _: &ExchangeContext) -> Result<Issued, ExchangeError> {
        Ok(Issued::new("a token"))
    }

    fn identity(&self) -> Identity {
        Identity::new("own")
    }

    fn credentials(&self) -> &[Credential] {
        std::slice::from_ref(&self.credential)
    }
}

fn assert_is_own(scheme: &impl Scheme) {
    assert_eq!(scheme.identity().system(), "own");
    assert_eq!(scheme.credentials().len(), 1);
    let request = scheme.request(&request_context(Reason::First)).unwrap().into_http();
    assert_eq!(request.uri(), "https://own.example");
    let answer = ExchangeAnswer::new(Response::new(Bytes::from("a token")));
    let step = scheme.read(answer).unwrap();
    assert!(
        matches!(&step, Step::Issued(issued) if issued.access_token().expose() == "a token"),
        "{step:?}"
    );
    assert_eq!(scheme.header_name(), "x-token");
    assert_eq!(scheme.header_value(&Secret::from("abc"), Some("own")).unwrap(), "own abc");
    let fine = Response::new(());
    assert_eq!(scheme.judge().verdict(ResponseHead::of(&fine)), Verdict::Refused);
    assert_eq!(scheme.rotation().unwrap().header(), AUTHORIZATION);
    assert!(!scheme.is_authentic(&Secret::from("abc")));
    assert!(scheme.per_request(&Secret::from("abc")).is_some());
}

#[test]
fn a_scheme_behind_an_arc_forwards_every_method() {
    assert_is_own(&Own::new());
    assert_is_own(&Arc::new(Own::new()));
    let scheme: Arc<dyn Scheme> = Arc::new(Own::new());
    assert_is_own(&scheme);
    // Each half stands for itself, too.
    let presentation: Arc<dyn Presentation> = scheme.clone();
    let grant: Arc<dyn Grant> = scheme;
    assert_eq!((grant.identity().system(), presentation.header_name()), ("own", &NAME));
}

#[tokio::test]
async fn an_exchange_behind_an_arc_forwards_every_method() {
    let exchange = Arc::new(Own::new());
    let issued = exchange.exchange(&exchange_context(Reason::First)).await.unwrap();
    assert_eq!(issued.access_token().expose(), "a token");
    assert_eq!(Exchange::identity(&exchange).system(), "own");
    assert_eq!(Exchange::credentials(&exchange).len(), 1);
    let source = TokenSource::new(HeaderScheme::bearer(), exchange);
    assert!(format!("{source:?}").contains(r#"system: "own""#), "{source:?}");
}
