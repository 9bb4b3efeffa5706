//! Answers that contradict themselves, a clock, or an earlier answer.

use tower_outbound_auth::clock::Clock;
use tower_outbound_auth::exchange::ExchangeErrorKind::{Malformed, Refused, Unavailable};
use tower_outbound_auth::system::ClientCredentials;

use crate::hints::{ambiguous, is_raw};
use crate::life::{date, issued, jwt, life};
use crate::*;

#[tokio::test(start_paused = true)]
async fn after_an_outage_no_other_encoding_is_tried() {
    for outage in [
        answer(400, r#"{"error":"temporarily_unavailable"}"#),
        ok(r#"{"error":"slow_down"}"#),
        ok(r#"{"ok":false}"#),
        answer(403, "<html>blocked</html>"),
    ] {
        let outage = outage.with("retry-after", "60");
        let endpoint = Endpoint::new(move |_, asked| match is_raw(asked) {
            true => answer(401, r#"{"error":"invalid_client"}"#),
            false => outage.clone(),
        });
        let error = failure(&endpoint.source(ambiguous()).token().await.unwrap_err());
        assert_eq!((kind(&error), error.retry_after()), (Unavailable, Some(secs(60))));
        assert_eq!(endpoint.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_end_a_hint() {
    let endpoint = Endpoint::new(|n, asked| match (n, is_raw(asked)) {
        (3, _) => answer(400, r#"{"error":"slow_down"}"#),
        (_, true) => ok(TOKEN),
        _ => answer(401, r#"{"error":"invalid_client"}"#),
    });
    let source = endpoint.source(ambiguous());
    source.token().await.unwrap();
    tokio::time::sleep(secs(3_600)).await;
    source.token().await.unwrap_err();
    seconds_until_a_token(&source).await;
    let raw: Vec<_> = endpoint.asked().iter().map(is_raw).collect();
    assert_eq!(raw, [false, true, true, true]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_that_answers_a_refresh_token_is_not_followed_by_the_credentials_at_once() {
    let endpoint =
        Endpoint::new(|_, asked| match asked.body.contains("grant_type=refresh_token") {
            true => answer(400, r#"{"error":"slow_down"}"#).with("retry-after", "60"),
            false => issued("t", r#","expires_in":100,"refresh_token":"r""#),
        });
    let source = endpoint.source(scheme().with_refresh_tokens());
    source.token().await.unwrap();
    tokio::time::sleep(secs(100)).await;
    assert_eq!(failure(&source.token().await.unwrap_err()).retry_after(), Some(secs(60)));
    assert_eq!(endpoint.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_hour_costs_no_more_exchanges_with_a_secret_that_has_two_encodings() {
    for (failing, most) in [
        (answer(400, r#"{"error":"slow_down"}"#), 140),
        (ok(r#"{"error":"server_error"}"#), 140),
        (answer(401, ""), 40),
        (answer(403, "<html>blocked</html>"), 40),
        (answer(401, r#"{"error":"invalid_client"}"#), 40),
    ] {
        let asked = asked_in_an_hour(&Endpoint::always(failing.clone()), ambiguous()).await;
        assert!(asked <= most, "{asked} requests: {failing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_token_gets_its_newly_stated_life_even_if_its_exp_is_later() {
    for (token, rest) in [
        ("abc".to_owned(), r#","expires_in":100,"expires_at":4102444800"#),
        (jwt(r#"{"exp":4102444800}"#), r#","expires_in":100"#),
        (jwt(r#"{"exp":0}"#), r#","expires_in":100"#),
    ] {
        let source = Endpoint::always(issued(&token, rest)).source(scheme());
        for second in 0..300 {
            source.token().await.unwrap_or_else(|error| panic!("{second} s, {rest}: {error}"));
            tokio::time::sleep(secs(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_token_without_a_new_life_is_missing_for_some_seconds_at_most() {
    let endpoint = Endpoint::new(|n, _| match n {
        1 => issued("abc", r#","expires_in":100"#),
        _ => issued("abc", r#","expires_in":0"#),
    });
    let source = endpoint.source(scheme());
    let mut out = 0;
    for _ in 0..3_600 {
        out += u32::from(source.token().await.is_err());
        tokio::time::sleep(secs(1)).await;
    }
    assert!(out <= 60, "{out} s of an hour");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_wrong_by_nearly_a_life_costs_few_exchanges() {
    for ahead in [3_400, 3_500, 3_590, 3_599, 3_600, 7_200] {
        let clock = TokioClock::new();
        let start = clock.now();
        let endpoint = Endpoint::new(move |n, _| {
            let end = NEW_YEAR + clock.now().since(start).as_secs() + 3_600 - ahead;
            issued(&format!("t-{n}"), &format!(r#","expires_in":3600,"expires_at":{end}"#))
        });
        let asked = asked_in_an_hour(&endpoint, scheme()).await;
        assert!(asked <= 40, "{asked} exchanges, {ahead} s ahead");
    }
}

#[tokio::test(start_paused = true)]
async fn one_wrong_time_against_two_does_not_expire_a_token() {
    let end = NEW_YEAR + 3_600;
    let answer = issued("abc", &format!(r#","expires_in":3600,"expires_at":{end}"#));
    for wrong in [7_200, -7_200, 3_595] {
        let lives = life(scheme(), &answer.clone().with("date", date(wrong))).await;
        assert_eq!(lives, Some(3_600), "the date is wrong by {wrong} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_ended_just_before_its_date_lives_for_a_minute_at_most() {
    let end = NEW_YEAR + 3_570;
    for answer in [
        issued("abc", &format!(r#","expires_at":{end}"#)),
        issued(&jwt(&format!(r#"{{"exp":{end}}}"#)), ""),
    ] {
        assert_eq!(life(scheme(), &answer.with("date", date(3_600))).await, Some(60));
    }
}

#[tokio::test(start_paused = true)]
async fn a_jwt_that_ended_by_its_date_and_by_our_clock_is_expired_whatever_was_stated() {
    let token = jwt(&format!(r#"{{"exp":{}}}"#, NEW_YEAR - 3_600));
    let answer = issued(&token, r#","expires_in":3600"#);
    assert_eq!(life(scheme(), &answer.clone().with("date", date(0))).await, None);
    assert_eq!(life(scheme(), &answer).await, Some(3_600), "our clock alone may be wrong");
}

#[tokio::test(start_paused = true)]
async fn an_impossible_expiry_counts_as_absent() {
    for claims in [
        r#"{"exp":0}"#,
        r#"{"exp":-1}"#,
        r#"{"exp":3600}"#,
        r#"{"iat":1735689600,"exp":0}"#,
        r#"{"iat":1735689600,"exp":1735689600}"#,
    ] {
        assert_eq!(life(scheme(), &issued(&jwt(claims), "")).await, Some(300), "{claims}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_of_day_in_the_wrong_member_or_unit_is_recognised() {
    for rest in [
        format!(r#","expires_in":{}"#, NEW_YEAR + 120),
        format!(r#","expires_at":{}"#, (NEW_YEAR + 120) * 1_000_000),
        format!(r#","expires_at":{}"#, (NEW_YEAR + 120) * 1_000_000_000),
    ] {
        assert_eq!(life(scheme(), &issued("abc", &rest)).await, Some(120), "{rest}");
    }
}

#[tokio::test(start_paused = true)]
async fn text_that_is_not_utf_8_in_an_unused_member_is_ignored() {
    let of = |head: &str| [head.as_bytes(), b"\xe9\"}"].concat();
    let refused = answer(401, of(r#"{"error":"invalid_client","error_description":""#));
    assert_eq!(kind(&value_of(scheme(), &refused).await.unwrap_err()), Refused);
    let token = ok(of(r#"{"access_token":"abc","expires_in":3600,"user":"Jos"#));
    assert_eq!(value_of(scheme(), &token).await.unwrap(), "Bearer abc");
    let nested = ok(of(r#"{"data":{"jwt":"abc"},"user":"Jos"#));
    let pointed = scheme().with_token_member("/data/jwt");
    assert_eq!(value_of(pointed, &nested).await.unwrap(), "Bearer abc");
}

#[tokio::test(start_paused = true)]
async fn a_type_that_needs_a_proof_is_recognised_in_every_spelling() {
    for json in [
        r#""DPoPToken""#,
        r#""dpop_token""#,
        r#""D_PoP""#,
        r#""D P o P""#,
        r#""MACToken""#,
        r#""pop_token""#,
        r#"["DPoP"]"#,
        r#"{"type":"DPoP"}"#,
    ] {
        let answer = ok(format!(r#"{{"access_token":"abc","token_type":{json}}}"#));
        assert_eq!(kind(&value_of(scheme(), &answer).await.unwrap_err()), Malformed, "{json}");
    }
    let machine = ok(r#"{"access_token":"abc","token_type":"Machine Token"}"#);
    assert_eq!(value_of(scheme(), &machine).await.unwrap(), "Bearer abc");
}

#[tokio::test(start_paused = true)]
async fn a_very_long_host_of_a_redirect_is_not_shown() {
    let answer = answer(302, "").with("location", format!("https://{}/", "a".repeat(60_000)));
    let error = value_of(scheme(), &answer).await.unwrap_err().to_string();
    assert!(error.contains("302") && error.len() < 300, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_form_may_have_names_without_values_and_bare_percent_signs() {
    for body in ["access_token=abc&scope", "x=%zz&access_token=abc", "&&access_token=abc&"] {
        let answer = ok(body).with("content-type", "application/x-www-form-urlencoded");
        assert_eq!(value_of(scheme(), &answer).await.unwrap(), "Bearer abc", "{body}");
    }
    for (body, token) in [
        ("access_token=100%zz", "100%zz"),
        ("access_token=a%2Bb%3d%", "a+b=%"),
        ("access%5Ftoken=%61bc", "abc"),
    ] {
        let answer = ok(body).with("content-type", "application/x-www-form-urlencoded");
        let value = value_of(scheme(), &answer).await.unwrap();
        assert_eq!(value, format!("Bearer {token}"), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_impossible_date_changes_no_pause() {
    let pause = async |at: &str| {
        let answer = answer(503, "").with("date", at).with("retry-after", date(30));
        value_of(scheme(), &answer).await.unwrap_err().retry_after()
    };
    assert_eq!(pause("Thu, 01 Jan 1970 00:00:10 GMT").await, Some(secs(30)));
    assert_eq!(pause("Fri, 31 Dec 9999 23:59:59 GMT").await, Some(secs(30)));
}

#[tokio::test(start_paused = true)]
async fn rate_limit_headers_are_read_on_several_lines_and_after_quoted_names() {
    let pause = async |answer: Answer| {
        value_of(scheme(), &answer).await.unwrap_err().retry_after().map(|it| it.as_secs())
    };
    let two = answer(429, "").with("x-ratelimit-reset", "5").with("x-ratelimit-reset", "40");
    assert_eq!(pause(two).await, Some(40));
    let split = answer(403, "").with("ratelimit", "limit=1, remaining=0");
    assert_eq!(pause(split.with("ratelimit", "reset=40")).await, Some(40));
    let quoted = answer(429, "").with("ratelimit", r#""a, reset=250, b";r=0;t=5"#);
    assert_eq!(pause(quoted).await, Some(5));
    for value in ["5, 40", "reset=40;w=60", "40;w=60"] {
        assert_eq!(
            pause(answer(429, "").with("ratelimit-reset", value)).await,
            Some(40),
            "{value}"
        );
    }
}

#[cfg(feature = "rotating")]
#[tokio::test(start_paused = true)]
async fn for_a_rotating_system_a_word_or_a_page_is_no_token() {
    for body in
        ["Unauthorized", "OK", "\"unauthorized\"", "<html>a-long-text-without-blanks</html>"]
    {
        for scheme in [rotating(), rotating().danger_without_verification()] {
            let error =
                value_of(scheme, &ok(body).with("content-type", "text/html")).await.unwrap_err();
            assert_eq!(kind(&error), Malformed, "{body}");
        }
    }
    let beside = ok(r#"{"token":"none-of-your-business","error":"invalid_client"}"#);
    let error = value_of(rotating().danger_without_verification(), &beside).await.unwrap_err();
    assert_eq!(kind(&error), Refused);
}

/// A scheme of your own returns its credentials, and a code that contains one is withheld.
#[tokio::test(start_paused = true)]
async fn a_code_from_a_scheme_of_your_own_is_withheld_if_it_quotes_its_credentials() {
    use http::{HeaderName, HeaderValue};
    use tower_outbound_auth::endpoint::{
        ExchangeAnswer, ExchangeRequest, Grant, RequestContext, Step,
    };
    use tower_outbound_auth::exchange::Identity;
    use tower_outbound_auth::scheme::{InvalidToken, Presentation};
    use tower_outbound_auth::{Credential, Secret};

    struct PassesOn(ClientCredentials);
    impl Grant for PassesOn {
        fn identity(&self) -> Identity {
            self.0.identity()
        }

        fn credentials(&self) -> &[Credential] {
            self.0.credentials()
        }

        fn request(&self, cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
            self.0.request(cx)
        }

        fn read(&self, answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
            Err(answer.refused(&answer.error_code().unwrap_or_default()))
        }
    }

    impl Presentation for PassesOn {
        fn header_name(&self) -> &HeaderName {
            self.0.header_name()
        }

        fn header_value(
            &self,
            token: &Secret,
            _: Option<&str>,
        ) -> Result<HeaderValue, InvalidToken> {
            self.0.header_value(token, None)
        }
    }
    for (code, shown) in [
        ("LOCKED", "LOCKED"),
        ("wrong: s3cret", "withheld"),
        ("wrong: czNjcmV0", "withheld"),
        ("invalid_client", "invalid_client"),
    ] {
        let answer = answer(403, format!(r#"{{"errors":[{{"code":"{code}"}}]}}"#));
        let error = value_of(PassesOn(scheme()), &answer).await.unwrap_err();
        assert_eq!(error.code(), Some(shown), "{code}");
    }
}
