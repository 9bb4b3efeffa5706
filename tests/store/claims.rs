//! An API demands claims, and the endpoint refuses the refresh token at the same time, as when the session of a user ends.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::store::MemoryStore;
use tower_outbound_auth::system::{OAuth, OAuthClient};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

#[tokio::test]
async fn demanded_claims_go_into_the_exchange_that_follows_a_refused_refresh_token() {
    let forms: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = forms.clone();
    let endpoint = service_fn(move |request: Request<Full<Bytes>>| {
        let log = log.clone();
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let form = String::from_utf8(body.to_vec()).unwrap();
            let (status, token) = match () {
                () if form.contains("refresh_token=") => (400, None),
                () if form.contains("claims=") => (200, Some("with-claims")),
                () => (200, Some("without-claims")),
            };
            log.lock().unwrap().push(form);
            let answer = match token {
                Some(token) => format!(r#"{{"access_token":"{token}","refresh_token":"r"}}"#),
                None => r#"{"error":"invalid_grant"}"#.to_owned(),
            };
            let response = Response::builder().status(status);
            let response = response.header("content-type", "application/json");
            Ok::<_, Infallible>(response.body(Full::<Bytes>::from(answer)).unwrap())
        }
    });
    let api = service_fn(|request: Request<Full<Bytes>>| async move {
        let challenge = r#"Bearer error="insufficient_claims", claims="eyJhIjoxfQ==""#;
        let response = match request.headers()["authorization"] == "Bearer with-claims" {
            true => Response::builder(),
            false => Response::builder().status(401).header("www-authenticate", challenge),
        };
        Ok::<_, Infallible>(response.body(Full::<Bytes>::default()).unwrap())
    });
    let system = OAuth::builder("https://idp.example/token")
        .client(OAuthClient::with_secret("billing", "s3cret"))
        .refresh_tokens()
        .claims_challenges();
    let source = TokenSource::builder_over_http(system.build().unwrap(), endpoint)
        .clock(ManualClock::new())
        .store(MemoryStore::new());
    let origin = Origin::parse("https://api.example").unwrap();
    let api = AuthLayer::new(source.build()).with_origin(origin).layer(api);
    let request = Request::get("https://api.example/").body(Full::default()).unwrap();
    assert_eq!(api.oneshot(request).await.unwrap().status(), 200);
    let claims = "&claims=%7B%22a%22%3A1%7D";
    let forms = forms.lock().unwrap();
    assert_eq!(
        *forms,
        [
            "grant_type=client_credentials".to_owned(),
            format!("grant_type=refresh_token&refresh_token=r{claims}"),
            format!("grant_type=client_credentials{claims}"),
        ]
    );
}
