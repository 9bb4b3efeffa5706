//! What a file or code with a mistake must not cause: a quoted secret, a mixed-up token, a request that means something else.

use bytes::Bytes;
use proptest::prelude::*;
use tower_outbound_auth::Credential;
use tower_outbound_auth::endpoint::Grant;
use tower_outbound_auth::exchange::{Identity, Reason};
use tower_outbound_auth::system::{AnswerRule, Config, Login, LoginBuilder, LoginStep};
use tower_outbound_auth::testkit::request_context;

fn step() -> LoginStep {
    LoginStep::post("https://a.example/login")
}

fn with(step: LoginStep) -> LoginBuilder {
    Login::builder("a").step(step).token("/token")
}

/// The error of a file whose only step has this member too.
fn error(member: &str) -> String {
    let file = format!(
        r#"{{"api": "https://a.example", "login": {{"name": "a", "token": "/t", "steps": [
            {{"url": "https://a.example/x", {member}}}]}}}}"#
    );
    serde_json::from_str::<Config>(&file).unwrap_err().to_string()
}

/// JSON has no lines, so its crate quotes none: what is quoted is quoted by us.
#[test]
fn an_error_about_a_value_of_the_wrong_type_does_not_quote_it() {
    for member in [
        r#""basic": "user:hunter2""#,
        r#""basic": ["user", 77031]"#,
        r#""basic": ["{user}", "a", "hunter2"]"#,
        r#""form": "password=hunter2""#,
        r#""form": {"pin": 77031}"#,
        r#""query": {"pin": 77031.5}"#,
        r#""headers": "x-key: hunter2""#,
        r#""headers": {"x-key": 77031}"#,
        r#""body": -77031"#,
        r#""json": {"password": 77031}"#,
        r#""json": {"a": [{"api_key": 77031.5}]}"#,
        r#""compute": "hunter2""#,
        r#""compute": {"a": "hunter2"}"#,
        r#""compute": {"a": {"hmac": "sha256", "key": 77031, "of": "x"}}"#,
    ] {
        let error = error(member);
        assert!(!error.contains("hunter2") && !error.contains("77031"), "{member}: {error}");
        assert!(!error.contains("struct"), "{member}: {error}");
    }
    for file in [
        r#"{"login": {"name": "a", "token": "/t", "steps": [], "credentials": "hunter2"}}"#,
        r#"{"client_credentials": {"parameters": {"pin": 77031}}}"#,
        r#"{"client_credentials": {"parameters": "hunter2"}}"#,
        r#"{"client_credentials": "hunter2"}"#,
        r#"{"atlas": 77031}"#,
    ] {
        let error = serde_json::from_str::<Config>(file).unwrap_err().to_string();
        assert!(!error.contains("hunter2") && !error.contains("77031"), "{file}: {error}");
    }
    for digest in ["\"hunter2\"", "77031", r#"{"hash": "sha256", "of": 77031}"#] {
        let error = with(step().compute("a", digest)).build().unwrap_err().to_string();
        assert!(!error.contains("hunter2") && !error.contains("77031"), "{digest}: {error}");
    }
}

