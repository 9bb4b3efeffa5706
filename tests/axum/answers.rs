//! The answers to the end user: the API's own answers, except those about our credential.

use std::time::Duration;

use tower_outbound_auth::exchange::{ExchangeError, ExchangeErrorKind};

use super::*;

fn request() -> Request<Body> {
    get("/").body(Body::from("text")).unwrap()
}

#[tokio::test]
async fn after_a_401_the_end_user_gets_the_answer_to_the_second_sending() {
    let setup =
        proxy_of(|token| if token == "token-1" { status(StatusCode::UNAUTHORIZED) } else { ok() });
    let answer = setup.send(request()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(text(answer).await, "the body is the API's");
    assert_eq!((setup.seen().len(), setup.exchange.exchanges()), (2, 2));
}

#[tokio::test]
async fn a_401_after_the_second_sending_becomes_a_502_without_details() {
    let setup = proxy_of(|_| {
        let answer = status(StatusCode::UNAUTHORIZED).header("set-cookie", "theirs");
        answer.header("www-authenticate", "Bearer error=\"invalid_token\"")
    });
    let answer = setup.send(request()).await.unwrap();
    assert_eq!(answer.status(), 502);
    assert!(answer.headers().keys().all(|name| name == "content-length"), "{:?}", answer.headers());
    assert_eq!(text(answer).await, "");
    assert_eq!(setup.seen().len(), 2, "the request was sent twice");
}

#[tokio::test]
async fn other_answers_pass_unchanged_without_their_challenge() {
    for code in [200, 201, 304, 400, 403, 404, 429, 500, 503] {
        let code = StatusCode::from_u16(code).unwrap();
        let setup = proxy_of(move |_| {
            let answer = status(code).header("retry-after", "7").header("x-own", "kept");
            answer.header("www-authenticate", "Bearer error=\"insufficient_scope\"")
        });
        let answer = setup.send(request()).await.unwrap();
        assert_eq!(answer.status(), code);
        assert_eq!(
            (&answer.headers()["retry-after"], &answer.headers()["x-own"]),
            (&"7".parse().unwrap(), &"kept".parse().unwrap())
        );
        assert!(!answer.headers().contains_key("www-authenticate"));
        assert_eq!(text(answer).await, "the body is the API's");
    }
}

#[tokio::test]
async fn without_a_token_the_end_user_gets_a_retry_after() {
    for (kind, expected, at_most) in [
        (ExchangeErrorKind::Unavailable, 503, 2),
        (ExchangeErrorKind::Refused, 502, 20), // a person must correct it, but it is tried again
    ] {
        let setup = proxy_of(|_| ok());
        setup.exchange.fail_next(9, ExchangeError::new(kind, "scripted"));
        for _ in 0..2 {
            let answer = setup.send(request()).await.unwrap();
            assert_eq!(answer.status(), expected, "{kind:?}");
            let pause: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=at_most).contains(&pause), "{pause}");
            // If the end user comes back then, the pause is over.
            let next = setup.source.status().next_attempt_in.unwrap_or_default();
            assert!(next <= Duration::from_secs(pause), "{next:?}");
            assert_eq!(text(answer).await, "", "the end user sees nothing of the error");
        }
        assert_eq!((setup.seen().len(), setup.exchange.exchanges()), (0, 1));
    }
}

#[tokio::test]
async fn an_api_that_does_not_answer_becomes_a_502() {
    let source = TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap();
    let api = service_fn(|_: Request<Body>| async { Err::<Response, _>(BoxError::from("reset")) });
    let app = app(bound(&source, "https://api.example").layer(api), "https://api.example");
    let answer = app.oneshot(request()).await.unwrap();
    assert_eq!(answer.status(), 502);
    assert!(!answer.headers().contains_key("retry-after"));
    assert_eq!(text(answer).await, "");
}
