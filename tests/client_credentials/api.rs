//! What the API gets, and the meaning of its answers (RFC 6750, RFC 9110).

use http::header::{
    CACHE_CONTROL, HeaderName, LOCATION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, VARY,
};
use tower::ServiceBuilder;
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_outbound_auth::{ErrorKind, Foreign, Recovery};

use crate::*;

fn source() -> TokenSource<ClientCredentials> {
    Server::issuing().source(scheme("id", "secret"))
}

/// An API that gives every request this status and these challenges.
fn challenging(status: u16, challenges: &'static [&'static str]) -> Api {
    Api::new(move |_| {
        let mut response = answer(status, "why");
        for challenge in challenges {
            let value = HeaderValue::from_static(challenge);
            response.headers_mut().append(WWW_AUTHENTICATE, value);
        }
        response
    })
}

/// How often a request with such an answer is sent again. In any case the caller gets the answer
/// unchanged.
async fn sent_again(status: u16, challenges: &'static [&'static str]) -> usize {
    let (api, source) = (challenging(status, challenges), source());
    let response = api.call(&source, get("/")).await.unwrap();
    assert_eq!(response.status(), status);
    let values: Vec<_> = response.headers().get_all(WWW_AUTHENTICATE).iter().collect();
    assert_eq!(values, challenges, "untouched");
    assert_eq!(text(response).await, "why");
    let again = api.seen().len() - 1;
    assert_eq!(source.status().counters.exchanges(), 1 + again as u64, "{status} {challenges:?}");
    again
}

#[tokio::test(start_paused = true)]
async fn rfc6750_1_and_oauth21_1_the_token_is_in_the_authorization_header_alone_and_once() {
    let (api, source) = (Api::new(|_| answer(200, "")), source());
    let mut request = post("/v1?page=2", "a=b");
    for stray in ["Bearer stray", "Basic eDp5"] {
        request.headers_mut().append(AUTHORIZATION, stray.parse().unwrap());
    }
    api.call(&source, request).await.unwrap();
    let [seen] = &api.seen()[..] else { panic!("one request") };
    let values: Vec<_> = seen.headers().get_all(AUTHORIZATION).iter().collect();
    assert_eq!(values, ["Bearer t-1"]);
    assert_eq!(seen.headers().len(), 1, "nothing else is added");
    assert_eq!(seen.uri(), "https://api.example/v1?page=2");
    assert_eq!(seen.body(), "a=b");
}

#[tokio::test(start_paused = true)]
async fn rfc6750_3_an_invalid_token_is_renewed_and_the_request_sent_again() {
    for path in ["/", "/other?x=1"] {
        let (api, source) = (Api::taking("t-2"), source());
        let response = api.call(&source, get(path)).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(api.tokens(), ["t-1", "t-2"]);
    }
}

