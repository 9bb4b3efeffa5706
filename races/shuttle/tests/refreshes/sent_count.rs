//! Responses with new tokens, and refusals that arrive before them: promise 17.

use futures_util::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use shuttle::future::spawn;
use tower::util::BoxCloneService;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::{AuthLayer, BoxError, Origin};

use super::*;

type Body = Full<&'static [u8]>;

const API: &str = "https://api.example";

/// An API that refuses a token as soon as it sends the next one. Its answers arrive in any order.
fn api(valid: &str) -> BoxCloneService<Request<Body>, Response<Body>, Infallible> {
    let valid = Arc::new(Mutex::new(valid.to_owned()));
    BoxCloneService::new(service_fn(move |request: Request<Body>| {
        let valid = valid.clone();
        async move {
            yield_now().await;
            let carried = request.headers()[AUTHORIZATION].to_str().unwrap();
            let mut response = Response::new(Body::default());
            {
                let mut valid = valid.lock().unwrap();
                // An exchange also makes a token valid.
                if carried == *valid || carried == "2" && valid.starts_with('1') {
                    *valid = format!("{carried}'");
                    response.headers_mut().insert(AUTHORIZATION, valid.parse().unwrap());
                } else {
                    *response.status_mut() = StatusCode::UNAUTHORIZED;
                }
            }
            yield_now().await;
            Ok(response)
        }
    }))
}

fn request() -> Request<Body> {
    Request::get(API).body(Body::default()).unwrap()
}

fn layer(login: &Login) -> AuthLayer<Plain> {
    AuthLayer::new(source_of(login)).with_origin(Origin::parse(API).unwrap())
}

#[test]
fn a_refusal_that_arrives_before_the_new_token_waits_for_it_and_costs_no_exchange() {
    in_every_order(async || {
        let login = Login::default();
        let layer = layer(&login);
        layer.source().token().await.unwrap();
        let service = layer.layer(api("1"));
        let calls = [(); 2].map(|()| spawn(service.clone().oneshot(request())));
        for response in join_all(calls).await {
            assert_eq!(response.unwrap().unwrap().status(), 200);
        }
        assert_eq!(login.exchanges(), 1);
    });
}

#[test]
fn a_refusal_does_not_wait_for_a_response_whose_caller_has_given_up() {
    in_every_order(async || {
        let login = Login::default();
        let layer = layer(&login);
        layer.source().token().await.unwrap();
        let service = layer.layer(api("1"));
        let gives_up = spawn(impatient(service.clone().oneshot(request())));
        let response: Result<_, BoxError> = service.oneshot(request()).await;
        assert_eq!(response.unwrap().status(), 200);
        drop(gives_up.await.unwrap());
        assert!(login.exchanges() <= 2);
    });
}
