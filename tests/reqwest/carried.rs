//! What reaches the client below, and what comes back, in memory: nothing is lost.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, Version};
use http_body::Body;
use http_body_util::BodyExt;
use reqwest::{Request, Response, ResponseBuilderExt};
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::adapter::reqwest::{HttpService, into_reqwest};
use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::testkit::{ManualClock, TokioClock};
use tower_outbound_auth::{BoxError, Error, ErrorKind, Recovery};

use super::adapters::{layer, ours};

const ORIGIN: &str = "https://api.example";

fn request(url: &str, timeout: Option<Duration>) -> Request {
    let mut request = Request::new(Method::PUT, url.parse().unwrap());
    *request.timeout_mut() = timeout;
    request
}

/// As a client makes it.
fn response(request: &Request, status: u16) -> Response {
    let response = http::Response::builder().status(status).version(Version::HTTP_2);
    let response = response.header("x-kept", "1").url(request.url().clone());
    response.extension("an extension").body("hello").unwrap().into()
}

/// Refuses `token-1`, after this long.
fn refusing(
    clock: ManualClock,
    seen: Arc<Mutex<Vec<Request>>>,
    takes: Duration,
) -> impl tower::Service<Request, Response = Response, Error = BoxError, Future: Send> + Clone {
    service_fn(move |request: Request| {
        clock.advance(takes);
        let refused = request.headers()["token"] == "token-1";
        let response = response(&request, if refused { 401 } else { 200 });
        seen.lock().unwrap().push(request);
        async move { Ok(response) }
    })
}

#[tokio::test]
async fn a_timeout_holds_for_both_requests_together() {
    let (clock, seen) = (ManualClock::new(), Arc::default());
    let (layer, _) = layer("token", ORIGIN);
    let layer = layer.danger_own_reqwest_client();
    let client = refusing(clock.clone(), Arc::clone(&seen), Duration::from_millis(300));
    let api = layer.rebuild_source(|source| source.clock(clock)).layer(client);
    let answer = api.oneshot(request(ORIGIN, Some(Duration::from_secs(1)))).await.unwrap();
    assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed));
    let timeouts: Vec<_> = seen.lock().unwrap().iter().map(|it| it.timeout().copied()).collect();
    assert_eq!(timeouts, [1_000, 700].map(|ms| Some(Duration::from_millis(ms))));
}