#[test]
fn a_secret_that_is_a_number_is_found_too() {
    let error = error(r#""json": {"user": {"password": 77031}}"#);
    assert!(error.contains("step 1: `password` seems to be a secret"), "{error}");
    let error = with(step().json(r#"{"pass_word": [7]}"#)).build().unwrap_err().to_string();
    assert!(error.contains("`pass_word` seems to be a secret"), "{error}");
    with(step().json(r#"{"password": null, "password_grant": 1}"#)).build().unwrap();
}

#[test]
fn debug_of_a_request_shows_placeholders_in_place_of_values() {
    let step = LoginStep::get("https://a.example/bot{key}/session?key={key}");
    let login = with(step).credential("key", "hunter2").build().unwrap();
    let cx = request_context(Reason::First).with_credential(&login.credentials()[0], "hunter2");
    let request = login.request(&cx).unwrap();
    let shown = "ExchangeRequest(GET https://a.example/bot{key}/session)";
    assert_eq!(format!("{request:?}"), shown);
    assert_eq!(request.into_http().uri().path(), "/bothunter2/session");
}

#[test]
fn the_name_of_a_form_field_is_encoded_like_its_value() {
    let login = with(step().form("user[name]", "a").form("b & c=", "d e")).build().unwrap();
    let request = login.request(&request_context(Reason::First)).unwrap().into_http();
    assert_eq!(request.into_body(), Bytes::from("user%5Bname%5D=a&b+%26+c%3D=d+e"));
}

#[test]
fn logins_that_get_different_tokens_have_different_identities() {
    let of = |login: LoginBuilder| login.build().unwrap().identity();
    let tenant = |tenant: &str| {
        let step = step().form("user", "{user}").form("tenant", "{tenant}");
        of(with(step).credential("user", "a").credential("tenant", tenant).client("user"))
    };
    let digest = |of: &str| step().compute("d", of).header("x", "{d}");
    let pairs: [(Identity, Identity); 7] = [
        (of(with(step().json(r#"{"t":1}"#))), of(with(step().json(r#"{"t":2}"#)))),
        (of(with(step().json(r#"{"t":1.5}"#))), of(with(step().json(r#"{"t":true}"#)))),
        (of(with(step().json(r#"{"a":"x"}"#))), of(with(step().json(r#"{"b":{"a":"x"}}"#)))),
        (of(with(step().json(r#"{"a":"x"}"#))), of(with(step().form("a", "x")))),
        (
            of(with(digest(r#"{"hash":"sha256","of":"A"}"#))),
            of(with(digest(r#"{"hash":"sha256","of":"B"}"#))),
        ),
        (of(with(step())), of(with(step()).token("/id_token"))),
        (tenant("1"), tenant("2")),
    ];
    for (number, (one, other)) in pairs.iter().enumerate() {
        assert_ne!(one, other, "pair {number}");
    }
    let place = || of(with(step().form("p", "{p}")).credential("p", Credential::env("P")));
    assert_eq!(place(), place());
}

#[test]
fn what_no_server_can_mean_is_an_error() {
    for (login, text) in [
        (with(step()).header("host", "{token}"), "`host` cannot carry a token"),
        (with(step()).header("Content-Length", "{token}"), "cannot carry a token"),
        (with(step()).header("connection", "{token}"), "cannot carry a token"),
        (with(LoginStep::new(http::Method::CONNECT, "https://a.example")), "a method is GET, POST"),
        (with(LoginStep::new(http::Method::TRACE, "https://a.example")), "a method is GET, POST"),
        (with(step()).over(AnswerRule::status(200).at("body").contains("")), "`contains` is empty"),
    ] {
        let error = login.build().unwrap_err().to_string();
        assert!(error.contains(text), "{text}: {error}");
    }
    for (value, text) in [("", "is empty"), ("hunter2\n", "ends in a line break")] {
        let error = with(step().form("p", "{p}")).credential("p", value).build().unwrap_err();
        let error = error.to_string();
        assert!(error.contains(&format!("the credential `p` {text}")), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    for rule in [r#"{"status": [], "at": "/a"}"#, r#"{"at": "/a", "is": []}"#] {
        assert!(serde_json::from_str::<AnswerRule>(rule).is_err(), "{rule}");
    }
    serde_json::from_str::<AnswerRule>(r#"{"at": "/a", "is": [1.5, -1]}"#).unwrap();
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value;
    const WORDS: [&str; 24] = [
        "name",
        "token",
        "/t",
        "url",
        "https://a.example/{x}",
        "json",
        "form",
        "compute",
        "hmac",
        "hash",
        "sha256",
        "of",
        "key",
        "at",
        "unit",
        "days",
        "offset",
        "+09:00",
        "status",
        "is",
        "header:x",
        "cookie:y",
        "{x}",
        "{",
    ];
    let text = prop_oneof![proptest::sample::select(&WORDS[..]).prop_map(str::to_owned), ".{0,8}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        let members = prop::collection::vec((text.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            members.prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_file_makes_us_panic(member in 0..MEMBERS.len(), value in value()) {
        let mut file = serde_json::json!({"name": "a", "token": "/t", "steps": [{"url": "https://a.example/x"}]});
        match MEMBERS[member].strip_prefix("steps.") {
            Some(name) => file["steps"][0][name] = value,
            None => file[MEMBERS[member]] = value,
        }
        if let Ok(login) = serde_json::from_value::<Login>(file.clone()) {
            let _ = login.request(&request_context(Reason::First));
        }
        let _ = serde_json::from_value::<Config>(serde_json::json!({"api": "https://a.example", "login": file}));
    }

    #[test]
    fn no_value_changes_the_host(path in "/[a-z{}x?&=%.é/]{0,16}", value in ".{1,12}") {
        let step = LoginStep::get(&format!("https://a.example{path}")).query("v", "{x}");
        let login = with(step).credential("x", Credential::env("X")).build();
        let Ok(login) = login else { return Ok(()) };
        let cx = request_context(Reason::First).with_credential(&login.credentials()[0], value);
        if let Ok(request) = login.request(&cx) {
            let uri = request.into_http().uri().clone();
            prop_assert_eq!(uri.authority().unwrap().as_str(), "a.example");
        }
    }
}

const MEMBERS: [&str; 22] = [
    "name",
    "token",
    "credentials",
    "client",
    "refresh",
    "refresh_token",
    "expires_in",
    "expires_at",
    "header",
    "value",
    "refused",
    "over",
    "steps",
    "steps.url",
    "steps.method",
    "steps.json",
    "steps.form",
    "steps.headers",
    "steps.basic",
    "steps.compute",
    "steps.take",
    "steps.success",
];
