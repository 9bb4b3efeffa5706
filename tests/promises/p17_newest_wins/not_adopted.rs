//! A token that breaks a rule is not adopted. It is counted, and the caller sees no error.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_text_that_cannot_be_a_token_is_not_adopted() {
    for text in ["Bearer", "Basic dXNlcjpwYXNz", "two words", "no-jwt", "a.b.c", "Bearer Bearer x"]
    {
        not_adopted(handing_out(text), NotAdopted::Malformed).await;
    }
    let mut binary = ok();
    binary.headers_mut().insert(AUTHORIZATION, HeaderValue::from_bytes(b"\xffabc").unwrap());
    not_adopted(binary, NotAdopted::Malformed).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_of_more_than_16_kib_is_not_adopted() {
    let mut long = claims(10);
    long["padding"] = "x".repeat(16 * 1024).into();
    not_adopted(handing_out(&signed(&long)), NotAdopted::TooLong).await;
    let of_length = |padding: usize| {
        long["padding"] = "x".repeat(padding).into();
        token_of(r#"{"alg":"HS256" }"#, &long, "right") // a blank, for a length that base64 can have
    };
    let at_most = (11_900..12_300).map(of_length).find(|token| token.len() == 16 * 1024).unwrap();
    adopted(handing_out(&at_most), &at_most).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_has_ended_is_not_adopted() {
    for (iat, exp) in [(T0 - 60, T0 + 10), (T0 - 60, T0 + 5)] {
        let mut claims = claims(10);
        (claims["iat"], claims["exp"]) = (json!(iat), json!(exp));
        not_adopted(handing_out(&signed(&claims)), NotAdopted::Ended).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_issued_more_than_a_minute_from_now_is_not_adopted() {
    not_adopted(handing_out(&signed(&claims(71))), NotAdopted::NotYetIssued).await;
    let token = signed(&claims(70));
    adopted(handing_out(&token), &token).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_lives_longer_than_the_exchanged_one_is_not_adopted() {
    for exp in [json!(T0 + 10 + 3_661), json!(1e300), Value::Null] {
        let token = signed(&changed("exp", exp));
        not_adopted(handing_out(&token), NotAdopted::LivesTooLong).await;
    }
    let token = signed(&changed("exp", json!(T0 + 10 + 3_660)));
    adopted(handing_out(&token), &token).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_issuer_is_not_adopted() {
    for iss in [json!("other"), json!(["issuer"]), Value::Null] {
        let token = signed(&changed("iss", iss));
        not_adopted(handing_out(&token), NotAdopted::OtherClaims).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_subject_is_not_adopted() {
    for sub in [json!("other"), Value::Null] {
        let token = signed(&changed("sub", sub));
        not_adopted(handing_out(&token), NotAdopted::OtherClaims).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_for_another_audience_is_not_adopted() {
    for aud in [json!("one"), json!(["one"]), json!(["one", "two", "three"]), Value::Null] {
        let token = signed(&changed("aud", aud));
        not_adopted(handing_out(&token), NotAdopted::OtherClaims).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_with_a_wrong_signature_is_not_adopted() {
    let token = token_of(r#"{"alg":"HS256"}"#, &claims(10), "wrong");
    not_adopted(handing_out(&token), NotAdopted::BadSignature).await;
}

/// While a signature is checked, other responses with that token do not have it checked too; that ends.
#[tokio::test(start_paused = true)]
async fn a_token_with_a_wrong_signature_is_rejected_each_time() {
    let world = rotating(Adopt::EveryNewer);
    world.next().await;
    tokio::time::sleep(secs(10)).await;
    let token = token_of(r#"{"alg":"HS256"}"#, &claims(10), "wrong");
    for times in 1..=3 {
        world.request(0, handing_out(&token)).await;
        let counters = world.source.status().counters;
        assert_eq!(counters.rotations_not_adopted_for(NotAdopted::BadSignature), times);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_algorithm_than_the_exchanged_one_is_not_adopted() {
    for header in [r#"{"alg":"HS512"}"#, r#"{"alg":"none"}"#, r#"{"alg":"RS256"}"#, "{}"] {
        let token = token_of(header, &claims(10), "right");
        not_adopted(handing_out(&token), NotAdopted::BadSignature).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_from_a_shared_cache_is_not_adopted() {
    let mut answer = handing_out(&signed(&claims(10)));
    answer.headers_mut().insert(AGE, "1".parse().unwrap());
    not_adopted(answer, NotAdopted::FromCache).await;
}

#[tokio::test(start_paused = true)]
async fn of_two_different_tokens_in_a_response_none_is_adopted() {
    let mut answer = handing_out(&signed(&claims(10)));
    answer.headers_mut().append(AUTHORIZATION, signed(&claims(9)).parse().unwrap());
    not_adopted(answer, NotAdopted::Ambiguous).await;
}
