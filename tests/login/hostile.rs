//! A login whose endpoint or API is broken or hostile. The clock is a manual one, and a function plays both servers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{BoxError, Layer, ServiceExt, service_fn};
use tower_outbound_auth::endpoint::{ExchangeAnswer, Grant, Step};
use tower_outbound_auth::exchange::ExchangeError;
use tower_outbound_auth::system::{AnswerRule, Login, LoginBuilder, LoginStep};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

type Answer = Response<Full<Bytes>>;

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let response = Response::builder().status(status);
    let response = headers.iter().fold(response, |it, (name, value)| it.header(*name, *value));
    response.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

fn login() -> LoginBuilder {
    let step = LoginStep::post("https://a.example/login").form("password", "{password}");
    Login::builder("a").credential("password", "correct horse").step(step).token("/token")
}

/// What happened in the time of a test.
struct Seen {
    /// The paths of the requests to the endpoint, each with its body.
    exchanges: Vec<String>,
    api_requests: usize,
}

/// One call each second, for this time.
async fn calls(
    time: Duration,
    login: LoginBuilder,
    endpoint: impl Fn(&str, usize) -> Answer + Send + Sync + 'static,
    api: impl Fn() -> Answer + Send + Sync + 'static,
) -> Seen {
    let (clock, seen) = (ManualClock::new(), Arc::new(Mutex::new(Vec::new())));
    let (endpoint, exchanges) = (Arc::new(endpoint), seen.clone());
    let client = service_fn(move |request: Request<Full<Bytes>>| {
        let (endpoint, exchanges) = (endpoint.clone(), exchanges.clone());
        async move {
            let (head, body) = request.into_parts();
            let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
            let text = format!("{} {}", head.uri.path(), String::from_utf8_lossy(&body));
            let mut exchanges = exchanges.lock().unwrap();
            exchanges.push(text);
            Ok::<_, BoxError>(endpoint(head.uri.path(), exchanges.len()))
        }
    });
    let source = TokenSource::builder_over_http(login.build().unwrap(), client);
    let auth = AuthLayer::new(source.clock(clock.clone()).build())
        .with_origin(Origin::parse("https://a.example").unwrap());
    let count = Arc::new(Mutex::new(0));
    let (api, counted) = (Arc::new(api), count.clone());
    let api = auth.layer(service_fn(move |_: Request<Full<Bytes>>| {
        *counted.lock().unwrap() += 1;
        std::future::ready(Ok::<_, BoxError>(api()))
    }));
    for _ in 0..time.as_secs() {
        let request = Request::get("https://a.example/api").body(Full::default()).unwrap();
        let _ = api.clone().oneshot(request).await;
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    let exchanges = std::mem::take(&mut *seen.lock().unwrap());
    let api_requests = *count.lock().unwrap();
    Seen { exchanges, api_requests }
}

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_wrong_password_is_sent_a_few_times_an_hour_whatever_says_no() {
    const HTML: &[(&str, &str)] = &[("content-type", "text/html")];
    const TO_LOGIN: &[(&str, &str)] = &[("location", "/login?error")];
    for (place, status, headers, body) in [
        ("/token", 400, &[][..], "{}"),
        ("/token", 401, &[], "{}"),
        ("/token", 200, &[], r#"{"error":"wrong password"}"#),
        ("/token", 200, &[], ""),
        ("/token", 200, HTML, "<html>Wrong password"),
        ("/token", 302, TO_LOGIN, ""),
        ("cookie:session", 200, HTML, "<html>Wrong password"),
        ("body", 200, &[], "Wrong password"),
        ("body", 200, &[], r#"{"error":"wrong_password"}"#),
    ] {
        let no = move |_: &str, _| answer(status, headers, body);
        let seen = calls(HOUR, login().token(place), no, || answer(200, &[], "")).await;
        assert!(seen.exchanges.len() <= 24, "{status} {body}: {} attempts", seen.exchanges.len());
        assert_eq!(seen.api_requests, 0, "{status} {body}");
    }
}

#[tokio::test]
async fn an_overload_of_the_endpoint_is_over_for_us_within_half_a_minute() {
    for status in [408, 425, 429, 500, 503] {
        let no = move |_: &str, _| answer(status, &[], "{}");
        let seen = calls(HOUR, login(), no, || answer(200, &[], "")).await;
        assert!(seen.exchanges.len() > 100, "{status}: {} attempts", seen.exchanges.len());
    }
}

#[tokio::test]
async fn a_rule_that_fits_every_response_renews_seldom_and_the_caller_gets_each_response() {
    let always = [
        (login().over(AnswerRule::status(200)), 126),
        (login().over(AnswerRule::any_status().at("header:x-a")), 126),
        (login().doubted(AnswerRule::status(200)), 62),
    ];
    for (login, most) in always {
        let token = |_: &str, number| answer(200, &[], &format!(r#"{{"token":"t{number}"}}"#));
        let seen = calls(HOUR, login, token, || answer(200, &[("x-a", "1")], "")).await;
        let exchanges = seen.exchanges.len();
        assert!(exchanges <= most, "{exchanges} exchanges");
        assert!((3_600..=3_600 + exchanges).contains(&seen.api_requests));
    }
}

/// The refresh tokens `r1`, `r2`, .. each come with a token that lives for a minute.
#[tokio::test]
async fn a_refresh_token_is_sent_once_whatever_answers_it() {
    let refresh = LoginStep::post("https://a.example/refresh").form("refresh", "{refresh_token}");
    let login = login().refresh(refresh).refresh_token("/refresh").expires_in("60");
    for (status, body) in [
        (200, ""),
        (200, "{}"),
        (200, "<html>"),
        (200, r#"{"token":"a b"}"#),
        (200, r#"{"token":"t","token":"u"}"#),
        (200, r#"{"token":"t","refresh":"r","refresh":"s"}"#),
        (302, ""),
        (400, "{}"),
        (401, "{}"),
        (429, ""),
        (500, ""),
    ] {
        let endpoint = move |path: &str, number| match path {
            "/refresh" => answer(status, &[], body),
            _ => answer(200, &[], &format!(r#"{{"token":"t{number}","refresh":"r{number}"}}"#)),
        };
        let seen =
            calls(Duration::from_secs(600), login.clone(), endpoint, || answer(200, &[], "")).await;
        let mut refreshes: Vec<_> =
            seen.exchanges.iter().filter(|it| it.starts_with("/refresh")).collect();
        let sent = refreshes.len();
        refreshes.sort();
        refreshes.dedup();
        assert!(sent > 3 && refreshes.len() == sent, "{status} {body}: {:?}", seen.exchanges);
        assert_eq!(seen.api_requests, 600, "{status} {body}: the login serves the callers");
    }
}

#[tokio::test]
async fn a_refused_refresh_and_three_steps_are_four_requests() {
    let step = |name: &str| LoginStep::post(&format!("https://a.example/{name}"));
    let login = Login::builder("a").step(step("1")).step(step("2")).step(step("3"));
    let refresh = step("refresh").form("refresh", "{refresh_token}");
    let login = login.refresh(refresh).refresh_token("/refresh").token("/token").expires_in("60");
    let endpoint = |path: &str, _| match path {
        "/refresh" => answer(401, &[], ""),
        _ => answer(200, &[], r#"{"token":"t","refresh":"r"}"#),
    };
    let seen = calls(Duration::from_secs(61), login, endpoint, || answer(200, &[], "")).await;
    assert_eq!(seen.exchanges, ["/1 ", "/2 ", "/3 ", "/refresh refresh=r", "/1 ", "/2 ", "/3 "]);
}

/// Reads the answer to the only request of a login whose token is at `place`.
fn read(place: &str, answer: Response<&str>) -> Result<String, ExchangeError> {
    let login = Login::builder("a").step(LoginStep::post("https://a.example/login")).token(place);
    let answer = ExchangeAnswer::new(answer.map(|it| Bytes::from(it.to_owned())));
    match login.build().unwrap().read(answer.with_request_name("step 1"))? {
        Step::Issued(issued) => Ok(issued.access_token().expose().to_owned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_number_is_taken_digit_for_digit() {
    for number in ["17", "-1", "1.10", "12345678901234567890123", "1e999", "true"] {
        let body = format!(r#"{{"a":{{"token":{number}}}}}"#);
        assert_eq!(read("/a/token", Response::new(&*body)).unwrap(), number);
    }
    for nothing in ["null", "[]", "{}", r#""""#] {
        let body = format!(r#"{{"a":{{"token":{nothing}}}}}"#);
        assert!(read("/a/token", Response::new(&*body)).is_err(), "{nothing}");
    }
}

#[test]
fn a_cookie_that_the_answer_deletes_is_no_token() {
    for cookie in [
        "sid=deleted; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "sid=deleted; Expires=Thu, 01-Jan-1970 00:00:01 GMT; Path=/",
        "sid=deleted; Max-Age=-1",
        "sid=",
    ] {
        let answer = Response::builder().header("set-cookie", cookie).body("").unwrap();
        let error = read("cookie:sid", answer).unwrap_err().to_string();
        assert!(error.contains("has no token at `cookie:sid`"), "{cookie}: {error}");
    }
}

#[test]
fn a_body_that_is_no_bare_token_is_no_token() {
    for body in ["\"\"", "{\"error\":\"bad\"}", "[1]", "<html>", "a b"] {
        let error = read("body", Response::new(body)).unwrap_err().to_string();
        assert!(error.contains("add a rule to `refused`"), "{body}: {error}");
    }
    for (body, token) in [("t1\n", "t1"), ("\"t1\"", "t1"), ("Bearer t1", "t1")] {
        assert_eq!(read("body", Response::new(body)).unwrap(), token);
    }
}
