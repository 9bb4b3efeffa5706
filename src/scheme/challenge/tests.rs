//! Reads challenges, with and without mistakes.

use http::HeaderValue;

use crate::scheme::challenge::*;

fn headers(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn shown(values: &[&str]) -> Vec<String> {
    let headers = headers(values);
    let show = |challenge: Challenge<'_>| {
        let params = challenge.params.iter().map(|(name, value)| format!(" {name}={value}"));
        challenge.scheme.to_owned() + &params.collect::<String>()
    };
    challenges(&headers).into_iter().map(show).collect()
}

#[test]
fn several_challenges_in_one_header_and_in_several_are_told_apart() {
    for (values, expected) in [
        (&["Bearer"][..], &["Bearer"][..]),
        (
            &[r#"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#],
            &["Basic realm=simple", r#"Newauth realm=apps type=1 title=Login to "apps""#],
        ),
        (
            &[r#"Bearer realm="api", DPoP algs="ES256 PS256""#],
            &["Bearer realm=api", "DPoP algs=ES256 PS256"],
        ),
        (&[r#"Bearer, DPoP algs="ES256""#], &["Bearer", "DPoP algs=ES256"]),
        (&["Negotiate YWJj==, Bearer"], &["Negotiate", "Bearer"]),
        (
            &["Negotiate", r#"bearer ERROR = "invalid_token""#],
            &["Negotiate", "bearer ERROR=invalid_token"],
        ),
        (
            &[r#"Bearer error="invalid_token",error_description="a, b=c""#],
            &["Bearer error=invalid_token error_description=a, b=c"],
        ),
        (&[", ,Bearer a=1,, b=2 ,"], &["Bearer a=1 b=2"]),
        (&["Bearer , a=1"], &["Bearer a=1"]),
        (&["Bearer a=1, Custom"], &["Bearer a=1", "Custom"]),
        (&["Bearer a=1, Custom, b=2"], &["Bearer a=1", "Custom b=2"]),
        (&["Negotiate Basic, realm=x"], &["Negotiate realm=x"]),
        (&["Bearer abc=,=x"], &["Bearer"]),
        (&["Bearer a=;;"], &["Bearer a=;;"]),
        (&["", "@", "\"x\""], &[]),
        (&["Bearer error_description=\"größer\""], &["Bearer error_description=größer"]),
    ] {
        assert_eq!(shown(values), expected, "{values:?}");
    }
}

#[test]
fn unquoted_values_do_not_hide_what_follows() {
    for (value, expected) in [
        (
            "Bearer realm=https://api.example/v1?a=b&c=d, error=invalid_token",
            &["Bearer realm=https://api.example/v1?a=b&c=d error=invalid_token"][..],
        ),
        (
            "Bearer error_description=The access token expired, error=\"invalid_token\"",
            &["Bearer error_description=The access token expired error=invalid_token"],
        ),
        (
            "Bearer error_description=The token (7) has expired; log in, error=invalid_token, DPoP algs=\"ES256\"",
            &[
                "Bearer error_description=The token (7) has expired; log in error=invalid_token",
                "DPoP algs=ES256",
            ],
        ),
        // A comma is missing.
        (
            r#"Bearer realm="api" error="invalid_token" scope=a b"#,
            &["Bearer realm=api error=invalid_token scope=a b"],
        ),
        ("Bearer realm=my api error=invalid_token", &["Bearer realm=my api error=invalid_token"]),
        (
            r#"Bearer error=invalid_token DPoP algs="ES256""#,
            &["Bearer error=invalid_token", "DPoP algs=ES256"],
        ),
        (r#"Bearer realm="api" DPoP algs="ES256""#, &["Bearer realm=api", "DPoP algs=ES256"]),
        // A quote is missing, or is of another kind.
        (r#"Bearer error="invalid_token"#, &["Bearer error=invalid_token"]),
        (r#"Bearer realm="api, error=invalid_token"#, &["Bearer realm=api error=invalid_token"]),
        ("Bearer error='invalid_token', a='b c'", &["Bearer error=invalid_token a=b c"]),
        (r#"Bearer error="invalid_token"x, a=b"#, &["Bearer error=invalid_token a=b"]),
        (r#"Bearer realm="a"error="invalid_token""#, &["Bearer realm=a error=invalid_token"]),
        (r#"Bearer error=invalid_token""#, &["Bearer error=invalid_token"]),
        // Semicolons instead of commas.
        (r#"Bearer realm="a";error="invalid_token""#, &["Bearer realm=a error=invalid_token"]),
        ("Bearer realm=a;error=invalid_token; x=y", &["Bearer realm=a error=invalid_token x=y"]),
        // A comma in a value that should have been quoted.
        (
            "Bearer error_description=Sorry, no access, error=invalid_token",
            &["Bearer error_description=Sorry error=invalid_token"],
        ),
        (
            "Bearer error_description=The token, has expired, error=invalid_token",
            &["Bearer error_description=The token error=invalid_token"],
        ),
        (
            "Bearer error_description=Sorry, no, error=invalid_token",
            &["Bearer error_description=Sorry", "no error=invalid_token"],
        ),
        // Empty values, or values without a name.
        ("Bearer realm=, error=invalid_token", &["Bearer realm= error=invalid_token"]),
        ("Bearer realm=", &["Bearer"]), // the syntax of a credential, such as Negotiate's
        ("Bearer @foo, error=invalid_token", &["Bearer error=invalid_token"]),
        ("Bearer realm=\"a\", (b)=c, error=invalid_token", &["Bearer realm=a error=invalid_token"]),
        ("Bearer error=größer, error=x", &["Bearer error=größer error=x"]),
    ] {
        assert_eq!(shown(&[value]), expected, "{value}");
    }
}

#[test]
fn a_401_is_about_the_token_unless_it_says_otherwise() {
    for (values, about_the_token) in [
        (&[][..], true),
        (&["Bearer"], true),
        (&[r#"Bearer error="invalid_token""#], true),
        (&[r#"Bearer error="insufficient_scope", scope="admin""#], false),
        (&["bearer error=invalid_request"], false),
        (&["Bearer realm=https://api.example/, error=insufficient_scope"], false),
        (&["Bearer error_description=Needs more scope, error=insufficient_scope"], false),
        (&["Basic realm=x", r#"Bearer error="insufficient_scope""#], false),
        (&[r#"Bearer error="insufficient_scope", DPoP error="invalid_token""#], true),
        (&["Bearer error=\"insufficient_user_authentication\", acr_values=\"a\""], false),
        (&["Bearer error=\"insufficient_claims\", claims=\"%%%\""], false),
        (&["Bearer error=insufficient_claims, Bearer error=invalid_token"], true),
        (&["garbage \u{1}"][..0], true),
    ] {
        assert_eq!(is_about_the_token(&headers(values)), about_the_token, "{values:?}");
    }
}

/// Challenges of real servers, and the examples of the RFCs.
#[test]
fn the_challenges_of_real_servers_are_read() {
    let corpus = include_str!("../../../tests/data/www_authenticate_corpus.json");
    let corpus: Vec<serde_json::Value> = serde_json::from_str(corpus).unwrap();
    let mut read = 0;
    for case in &corpus {
        let Some(value) = case["www_authenticate"].as_str() else { continue };
        let headers = headers(&[value]);
        let challenges = challenges(&headers);
        assert!(!challenges.is_empty(), "{value}");
        let known = ["bearer", "dpop", "basic", "newauth", "negotiate"];
        for challenge in &challenges {
            let scheme = challenge.scheme.to_ascii_lowercase();
            assert!(known.contains(&scheme.as_str()), "{scheme} in {value}");
        }
        // Every quoted value is the whole value of a parameter.
        let quoted = value.replace("\\\"", "'");
        for part in quoted.split('"').skip(1).step_by(2) {
            let is_there = |value: &str| value.replace('"', "'") == part;
            let mut params = challenges.iter().flat_map(|challenge| &challenge.params);
            assert!(params.any(|(_, value)| is_there(value)), "{part:?} of {value}");
        }
        read += 1;
    }
    assert!(read > 20, "{read} of {}", corpus.len());
}

#[test]
fn only_a_bounded_part_of_the_header_is_read() {
    assert_eq!(shown(&[&"A a=1,".repeat(1_000)]).len(), 16);
    assert_eq!(shown(&[&"x".repeat(9_000), "Bearer"]), Vec::<String>::new());
    assert_eq!(shown(&["Bearer"; 100]).len(), 16);
    let deep = format!(r#"Bearer a="{}""#, r"\\".repeat(4_000));
    assert_eq!(shown(&[&deep])[0].len(), "Bearer a=".len() + 4_000);
}
