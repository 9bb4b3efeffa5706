//! What is read of an answer, and what is shown of it.

use super::*;

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> ExchangeAnswer {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    ExchangeAnswer::new(answer.body(Bytes::from(body.to_owned())).unwrap())
}

#[test]
fn a_request_and_the_answer_to_it_go_by_one_name() {
    let request = Request::post("https://auth.example:8443/token?tenant=7")
        .header("client-secret", "hunter2")
        .body(Bytes::from("hunter2"))
        .unwrap();
    let request = ExchangeRequest::new(request);
    assert_eq!(request.name(), "");
    let request = request.named("first");
    assert_eq!(request.name(), "first");
    assert_eq!(format!("{request:?}"), "ExchangeRequest(POST https://auth.example:8443/token)");
    assert_eq!(request.into_http().body(), "hunter2");

    let answer = answer(201, &[("x", "y")], "hunter2");
    assert_eq!(answer.request_name(), "");
    let answer = answer.to_request("first");
    assert_eq!(answer.request_name(), "first");
    assert_eq!(format!("{answer:?}"), "ExchangeAnswer { status: 201, body_length: 7 }");
    assert_eq!(answer.headers()["x"], "y");
    assert_eq!(answer.body(), "hunter2");
}

#[test]
fn what_cannot_be_read_as_json_says_where_and_quotes_nothing() {
    #[derive(Debug, Deserialize)]
    struct Token {
        #[allow(dead_code)]
        access_token: String,
    }
    for (body, wrong) in [
        ("<html>hunter2", "is no JSON (line 1, column 1)"),
        ("", "is no JSON (line 1, column 0)"),
        (
            "{\"a\":\"hunter2\"}",
            "has a member that is missing or of another type (line 1, column 15)",
        ),
        (" [\"hunter2\"]", "is a list and no object"),
    ] {
        let error = answer(200, &[], body).json_object::<Token>().unwrap_err();
        assert_eq!(error.kind(), ExchangeErrorKind::Malformed);
        assert_eq!(error.to_string(), format!("the token endpoint's answer {wrong} (status 200)"));
    }
    assert!(answer(200, &[], " {\"access_token\":\"[\"}").json_object::<Token>().is_ok());
}

#[test]
fn a_text_is_what_stands_between_white_space() {
    assert_eq!(answer(200, &[], " abc\r\n").text().unwrap(), "abc");
    for empty in ["", " \n"] {
        assert_eq!(
            answer(200, &[], empty).text().unwrap_err().kind(),
            ExchangeErrorKind::Malformed
        );
    }
    let no_text = ExchangeAnswer::new(Response::new(Bytes::from_static(b"\xff")));
    assert!(no_text.text().is_err());
}

#[test]
fn retry_after_is_seconds_or_a_date_by_the_answers_own_clock() {
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let secs = |secs| Some(Duration::from_secs(secs));
    for (retry_after, date, read) in [
        ("7", None, secs(7)),
        (" 7 ", None, secs(7)),
        ("0", None, Some(Duration::ZERO)),
        ("99999999999999999999999", None, secs(u64::MAX)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", Some(DATE), secs(60)),
        ("Sun, 06 Nov 1994 08:48:37 GMT", Some(DATE), Some(Duration::ZERO)),
        ("Sun, 06 Nov 1994 08:50:37 GMT", None, None),
        ("", Some(DATE), None),
        ("-7", Some(DATE), None),
        ("7.5", Some(DATE), None),
        ("soon", Some(DATE), None),
    ] {
        let mut headers = vec![("retry-after", retry_after)];
        headers.extend(date.map(|date| ("date", date)));
        let error = answer(503, &headers, "").unavailable();
        assert_eq!(error.retry_after(), read, "{retry_after:?} {date:?}");
        assert_eq!(error.to_string(), "the token endpoint gave no token (status 503)");
    }
    let refused = answer(401, &[], "").refused("invalid_client");
    assert_eq!(
        (refused.kind(), refused.code()),
        (ExchangeErrorKind::Refused, Some("invalid_client"))
    );
}

#[test]
fn an_error_that_quotes_a_secret_is_withheld() {
    let secret = Secret::from("hunter2");
    for (error, shown) in [
        ("invalid_client", Some("invalid_client")),
        ("no such client: hunter2", Some("withheld")),
        ("no such token: eyJhbGciOiJIUzI1NiIsInR5", Some("withheld")),
        ("no such token: aHVudGVyMmh1bnRlcjJodW50+/=%", Some("withheld")),
        ("no such token: eyJhbGciOiJIUzI1NiIsInR", Some("no such token: eyJhbGciOiJIUzI1NiIsInR")),
        ("many short words, one after the other", Some("many short words, one after the other")),
    ] {
        let answer = answer(400, &[], &format!(r#"{{"error":"{error}"}}"#));
        assert_eq!(answer.error_code().as_deref(), Some(error));
        assert_eq!(answer.error_text(&secret).as_deref(), shown, "{error}");
    }
    assert_eq!(answer(400, &[], "hunter2").error_text(&secret), None);
}

#[test]
fn a_body_of_secrets_is_written_into_memory_that_never_grows() {
    let body = json_body(&[("id", "a\"b"), ("secret", "c")]);
    assert_eq!(*body, br#"{"id":"a\"b","secret":"c"}"#);
    assert_eq!(*json_body(&[]), b"{}");
    // Each of these takes six bytes: no body takes more.
    let widest = "\u{1}".repeat(1_000);
    for members in [&[("\u{2}", &*widest)][..], &[(&*widest, ""), ("", &*widest)]] {
        let body = json_body(members);
        assert_eq!(body.capacity(), body.len() + 1);
    }
}
