//! Arguments that are not understood.

use crate::{Folder, doctor, run};

const GOOD: [&str; 8] = [
    "--endpoint",
    "https://idp.example/token",
    "--client-id",
    "billing",
    "--secret",
    "env:BILLING_SECRET",
    "--api",
    "https://api.example",
];

/// The arguments without the option at this place.
fn without(name: &str) -> Vec<&'static str> {
    let pairs = GOOD.chunks(2).filter(|pair| pair[0] != name);
    pairs.flatten().copied().collect()
}

#[tokio::test]
async fn a_command_that_is_not_understood_ends_with_2_and_says_why() {
    let with = |more: &[&'static str]| [&GOOD[..], more].concat();
    for (args, text) in [
        (vec![], "`--endpoint` is missing"),
        (without("--client-id"), "`--client-id` is missing"),
        (without("--secret"), "`--secret` is missing"),
        (without("--api"), "`--api` is missing"),
        (with(&["--secret", "env:X"]), "`--secret` is given twice"),
        (with(&["--auth"]), "`--auth` needs a value"),
        (with(&["--auth", "--scope"]), "`--auth` needs a value"),
        (with(&["--auth", "digest"]), "`--auth` is one of basic,"),
        (with(&["--system", "saml"]), "`--system` is one of client_credentials,"),
        (with(&["--system", "rotating"]), "which is a secret"),
        (with(&["--system", "atlas", "--scope", "x"]), "belong to client_credentials"),
        (with(&["--config", "x.toml"]), "no other option"),
        (
            [&["--endpoint", "https://a.example/?key=hunter2"], &without("--endpoint")[..]]
                .concat(),
            "has a query",
        ),
        (with(&["--wat"]), "an option that the doctor does not know"),
        (with(&["--demo"]), "`--demo` stands alone"),
        (vec!["--config", "/nowhere/x.toml"], "The file /nowhere/x.toml cannot be read"),
    ] {
        let outcome = run(&args).await;
        assert!(outcome.text.contains(text), "{args:?}: {}", outcome.text);
        assert_eq!(outcome.code, doctor::BAD_USAGE, "{args:?}");
    }
}

#[tokio::test]
async fn a_secret_in_the_place_of_an_option_is_not_repeated() {
    let mut args = GOOD.to_vec();
    args[5] = "hunter2-hunter2";
    let mut with_user = GOOD.to_vec();
    with_user[1] = "https://billing:hunter2@idp.example/token";
    let auth = [&GOOD[..], &["--auth", "hunter2-hunter2"]].concat();
    for args in [&args[..], &with_user, &auth, &["hunter2-hunter2"]] {
        let outcome = run(args).await;
        assert_eq!(outcome.code, doctor::BAD_USAGE);
        assert!(!outcome.text.contains("hunter2"), "{}", outcome.text);
    }
}

#[tokio::test]
async fn plain_http_to_another_machine_is_refused() {
    let mut args = GOOD;
    args[1] = "http://idp.example/token";
    let outcome = run(&args).await;
    assert!(outcome.text.contains("over plain http"), "{}", outcome.text);
    assert_eq!(outcome.code, doctor::BAD_USAGE);
}

#[tokio::test]
async fn the_help_names_every_option_in_80_to_100_columns() {
    let outcome = run(&["--help"]).await;
    for option in GOOD.iter().step_by(2) {
        assert!(outcome.text.contains(option), "{option}");
    }
    assert!(outcome.text.lines().all(|line| line.chars().count() <= 100));
    assert_eq!(outcome.code, 0);
}

#[tokio::test]
async fn a_mistake_in_any_line_of_a_file_is_found_at_that_line() {
    let folder = Folder::new();
    let good = "api = \"https://api.example\"\n[atlas]\nendpoint = \"https://a.example/token\"\n\
                client_id = \"id\"\nclient_secret = \"env:X\"\n";
    for (from, to, line, text) in [
        ("api =", "apj =", 1, "unknown field `apj`"),
        ("https://a.example", "http://a.example", 3, "plain http"),
        ("endpoint = ", "endpoint ", 3, ""),
        ("\"id\"", "7", 4, "an id, or its place"),
        ("\"env:X\"", "\"hunter2\"", 5, "a reference to a credential is"),
    ] {
        assert!(good.contains(from), "{from}");
        let path = folder.write("x.toml", &good.replace(from, to));
        let outcome = run(&["--config", &path]).await;
        let words: Vec<&str> = outcome.text.split_whitespace().collect();
        let joined = words.join(" ");
        assert!(joined.contains(&format!("x.toml, line {line}: ")), "{joined}");
        assert!(joined.contains(text) && !joined.contains("hunter2"), "{joined}");
        assert_eq!(outcome.code, 1);
    }
}