#[tokio::test]
async fn a_request_without_a_timeout_gets_none() {
    let (clock, seen) = (ManualClock::new(), Arc::default());
    let (layer, _) = layer("token", ORIGIN);
    let layer = layer.danger_own_reqwest_client();
    let client = refusing(clock.clone(), Arc::clone(&seen), Duration::from_millis(300));
    layer
        .danger_own_reqwest_client()
        .rebuild_source(|source| source.clock(clock))
        .layer(client)
        .oneshot(request(ORIGIN, None))
        .await
        .unwrap();
    assert!(seen.lock().unwrap().iter().all(|request| request.timeout().is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_ends_the_wait_for_a_token_too() {
    let (layer, exchange) = layer("token", ORIGIN);
    let layer = layer.danger_own_reqwest_client();
    let clock = TokioClock::new();
    let exchange = exchange.with_delay(Duration::from_secs(5), clock.clone());
    let layer = layer.rebuild_source(|source| source.clock(clock.clone()));
    let source = layer.source().clone();
    let api = layer.layer(service_fn(|request: Request| async move {
        Ok::<_, BoxError>(response(&request, 200))
    }));
    let began = clock.now();
    let call = api.clone().oneshot(request(ORIGIN, Some(Duration::from_secs(2))));
    let error: BoxError = call.await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::Timeout);
    let waited = clock.now().since(began);
    assert!((1_990..2_100).contains(&waited.as_millis()), "{waited:?}");

    source.settled().await;
    assert_eq!(exchange.exchanges(), 1, "the exchange continued");
    let timed = request(ORIGIN, Some(Duration::from_secs(2)));
    assert_eq!(api.oneshot(timed).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn once_a_request_is_sent_only_the_client_times_it() {
    let (layer, _) = layer("token", ORIGIN);
    let layer = layer.danger_own_reqwest_client();
    let api = layer.layer(service_fn(|request: Request| async move {
        tokio::time::sleep(Duration::from_secs(5)).await;
        Ok::<_, BoxError>(response(&request, 200))
    }));
    let timed = request(ORIGIN, Some(Duration::from_secs(2)));
    assert_eq!(api.oneshot(timed).await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_request_reaches_the_client_as_it_was_made() {
    let (clock, seen) = (ManualClock::new(), Arc::default());
    let (layer, _) = layer("token", ORIGIN);
    let layer = layer.danger_own_reqwest_client();
    let client = refusing(clock.clone(), Arc::clone(&seen), Duration::ZERO);
    let url = "https://api.example/a%20b?q=1#part";
    let mut request = request(url, None);
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().append("x-many", "1".parse().unwrap());
    request.headers_mut().append("x-many", "2".parse().unwrap());
    *request.body_mut() = Some("body".into());
    layer
        .danger_own_reqwest_client()
        .rebuild_source(|source| source.clock(clock))
        .layer(client)
        .oneshot(request)
        .await
        .unwrap();
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2, "the request was refused and sent again");
    for request in &*seen {
        assert_eq!((request.method(), request.url().as_str()), (&Method::PUT, url));
        assert_eq!(request.version(), Version::HTTP_2);
        let many: Vec<_> = request.headers().get_all("x-many").iter().collect();
        assert_eq!(many, ["1", "2"]);
        assert_eq!(request.body().unwrap().as_bytes(), Some(&b"body"[..]));
        assert!(request.headers()["token"].is_sensitive());
    }
}

#[tokio::test]
async fn the_response_is_the_client_s_own() {
    let (layer, _) = layer("token", ORIGIN);
    let layer = layer.danger_own_reqwest_client();
    let api = layer.layer(service_fn(|request: Request| async move {
        Ok::<_, BoxError>(response(&request, 202))
    }));
    let answer = api.oneshot(request("https://api.example/x", None)).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (202, Version::HTTP_2));
    assert_eq!(answer.url().as_str(), "https://api.example/x");
    assert_eq!(answer.headers()["x-kept"], "1");
    assert_eq!(answer.extensions().get(), Some(&"an extension"));
    assert_eq!(answer.content_length(), Some(5));
    assert_eq!(answer.text().await.unwrap(), "hello");
}

#[tokio::test]
async fn layers_over_the_http_service_can_read_and_change_a_request() {
    let client =
        service_fn(|request: Request| async move { Ok::<_, BoxError>(response(&request, 202)) });
    for part_is_read in [false, true] {
        let request = http::Request::get("https://api.example/x").body(String::new()).unwrap();
        let mut answer = HttpService::new(client).oneshot(request).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (202, Version::HTTP_2));
        assert_eq!(answer.headers()["x-kept"], "1");
        assert_eq!(answer.extensions().get(), Some(&"an extension"));
        assert_eq!(answer.body().size_hint().exact(), Some(5));
        assert_eq!(answer.body().url().as_str(), "https://api.example/x");

        *answer.status_mut() = http::StatusCode::BAD_GATEWAY;
        answer.headers_mut().insert("x-more", "2".parse().unwrap());
        if part_is_read {
            let frame = answer.body_mut().frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), "hello");
        }
        let answer = into_reqwest(answer);
        assert_eq!((answer.status().as_u16(), answer.version()), (502, Version::HTTP_2));
        assert_eq!(answer.headers()["x-kept"], "1");
        assert_eq!(answer.headers()["x-more"], "2");
        assert_eq!(answer.extensions().get(), Some(&"an extension"));
        assert_eq!(answer.url().as_str(), "https://api.example/x");
        assert_eq!(answer.text().await.unwrap(), if part_is_read { "" } else { "hello" });
    }
}

#[tokio::test]
async fn another_scheme_on_the_same_host_and_port_is_another_origin() {
    let (layer, _) = layer("token", "https://api.example:8443");
    let layer = layer.danger_own_reqwest_client();
    let api = layer.layer(service_fn(|_: Request| async {
        let elsewhere = "http://api.example:8443/".parse().unwrap();
        let response = http::Response::builder().url(elsewhere).body("").unwrap();
        Ok::<_, BoxError>(Response::from(response))
    }));
    let error = api.oneshot(request("https://api.example:8443/", None)).await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::SentElsewhere);
    assert!(error.to_string().contains("http://api.example:8443"), "{error}");
}

#[tokio::test]
async fn a_url_with_user_information_is_refused() {
    let (layer, exchange) = layer("token", ORIGIN);
    let layer = layer.danger_own_reqwest_client();
    let api = layer.layer(service_fn(|request: Request| async move {
        Ok::<_, BoxError>(response(&request, 200))
    }));
    let error = api.oneshot(request("https://user:pw@api.example/", None)).await.unwrap_err();
    assert_eq!(error.downcast::<Error>().unwrap().kind(), ErrorKind::ForeignOrigin);
    assert_eq!(exchange.exchanges(), 0);
}