/// Answers of real servers.
#[tokio::test(start_paused = true)]
async fn rfc6750_3_only_a_refusal_of_the_token_causes_a_renewal() {
    for (status, challenges, again) in [
        (
            401,
            &[
                r#"Bearer error="invalid_token", error_description="'exp' claim timestamp check failed""#,
            ][..],
            1,
        ),
        (401, &[r#"Bearer realm="http://127.0.0.1:9111/x", error="invalid_token""#], 1),
        (
            401,
            &[
                r#"Bearer error="invalid_token",error_description="x",resource_metadata="https://x""#,
            ],
            1,
        ),
        (401, &[r#"Bearer realm="api""#], 1),
        (401, &["Bearer"], 1),
        (401, &[], 1),
        (401, &[r#"Bearer error="insufficient_scope", scope="admin""#], 0),
        (401, &[r#"Bearer error="invalid_request""#], 0),
        (403, &[r#"Bearer error="insufficient_scope", scope="admin""#], 0),
        // Some gateways and frameworks answer 403 for an expired token, with a challenge that says
        // so.
        (403, &[r#"Bearer error="invalid_token""#], 1),
        (403, &[r#"Basic realm="x""#, "bearer ERROR=invalid_token"], 1),
        (403, &[r#"Bearer error="expired""#], 0),
        (403, &[r#"Bearer realm="invalid_token""#], 0),
        (400, &[r#"Bearer error="invalid_token""#], 0),
        (407, &[r#"Bearer error="invalid_token""#], 0),
        (403, &[], 0),
        (400, &[r#"Bearer error="invalid_request""#], 0),
        (400, &[], 0),
        (404, &[], 0),
    ] {
        assert_eq!(sent_again(status, challenges).await, again, "{status} {challenges:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc9110_1_challenges_are_read_in_every_spelling() {
    for (challenges, again) in [
        (&[r#"BEARER ERROR="insufficient_scope""#][..], 0),
        (&[r#"bearer Error=insufficient_scope"#], 0),
        (&[r#"Basic realm="a, Bearer error=\"x\"", Bearer error="insufficient_scope""#], 0),
        (&[r#"Basic realm="x""#, r#"Bearer error="insufficient_scope""#], 0),
        (&["Negotiate", "NTLM abc==", r#"Bearer realm="x" , error = "invalid_request""#], 0),
        (&[r#"Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple""#], 1),
        (&[r#"Basic realm="error=\"insufficient_scope\"""#], 1),
        (&[r#"Bearer error="insufficient_scope", DPoP error="invalid_token""#], 1),
        (&[r#"Bearer realm="never closed, error=insufficient_scope"#], 0),
        (&["?", ",,,", ""], 1),
    ] {
        assert_eq!(sent_again(401, challenges).await, again, "{challenges:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rfc9110_2_a_second_401_goes_to_the_caller_with_its_body() {
    let (api, source) = (Api::taking("none of ours"), source());
    let response = api.call(&source, get("/")).await.unwrap();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()[WWW_AUTHENTICATE], r#"Bearer error="invalid_token""#);
    assert_eq!(response.extensions().get(), Some(&Recovery::Replayed));
    assert_eq!(text(response).await, "no");
    assert_eq!(api.tokens(), ["t-1", "t-2"], "the request is sent twice, and not a third time");
}

#[tokio::test(start_paused = true)]
async fn rfc9110_2_a_refused_post_is_sent_again_with_its_body() {
    let (api, source) = (Api::taking("t-2"), source());
    let response = api.call(&source, post("/orders", "one order")).await.unwrap();
    assert_eq!(text(response).await, "one order");
    let bodies: Vec<_> =
        api.seen().iter().map(|it| (it.method().clone(), it.body().clone())).collect();
    assert_eq!(bodies, [(Method::POST, "one order".into()), (Method::POST, "one order".into())]);
}

#[tokio::test(start_paused = true)]
async fn rfc9110_2_a_post_is_sent_again_after_no_other_failure() {
    for status in [400, 403, 407, 408, 409, 413, 419, 421, 425, 429, 500, 502, 503, 504, 511] {
        let (api, source) = (Api::new(move |_| answer(status, "")), source());
        let response = api.call(&source, post("/orders", "one order")).await.unwrap();
        assert_eq!((response.status().as_u16(), api.seen().len()), (status, 1));
    }
    let source = source();
    let broken = service_fn(|_: Request<Body>| async {
        Err::<Response<Body>, _>(BoxError::from("connection reset"))
    });
    let error = bound(&source).layer(broken).oneshot(post("/orders", "one order")).await;
    assert_eq!(error.unwrap_err().to_string(), "connection reset");
    assert_eq!(source.status().counters.exchanges(), 1);
}

#[tokio::test(start_paused = true)]
async fn rfc6750_4_and_9700_5_the_token_goes_to_its_origin_and_to_no_other() {
    let (api, source) = (Api::new(|_| answer(200, "")), source());
    for (uri, fine) in [
        ("https://api.example/v1", true),
        ("https://API.example:443/v1", true),
        ("https://api.example:8443/v1", false),
        ("http://api.example/v1", false),
        ("https://api.example.evil.test/v1", false),
        ("https://sub.api.example/v1", false),
        ("https://api.example@evil.test/v1", false),
        (ENDPOINT, false),
    ] {
        let request = Request::get(uri).body(Body::default()).unwrap();
        let before = api.seen().len();
        let sent = api.call(&source, request).await;
        let refused = |error: &BoxError| {
            matches!(ours(error).kind(), ErrorKind::ForeignOrigin | ErrorKind::Insecure)
        };
        assert!(sent.as_ref().map_or_else(refused, |_| fine), "{uri}: {sent:?}");
        assert_eq!(api.seen().len() - before, usize::from(fine), "{uri}");
    }
}

fn ours(error: &BoxError) -> &Error {
    Error::find(&**error).expect("an error of the crate's own")
}

#[tokio::test(start_paused = true)]
async fn rfc9110_3_no_redirect_takes_the_token_to_another_origin() {
    let api = Api::new(|request| {
        let mut response = answer(if request.uri().path() == "/old" { 307 } else { 200 }, "");
        response.headers_mut().insert(LOCATION, "https://evil.test/catch".parse().unwrap());
        response
    });
    let redirecting = |foreign| {
        ServiceBuilder::new()
            .layer(FollowRedirectLayer::new())
            .layer(bound(&source()).with_foreign(foreign))
            .service(api.clone())
    };
    let error = redirecting(Foreign::Refuse).oneshot(get("/old")).await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::ForeignOrigin);
    assert_eq!(api.tokens(), ["t-1"]);

    let response = redirecting(Foreign::SendUnauthenticated).oneshot(get("/old")).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(api.tokens()[1..], ["t-1", "none"], "the second hop has no credential");
    assert_eq!(api.seen()[2].uri(), "https://evil.test/catch");
}

#[tokio::test(start_paused = true)]
async fn rfc9110_6_a_proxy_s_credentials_are_not_changed() {
    let api = Api::new(|_| {
        let mut response = answer(407, "the proxy's own");
        let challenge = HeaderValue::from_static(r#"Bearer error="invalid_token""#);
        response.headers_mut().insert(PROXY_AUTHENTICATE, challenge);
        response
    });
    let source = source();
    let mut request = get("/");
    request.headers_mut().insert(PROXY_AUTHORIZATION, "Basic eDp5".parse().unwrap());
    let response = api.call(&source, request).await.unwrap();
    assert_eq!(response.status(), 407);
    assert_eq!(response.headers()[PROXY_AUTHENTICATE], r#"Bearer error="invalid_token""#);
    assert_eq!(text(response).await, "the proxy's own");
    let [seen] = &api.seen()[..] else { panic!("one request") };
    assert_eq!(seen.headers()[PROXY_AUTHORIZATION], "Basic eDp5");
    assert_eq!(source.status().counters.exchanges(), 1, "nothing is renewed");
}

#[tokio::test(start_paused = true)]
async fn rfc9111_1_headers_about_caching_are_not_changed() {
    const SAID: [(HeaderName, &str); 2] =
        [(CACHE_CONTROL, "public, max-age=600, must-revalidate"), (VARY, "accept")];
    let api = Api::new(|_| {
        let mut response = answer(200, "");
        response.headers_mut().extend(SAID.map(|(name, value)| (name, value.parse().unwrap())));
        response
    });
    for asked in [None, Some("no-store"), Some("max-age=0")] {
        let mut request = get("/");
        request.headers_mut().extend(asked.map(|asked| (CACHE_CONTROL, asked.parse().unwrap())));
        let response = api.call(&source(), request).await.unwrap();
        let seen = api.seen().pop().unwrap();
        assert_eq!(seen.headers().get(CACHE_CONTROL).map(|it| it.to_str().unwrap()), asked);
        assert_eq!(response.headers().len(), SAID.len());
        for (name, value) in SAID {
            assert_eq!(response.headers()[name], value);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn oauth21_2_a_token_that_ends_early_is_renewed_and_no_caller_notices() {
    let living = Arc::new(Mutex::new("t-1"));
    let api = Api::new({
        let living = living.clone();
        move |request| {
            let alive = credential(request) == Some(*living.lock().unwrap());
            answer(if alive { 200 } else { 401 }, "")
        }
    });
    let source = source();
    for token in ["t-1", "t-2", "t-3"] {
        *living.lock().unwrap() = token;
        for _ in 0..3 {
            assert_eq!(api.call(&source, get("/")).await.unwrap().status(), 200);
        }
    }
    assert_eq!(source.status().counters.exchanges(), 3);
    assert_eq!(api.seen().len(), 9 + 2, "there is one more request for each early end");
}
