//! Checks the tables that name a test for each danger: each named test exists. Also checks what the docs say about
//! all events.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below a folder, as paths without `.rs`, in parts.
fn files(folder: &Path, parts: &[String], found: &mut Vec<(Vec<String>, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut parts = parts.to_vec();
        if path.is_dir() {
            parts.push(name);
            files(&path, &parts, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            if !matches!(&*name, "main" | "mod" | "lib") {
                parts.push(name);
            }
            found.push((parts, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The tests of a file, with the modules that they are in.
fn tests_of(modules: &[String], source: &str, found: &mut BTreeSet<String>) {
    let (mut inner, mut is_test) = (None, false);
    for line in source.lines() {
        let text = line.trim_start();
        if !line.starts_with([' ', '}']) {
            let name = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(" {"));
            inner = name.map(str::to_owned).or(inner.filter(|_| line.is_empty()));
        }
        if text.starts_with("#[test]") || text.starts_with("#[tokio::test") {
            is_test = true;
        }
        let function = text.strip_prefix("async ").unwrap_or(text).strip_prefix("fn ");
        if let Some(function) = function {
            let name: String =
                function.chars().take_while(|c| *c == '_' || c.is_alphanumeric()).collect();
            if is_test {
                let parts = modules.iter().chain(&inner).chain([&name]);
                found.insert(parts.map(String::as_str).collect::<Vec<_>>().join("::"));
            }
            is_test = false;
        }
    }
}

/// Names as `cargo test` prints them. Tests in `tests` begin with the name of their binary.
fn tests() -> BTreeSet<String> {
    let mut sources = vec![];
    files(&root().join("src"), &[], &mut sources);
    files(&root().join("tests"), &[], &mut sources);
    let mut found = BTreeSet::new();
    sources.iter().for_each(|(modules, source)| tests_of(modules, source, &mut found));
    found
}

fn page(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The tests that a text names: paths in lower case in backticks.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let is_path = |code: &&str| {
        let part = |c: char| c == '_' || c == ':' || c.is_ascii_digit() || c.is_ascii_lowercase();
        code.contains("::") && code.chars().all(part)
    };
    text.split('`').skip(1).step_by(2).filter(is_path)
}

/// The rows of a page's tables, as cells, without the head rows.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn assert_named_tests_exist(path: &str) {
    let (text, tests) = (page(path), tests());
    let missing: Vec<_> = named(&text).filter(|name| !tests.contains(*name)).collect();
    assert!(missing.is_empty(), "{path} names tests that there are not: {missing:#?}");
}

#[test]
fn tests_are_found_with_their_modules() {
    let tests = tests();
    for name in [
        "docs::tests_are_found_with_their_modules",
        "token::machine::window::tests::postponing_a_refresh_does_not_change_the_expiry",
        "replay::body::tests::random::a_server_always_gets_the_whole_body_or_an_error",
        "token::machine::tests::refresh::the_first_caller_starts_a_refresh_and_the_others_join_it",
        "promises::p01_one_refresh::layers_that_share_a_source_share_its_exchange",
    ] {
        assert!(tests.contains(name), "{name}");
    }
    assert!(tests.len() > 500, "{}", tests.len());
    assert!(!tests.contains("docs::page"));
}

/// `tests/promises/p07_….rs`, or a folder `p07_…` with a `mod.rs`.
#[test]
fn each_promise_has_one_file_or_one_folder_of_tests() {
    let mut numbers = vec![];
    for entry in fs::read_dir(root().join("tests/promises")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let Some((number, _)) = name.strip_prefix('p').and_then(|it| it.split_once('_')) else {
            continue;
        };
        let Ok(number) = number.parse::<usize>() else { continue };
        let text = match path.is_dir() {
            true => fs::read_to_string(path.join("mod.rs")).unwrap(),
            false => fs::read_to_string(&path).unwrap(),
        };
        let says = format!("//! Promise {number}: ");
        assert!(text.starts_with(&says), "{} does not begin with {says:?}", path.display());
        numbers.push(number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
}

#[test]
fn every_pitfall_has_a_test_or_says_what_is_missing() {
    let text = page("docs/pitfalls.md");
    let rows = rows(&text);
    let numbers: Vec<usize> = rows.iter().filter_map(|row| row[0].parse().ok()).collect();
    assert_eq!(numbers, (1..=70).collect::<Vec<_>>());
    for row in rows.iter().filter(|row| row[0].parse::<usize>().is_ok()) {
        let [_, promise, caught] = row[..] else { panic!("three cells: {row:?}") };
        assert!(!promise.is_empty(), "{row:?}");
        assert!(named(caught).count() > 0 || caught.starts_with("not yet:"), "{row:?}");
    }
    assert_named_tests_exist("docs/pitfalls.md");
}

#[test]
fn every_threat_has_a_defence_and_a_test() {
    let text = page("SECURITY.md");
    let rows = rows(&text);
    for threat in ["leak", "downgrade", "injection", "replay", "confusion", "exhaustion"] {
        let mut lines = rows.iter().filter(|row| row[0] == threat).peekable();
        assert!(lines.peek().is_some(), "{threat}");
        for line in lines {
            let [_, what, defence, caught] = line[..] else { panic!("four cells: {line:?}") };
            assert!(!what.is_empty() && !defence.is_empty(), "{line:?}");
            assert!(named(caught).count() > 0, "{line:?}");
        }
    }
    assert_named_tests_exist("SECURITY.md");
}

/// Users who filter by the documented target would miss an event without it.
#[test]
fn every_event_has_the_target_of_the_crate() {
    let mut sources = vec![];
    files(&root().join("src"), &[], &mut sources);
    let mut events = 0;
    for (parts, source) in sources {
        for (at, _) in source.match_indices("tracing::") {
            let Some((macro_, rest)) = source[at..].split_once("!(") else { continue };
            if !macro_["tracing::".len()..].chars().all(|c| c.is_ascii_lowercase() || c == '_') {
                continue; // a path in a `use`, not a call
            }
            events += 1;
            assert!(rest.trim_start().starts_with("target: TARGET"), "{parts:?}: {macro_}");
        }
    }
    assert!(events > 10, "{events}");
}

/// The names that `impl_as_str!` gives the variants of an enum.
fn names_of(file: &str) -> Vec<String> {
    let source = fs::read_to_string(root().join(file)).unwrap();
    let (_, list) = source.split_once("impl_as_str!(").unwrap();
    let (list, _) = list.split_once("});").unwrap();
    let names = list.split('"').skip(1).step_by(2).map(str::to_owned);
    names.collect()
}

/// The text of a file with its broken string literals put together again.
fn joined(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let parts = text.split("\\\n").enumerate();
    parts.map(|(number, part)| if number == 0 { part } else { part.trim_start() }).collect()
}

#[test]
fn the_manual_explains_each_kind_of_error_and_each_recovery() {
    let page = fs::read_to_string(root().join("src/manual/errors.rs")).unwrap();
    let kinds =
        ["src/error/kind.rs", "src/exchange/error.rs", "src/error/recovery.rs"].map(names_of);
    assert_eq!(kinds.each_ref().map(Vec::len), [10, 9, 10]);
    for name in kinds.concat() {
        let in_a_row = page.contains(&format!("//! | `{name}` |"));
        let elsewhere = ["no_successor", "sent_elsewhere"].contains(&&*name)
            && page.contains(&format!("`{name}`"));
        assert!(in_a_row || elsewhere, "not in the manual: {name}");
    }
}

#[test]
fn the_texts_of_errors_in_the_manual_are_those_that_the_crate_writes() {
    let page = fs::read_to_string(root().join("src/manual/errors.rs")).unwrap();
    let written: String = [
        "src/credential/mod.rs",
        "src/credential/reload.rs",
        "src/endpoint/certificate/client_certificate.rs",
        "src/endpoint/redirect.rs",
        "src/endpoint/unreachable.rs",
        "src/error/mod.rs",
        "src/system/cloud/azure.rs",
        "src/system/cloud/google_metadata.rs",
        "src/system/oauth/bound.rs",
        "src/system/oauth/discovery.rs",
        "src/system/oauth/key/certified_key.rs",
        "src/system/oauth/key/flaw.rs",
        "src/system/oauth/subject.rs",
        "src/store/file/mod.rs",
        "src/store/file/place.rs",
        "src/store/kept/mod.rs",
        "src/store/kept/texts.rs",
        "src/system/token_file.rs",
        "src/token/refresh_task.rs",
        "tests/dpop/logins.rs",
        "tests/dpop/token_endpoint.rs",
        "tests/errors/answers.rs",
        "tests/errors/certificates.rs",
        "tests/errors/connections.rs",
        "tests/errors/credentials.rs",
        "tests/errors/requests.rs",
        "tests/oauth/assertion_files.rs",
        "tests/oauth/clocks.rs",
        "tests/oauth/exchanged.rs",
        "tests/oauth/rotation.rs",
    ]
    .map(|file| joined(&root().join(file)))
    .concat();
    let (_, table) = page.split_once("the text says").unwrap();
    let (table, _) = table.split_once("# A request was not sent").unwrap();
    let texts = table
        .lines()
        .filter_map(|line| line.split('|').nth(2))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>());
    let texts: Vec<_> = texts
        .map(|text| text.trim_end_matches([' ', '.', ':', '1', '0', 's']).to_owned())
        .collect();
    assert!(texts.len() > 20, "{texts:?}");
    let missing: Vec<_> = texts.iter().filter(|text| !written.contains(&***text)).collect();
    assert!(missing.is_empty(), "the crate does not write: {missing:#?}");
}
