//! gRPC: what is a refusal there (promises 7 and 8).

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, Request, Response};
use tokio::time::sleep;
use tower::{Layer, Service, service_fn};
use tower_outbound_auth::Recovery;
use tower_outbound_auth::scheme::{Presentation, ResponseHead, Verdict};
use tower_outbound_auth::system::{Atlas, ClientCredentials, HeaderScheme};

use crate::support::*;

/// The token and the `grpc-timeout` of each call, as the server saw them.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<(String, String)>>>);

impl Calls {
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn timeouts(&self) -> Vec<String> {
        self.all().into_iter().map(|(_, timeout)| timeout).collect()
    }
}

/// A server that answers after `latency` with what `answer` says to a token.
pub(crate) fn server<A>(
    seen: &Calls,
    latency: Duration,
    answer: A,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ use<A>
where
    A: Fn(&str) -> Response<Body> + Clone + Send + 'static,
{
    let seen = seen.clone();
    service_fn(move |request: Request<Body>| {
        let text = |name: &str| match request.headers().get(name) {
            Some(value) => value.to_str().unwrap().to_owned(),
            None => "none".to_owned(),
        };
        let token = text("authorization").replace("Bearer ", "");
        seen.0.lock().unwrap().push((token.clone(), text("grpc-timeout")));
        let answer = answer(&token);
        async move {
            sleep(latency).await;
            Ok(answer)
        }
    })
}

pub(crate) fn ok() -> Response<Body> {
    Response::new(Body::from("done"))
}

/// A response that is Trailers-Only.
pub(crate) fn status(code: &'static str) -> Response<Body> {
    Response::builder().header("grpc-status", code).body(Body::default()).unwrap()
}

pub(crate) fn refuse_first(token: &str) -> Response<Body> {
    if token == "token-1" { status("16") } else { ok() }
}

pub(crate) fn recovery(response: &Response<Body>) -> Option<Recovery> {
    response.extensions().get().copied()
}

#[tokio::test(start_paused = true)]
async fn unauthenticated_in_place_of_a_response_is_healed() {
    let (world, seen) = (world(), Calls::default());
    let service = world.layer.layer(server(&seen, secs(0), refuse_first));
    let response = send(&service, post("/", "message")).await.unwrap();
    assert_eq!(recovery(&response), Some(Recovery::Replayed));
    assert_eq!(text(response).await, "done");
    assert_eq!((world.exchange.exchanges(), seen.all().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn no_other_status_of_grpc_renews_and_neither_does_16_beside_another_status_of_http() {
    for (http, grpc) in [
        (200, "0"),
        (200, "7"),
        (200, "14"),
        (200, "1"),
        (200, "116"),
        (200, "16x"),
        (403, "16"),
        (503, "16"),
    ] {
        let (world, seen) = (world(), Calls::default());
        let answer = move |_: &str| {
            let mut response = status(grpc);
            *response.status_mut() = http.try_into().unwrap();
            response
        };
        let service = world.layer.layer(server(&seen, secs(0), answer));
        let response = send(&service, post("/", "")).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["grpc-status"]),
            (http, &grpc.parse().unwrap())
        );
        assert_eq!(recovery(&response), None);
        assert_eq!((world.exchange.exchanges(), seen.all().len()), (1, 1), "{http} {grpc}");
    }
}

#[test]
fn all_schemes_of_this_crate_read_grpc_s_refusal_and_its_reason() {
    let atlas = Atlas::new("https://auth.example/v1/authtoken", "id", "secret").unwrap();
    let oauth = ClientCredentials::new("https://auth.example/token", "id", "secret").unwrap();
    let schemes: [Arc<dyn Presentation>; 3] =
        [Arc::new(atlas), Arc::new(oauth), Arc::new(HeaderScheme::bearer())];
    for scheme in schemes {
        let judge = |response: Response<Body>| scheme.judge().verdict(ResponseHead::of(&response));
        assert_eq!(judge(status("16")), Verdict::Refused);
        for (reason, verdict) in [
            ("insufficient_scope", Verdict::Accepted),
            ("invalid_request", Verdict::Accepted),
            ("invalid_token", Verdict::Refused),
        ] {
            let challenge = HeaderValue::try_from(format!("Bearer error=\"{reason}\"")).unwrap();
            let mut response = status("16");
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            assert_eq!(judge(response), verdict, "{reason}");
        }
    }
}
