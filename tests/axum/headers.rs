//! Which headers are forwarded, and which are not.

use http::header::{AUTHORIZATION, HOST, VIA};
use http::{HeaderName, Method, Version};
use tower_outbound_auth::testkit::RotatingServer;

use super::*;

#[tokio::test]
async fn the_end_users_credential_is_not_forwarded() {
    let setup = proxy_of(|_| ok());
    let request = get("/").header(AUTHORIZATION, "Bearer end-user").header("x-trace", "7");
    setup.send(request.body(Body::empty()).unwrap()).await.unwrap();
    let [seen] = &setup.seen()[..] else { panic!("one request") };
    let credentials: Vec<_> = seen.get_all(AUTHORIZATION).iter().collect();
    assert_eq!(credentials, ["Bearer token-1"], "only our credential is sent");
    assert_eq!(seen["x-trace"], "7", "other headers are forwarded");
}

/// If our token is in another header, nothing replaces the end user's credential.
#[tokio::test]
async fn the_end_users_credential_is_not_forwarded_beside_a_token_in_another_header() {
    let log = Log::default();
    let key = HeaderScheme::new(HeaderName::from_static("x-api-key"), "");
    let source = TokenSource::fixed(key, "ours").unwrap();
    let api = service_fn({
        let log = log.clone();
        move |request: Request<Body>| {
            log.lock().unwrap().push(request.into_parts().0);
            async { Ok::<_, BoxError>(Response::new(Body::empty())) }
        }
    });
    let app = app(bound(&source, "https://api.example").layer(api), "https://api.example");
    let request = get("/").header(AUTHORIZATION, "Bearer end-user").header("x-api-key", "theirs");
    app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let seen = &log.lock().unwrap()[0].headers;
    assert!(!seen.contains_key(AUTHORIZATION), "{seen:?}");
    assert_eq!(seen.get_all("x-api-key").iter().collect::<Vec<_>>(), ["ours"]);
}

#[tokio::test]
async fn headers_of_one_connection_are_not_forwarded_in_either_direction() {
    const PRIVATE: [(&str, &str); 8] = [
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("upgrade", "websocket"),
        ("transfer-encoding", "chunked"),
        ("proxy-authorization", "Basic eDp5"),
        ("proxy-authenticate", "Basic"),
        ("proxy-connection", "close"),
        ("x-between-us", "1"),
    ];
    let setup = proxy_of(|_| {
        let answer = ok().header("connection", "Upgrade, X-Between-Us").header("x-kept", "yes");
        PRIVATE.iter().fold(answer, |answer, (name, value)| answer.header(*name, *value))
    });
    let request =
        get("/").header("connection", "keep-alive").header("connection", "x-between-us ,upgrade");
    let request = PRIVATE.iter().fold(request, |it, (name, value)| it.header(*name, *value));
    let answer =
        setup.send(request.header("x-kept", "yes").body(Body::empty()).unwrap()).await.unwrap();
    for headers in [&setup.seen()[0], answer.headers()] {
        assert_eq!(headers["x-kept"], "yes");
        let private = PRIVATE.iter().map(|(name, _)| *name).chain(["connection"]);
        private.for_each(|name| assert!(!headers.contains_key(name), "{name} in {headers:?}"));
    }
}

#[tokio::test]
async fn the_api_gets_its_own_host_header() {
    let setup = proxy_of(|_| ok());
    for (asked, sent) in [
        ("/a/b?c=d", "https://api.example/a/b?c=d"),
        ("//evil.test/x", "https://api.example//evil.test/x"),
        ("https://evil.test/x", "https://api.example/x"),
        ("http://proxy.example", "https://api.example/"),
    ] {
        let request = Request::get(asked).version(Version::HTTP_2).header(HOST, "evil.test");
        assert_eq!(setup.send(request.body(Body::empty()).unwrap()).await.unwrap().status(), 200);
        let seen = setup.log.lock().unwrap().pop().unwrap();
        assert_eq!(seen.uri, *sent);
        assert!(!seen.headers.contains_key(HOST), "the client fills it in");
        assert_eq!(seen.headers[VIA], "1.1 proxy");
        assert_eq!(seen.version, Version::HTTP_11, "our connection has its own version");
    }
}

#[tokio::test]
async fn a_connect_request_is_not_forwarded() {
    let setup = proxy_of(|_| ok());
    let request = Request::builder().method(Method::CONNECT).uri("evil.test:443");
    let answer = setup.send(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!((answer.status().as_u16(), setup.seen().len()), (405, 0));
}

/// With a correct new token, with one that is not the API's, and with every status.
#[tokio::test]
async fn a_new_token_of_the_api_never_reaches_the_end_user() {
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    let server = RotatingServer::start().await.unwrap();
    let scheme = tower_outbound_auth::system::Rotating::new(
        &server.endpoint(),
        server.client_id(),
        server.client_secret(),
    );
    let login = Client::builder(TokioExecutor::new()).build_http();
    let source = TokenSource::over_http(scheme.unwrap(), login);
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let origin = server.url("");
    let app = app(bound(&source, &origin).layer(client), &origin);
    server.fail_path("/broken", Some(StatusCode::INTERNAL_SERVER_ERROR));
    server.fail_path("/gone", Some(StatusCode::NOT_FOUND));
    server.refuse_path("/refused");
    for evil in [None, Some("Bearer EVIL")] {
        server.hand_out(evil.map(|evil| vec![evil.to_owned()]));
        for (path, status) in [("/fine", 200), ("/broken", 500), ("/gone", 404), ("/refused", 502)]
        {
            let answer = app.clone().oneshot(get(path).body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.status().as_u16(), status, "{path}");
            assert!(
                !answer.headers().contains_key(AUTHORIZATION),
                "{path}: {:?}",
                answer.headers()
            );
        }
    }
    assert_ne!(source.token().await.unwrap().expose(), "EVIL");
}
