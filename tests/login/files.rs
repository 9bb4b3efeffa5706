//! What a file with a mistake says. The format's crate names the line.

use tower_outbound_auth::Credential;
use tower_outbound_auth::system::{AnswerRule, Config, Login, LoginStep};

const FILE: &str = r#"api = "https://a.example"
[login]
name = "in-house"
token = "/token"
[login.credentials]
password = "file:/run/password"
[[login.steps]]
url = "https://a.example/login"
json = { password = "{password}" }
"#;

/// The error of the file with this change.
fn error(from: &str, to: &str) -> String {
    assert!(FILE.contains(from), "{from}");
    let file = FILE.replace(from, to);
    toml::from_str::<Config>(&file).unwrap_err().to_string()
}

#[test]
fn the_file_of_these_tests_is_right() {
    toml::from_str::<Config>(FILE).unwrap();
}

#[test]
fn a_value_that_is_wrong_by_itself_is_reported_at_its_line() {
    for (from, to, line, text) in [
        (
            "token = \"/token\"",
            "token = \"token\"",
            4,
            "a place in an answer is a JSON pointer that begins with `/`",
        ),
        ("name =", "title =", 3, "unknown field `title`"),
        (
            "\"file:/run/password\"",
            "\"hunter2\"",
            6,
            "a reference to a credential is `file:/path` or `env:NAME`",
        ),
        ("https://a.example/login", "http://a.example/login", 8, "plain http"),
        (
            "https://a.example/login",
            "https://{password}/login",
            8,
            "the host of a URL cannot have a placeholder",
        ),
        ("\"{password}\"", "\"{pass word}\"", 9, "write `{name}` for a value"),
        ("api = \"https://a.example\"", "api = \"https://a.example/v1\"", 1, "an origin is"),
        (
            "token = \"/token\"",
            "token = \"/token\"\nexpires_in = { at = \"/x\", unit = \"weeks\" }",
            5,
            "unknown variant `weeks`",
        ),
        (
            "token = \"/token\"",
            "token = \"/token\"\nexpires_in = 0",
            5,
            "a life has one second or more",
        ),
        (
            "token = \"/token\"",
            "token = \"/token\"\nover = [{ status = 99 }]",
            5,
            "expected a status such as 401",
        ),
        (
            "token = \"/token\"",
            "token = \"/token\"\nexpires_at = { at = \"/x\", offset = \"JST\" }",
            5,
            "`+09:00`",
        ),
        ("json =", "method = \"BREW\"\njson =", 9, "a method is GET, POST, PUT or PATCH"),
        (
            "json =",
            "compute.d = { hash = \"md5\", of = \"x\" }\njson =",
            9,
            "unknown variant `md5`",
        ),
    ] {
        let error = error(from, to);
        assert!(error.contains(&format!("line {line},")), "{to}: {error}");
        assert!(error.contains(text), "{to}: {error}");
        // Only the credential's line must not be quoted by us; a format's crate quotes the line that it reports.
        assert!(!error.lines().last().unwrap().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_value_that_does_not_fit_the_others_is_reported_with_its_step_and_its_name() {
    let login = "the login `in-house`: ";
    for (from, to, text) in [
        (
            "{password}",
            "{passwort}",
            "step 1: `{passwort}` has no value here; there are `nonce`, `now`, `now_ms`, `now_rfc3339`, `password`",
        ),
        (
            "password = \"file:/run/password\"",
            "password = \"file:/a\"\nother = \"file:/b\"",
            "the credential `other` is used nowhere: write `{other}` where it belongs",
        ),
        (
            "{ password = \"{password}\" }",
            "{ password = \"hunter2\" }",
            "step 1: `password` seems to be a secret, and its value is written here: add a credential",
        ),
        (
            "/login\"",
            "/login?a=b&api_key=hunter2\"",
            "step 1: `api_key` seems to be a secret, and its value is written here",
        ),
        (
            "json =",
            "compute.d = { hmac = \"sha256\", key = \"hunter2\", of = \"x\" }\njson =",
            "step 1: `key` seems to be a secret, and its value is written here",
        ),
        (
            "json =",
            "form = { a = \"b\" }\njson =",
            "step 1: it has more than one of `json`, `form` and `body`",
        ),
        ("json =", "method = \"GET\"\njson =", "step 1: a GET has no body"),
        (
            "json =",
            "headers = { host = \"x\" }\njson =",
            "step 1: the header `host` is set by the client",
        ),
        (
            "json =",
            "headers = { content-type = \"x\" }\njson =",
            "step 1: the header `content-type` is set by the client",
        ),
        ("json =", "headers = { \"a b\" = \"x\" }\njson =", "step 1: `a b` is no name of a header"),
        (
            "json =",
            "compute.password = { hash = \"sha256\", of = \"x\" }\njson =",
            "step 1: `compute` gives the name `password` a second meaning",
        ),
        (
            "json =",
            "take.password = \"/x\"\njson =",
            "step 1: `take` gives the name `password` a second meaning",
        ),
        (
            "json = { password = \"{password}\" }",
            "compute.s = { hash = \"sha256\", of = \"{body}\" }\njson = { s = \"{s}\", password = \"{password}\" }",
            "step 1: `s` is computed of the body, so it cannot stand in the body",
        ),
        (
            "json = { password = \"{password}\" }",
            "headers = { x = \"{password}{body}\" }",
            "step 1: `{body}` has no value here",
        ),
        (
            "token = \"/token\"",
            "client = \"user\"\ntoken = \"/token\"",
            "`client` names `user`, which is none of the credentials",
        ),
        (
            "token = \"/token\"",
            "token = \"/token\"\nvalue = \"{token} {token}\"",
            "`value`, the value of the header, must have `{token}` once",
        ),
        (
            "token = \"/token\"",
            "token = \"/token\"\nheader = \"a b\"",
            "`a b` is no name of a header",
        ),
        ("token = \"/token\"\n", "", "`token`, the place of the token, is missing"),
        (
            "token = \"/token\"",
            "token = \"/token\"\nrefresh_token = \"/r\"",
            "`refresh`, a request, and `refresh_token`, a place in an answer, need each other",
        ),
        (
            "token = \"/token\"",
            "token = \"/token\"\nover = [{ is = \"x\" }]",
            "a rule of `over`: a rule needs `status` or `at`",
        ),
        (
            "token = \"/token\"",
            "token = \"/token\"\nrefused = [{ status = 400, is = \"x\" }]",
            "a rule of `refused`: a rule with `is` or `contains` needs `at`",
        ),
        ("in-house\"", "in house\"", "its name has letters, digits"),
    ] {
        let error = error(from, to);
        assert!(
            error.contains(&format!(
                "{}{text}",
                if to.contains("in house") { "the login `in house`: " } else { login }
            )),
            "{to}: {error}"
        );
        assert!(error.contains("line "), "{error}");
    }
    let steps = "[[login.steps]]\nurl = \"https://a.example/x\"\n".repeat(4);
    let many = toml::from_str::<Config>(&format!("{FILE}{steps}")).unwrap_err().to_string();
    assert!(many.contains("it has one to 4 steps"), "{many}");
}

#[test]
fn a_value_of_a_later_step_is_not_known_in_an_earlier_one() {
    let first = "[[login.steps]]\nurl = \"https://a.example/{code}\"\n";
    let second = "[[login.steps]]\nurl = \"https://a.example/login\"\ntake.code = \"/code\"\n";
    let file = FILE.replace(
        "[[login.steps]]\nurl = \"https://a.example/login\"\n",
        &format!("{first}{second}"),
    );
    let error = toml::from_str::<Config>(&file).unwrap_err().to_string();
    assert!(error.contains("step 1: `{code}` has no value here"), "{error}");
}

#[test]
fn a_file_has_one_system_and_an_api() {
    let error = toml::from_str::<Config>("api = \"https://a.example\"").unwrap_err().to_string();
    let tables = "write one of the tables `client_credentials`, `oauth`, `entra`, `atlas`, `token_file`, `google_metadata`, \
                  `azure_managed_identity`, `rotating`, `login`";
    assert!(error.contains(tables), "{error}");
    let atlas = "[atlas]\nendpoint = \"https://a.example/t\"\nclient_id = \"x\"\nclient_secret = \"env:X\"\n";
    let error = toml::from_str::<Config>(&format!("{FILE}{atlas}")).unwrap_err().to_string();
    assert!(error.contains("there are two systems"), "{error}");
    let error =
        toml::from_str::<Config>(&FILE.replace("api =", "# api =")).unwrap_err().to_string();
    assert!(error.contains("`api`, the origin of the API, is missing"), "{error}");
    toml::from_str::<Config>(atlas).unwrap();
}

#[test]
fn a_login_from_code_and_from_a_file_are_the_same() {
    let step = LoginStep::post("https://a.example/login?a=b")
        .json(r#"{"password": "{password}", "n": 1}"#);
    let code = Login::builder("in-house")
        .credential("password", Credential::file("/run/password"))
        .step(step.header("x-time", "{now}").take("unused", "/x"))
        .token("/token")
        .expires_in(r#"{"at": "/ttl", "unit": "minutes"}"#)
        .extra("team", "header:x-team")
        .header("x-token", "{token}")
        .over(AnswerRule::status(419))
        .build()
        .unwrap();
    let file: Login = toml::from_str(
        r#"
        name = "in-house"
        token = "/token"
        expires_in = { at = "/ttl", unit = "minutes" }
        extra = { team = "header:x-team" }
        header = "x-token"
        value = "{token}"
        over = [{ status = 419 }]
        credentials = { password = "file:/run/password" }
        [[steps]]
        url = "https://a.example/login?a=b"
        json = { password = "{password}", n = 1 }
        headers = { x-time = "{now}" }
        take = { unused = "/x" }
        "#,
    )
    .unwrap();
    use tower_outbound_auth::endpoint::Grant;
    assert_eq!(code.identity(), file.identity());
    assert_eq!(format!("{code:?}"), format!("{file:?}"));
}

#[test]
fn the_caller_gets_the_values_that_extra_names_and_one_that_is_absent_is_no_failure() {
    use tower_outbound_auth::endpoint::{ExchangeAnswer, Grant, Step};
    let login: Login = toml::from_str(
        r#"
        name = "in-house"
        token = "/token"
        extra = { instance = "/where/url", shard = "/where/shard", team = "header:x-team", none = "/x" }
        [[steps]]
        url = "https://a.example/login"
        "#,
    )
    .unwrap();
    let body = r#"{"token":"abc","where":{"url":"https://eu7.example","shard":7}}"#;
    let answer = http::Response::builder().header("x-team", "T1").body(body.into()).unwrap();
    let step = login.read(ExchangeAnswer::new(answer)).unwrap();
    let Step::Issued(issued) = step else { panic!("{step:?}") };
    let found = ["instance", "shard", "team", "none"].map(|name| issued.extra(name));
    assert_eq!(found, [Some("https://eu7.example"), Some("7"), Some("T1"), None]);
}

#[test]
fn a_mistake_in_code_is_reported_by_build() {
    let step = || LoginStep::post("https://a.example/login");
    let with = |step| Login::builder("a").step(step).token("/t");
    for (builder, text) in [
        (with(LoginStep::post("nowhere")), "has no scheme"),
        (with(step().json("{")), "the JSON of a step cannot be read"),
        (with(step().form("a", "{")), "write `{name}`"),
        (with(step().take("a", "b")), "a place in an answer"),
        (with(step().compute("a", "{}")), "the digest `a` cannot be read"),
        (with(step()).token("t"), "a place in an answer"),
        (with(step()).expires_in("soon"), "a place in an answer"),
        (with(step()).expires_in("-5"), "a life has one second or more"),
        (with(step()).header("x", "{"), "write `{name}`"),
        (with(step()).over(AnswerRule::any_status()), "a rule needs `status` or `at`"),
        (with(step()).credential("a b", "x"), "a credential cannot have the name `a b`"),
        (Login::builder("a").token("/t"), "it has one to 4 steps"),
    ] {
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(text), "{text}: {error}");
    }
}
