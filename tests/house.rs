//! The architecture: which folder of `src` may use which, and how long a file may be.
//!
//! [`STOREYS`] is the documentation. A file uses only files of its own storey or of lower ones, and no two files use
//! each other, directly or through others. `testkit` is outside: it may use everything, and nothing uses it. Tests
//! and documentation may name anything.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The top storey first.
const STOREYS: [(&str, &str); 16] = [
    ("manual", "text, and no code"),
    ("system", "what is particular to one system, and the presets"),
    ("endpoint", "asking a token endpoint over HTTP: the traits Grant and Scheme"),
    ("adapter", "what is particular to axum, reqwest and tonic"),
    ("auth", "the middleware"),
    ("token", "the source, and the machine that decides"),
    ("store", "where a login is kept, and the exchange that keeps it"),
    ("scheme", "how a token travels, and how an API speaks about it: the trait Presentation"),
    ("replay", "bodies that can be sent again"),
    ("origin", "where a credential may go"),
    ("error", "the crate's own error"),
    ("exchange", "how a token is obtained: the trait Exchange"),
    ("credential", "ids and secrets, and reading them again"),
    ("basics", "small things that every storey needs"),
    ("clock", "the one file that reads a clock"),
    ("secret", "text that must not be seen"),
];

/// The most lines of code, without tests and comments.
const LONGEST: usize = 400;

struct File {
    /// Without comments and tests.
    code: String,
    has_doc: bool,
}

/// All files except the front page. `testkit` is included, to see which file uses it.
fn files() -> BTreeMap<String, File> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&src, &mut paths);
    let mut files = BTreeMap::new();
    for path in paths {
        let name = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
        if name == "lib.rs" || name.contains("/tests/") || name.ends_with("/tests.rs") {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        files.insert(name, File { has_doc: text.starts_with("//!"), code: code_of(&text) });
    }
    assert!(files.len() > 80, "{}", files.len());
    files
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => walk(&path, paths),
            false => paths.push(path),
        }
    }
}

fn code_of(text: &str) -> String {
    let mut code = String::new();
    let mut is_test = false;
    for line in text.lines() {
        let start = line.trim_start();
        let begins_test = line.starts_with("#[cfg(test)]") || line.starts_with("#[cfg(all(test");
        is_test |= begins_test;
        if !is_test && !start.is_empty() && !start.starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
        // A module in braces, or an item on one line.
        if is_test && !line.starts_with([' ', '#']) && line.ends_with(['}', ';']) {
            is_test = false;
        }
    }
    code
}

/// The paths that begin with `crate`, `super` or `self`, and the paths in their braces.
fn paths(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for root in ["crate::", "super::", "self::"] {
        for (at, _) in code.match_indices(root) {
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            if code[..at].chars().next_back().is_some_and(is_word) {
                continue; // this is a part of another path
            }
            tree(&code[at..], Vec::new(), &mut found);
        }
    }
    found
}

/// Reads a path, or a tree of paths as in `use`. Returns the rest of the text.
fn tree<'a>(mut text: &'a str, mut path: Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    loop {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        if end > 0 {
            path.push(text[..end].to_owned());
        }
        text = &text[end..];
        match text.strip_prefix("::") {
            Some(rest) if rest.starts_with('{') => {
                let mut rest = rest[1..].trim_start();
                while !rest.starts_with('}') {
                    rest = tree(rest, path.clone(), found).trim_start();
                    let alias = rest.strip_prefix("as ").map_or(rest, |it| {
                        it.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
                    });
                    rest = alias.trim_start_matches(',').trim_start();
                }
                return &rest[1..];
            }
            Some(rest) => text = rest,
            None => {
                found.push(path);
                return text.strip_prefix('*').unwrap_or(text);
            }
        }
    }
}

/// The files that a file names. A name that a folder re-exports leads to the folder's `mod.rs`, and on from
/// there.
fn named(name: &str, file: &File, files: &BTreeMap<String, File>) -> BTreeSet<String> {
    let module = |path: &[&str]| {
        let path = path.join("/");
        [format!("{path}.rs"), format!("{path}/mod.rs")]
            .into_iter()
            .find(|it| files.contains_key(it))
    };
    assert!(!file.code.contains("crate as "), "{name} gives the crate another name");
    let own: Vec<&str> = name.trim_end_matches(".rs").trim_end_matches("/mod").split('/').collect();
    let mut found = BTreeSet::new();
    for path in paths(&file.code) {
        let mut full: Vec<&str> = match &*path[0] {
            "crate" => Vec::new(),
            _ => own.clone(),
        };
        for part in path.iter().map(String::as_str).filter(|it| *it != "crate" && *it != "self") {
            match part {
                "super" => drop(full.pop()),
                part => full.push(part),
            }
        }
        let target = (1..=full.len()).rev().find_map(|length| module(&full[..length]));
        let target = target.unwrap_or_else(|| {
            panic!("{name} names {}: name the file that it is in", path.join("::"))
        });
        if target != name {
            found.insert(target);
        }
    }
    found
}

/// Which file names which, without `testkit`.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let files = files();
    let others = files.iter().filter(|(name, _)| !name.starts_with("testkit/"));
    let arrows: BTreeMap<_, _> =
        others.map(|(name, file)| (name.clone(), named(name, file, &files))).collect();
    for (name, targets) in &arrows {
        let used = targets.iter().find(|it| it.starts_with("testkit/"));
        assert!(used.is_none(), "{name} uses {used:?}");
    }
    arrows
}

fn storey(file: &str) -> usize {
    let folder = file.split('/').next().unwrap().trim_end_matches(".rs");
    let place = STOREYS.iter().position(|(name, _)| *name == folder);
    place.unwrap_or_else(|| panic!("{file} is in no storey: give its folder a line in STOREYS"))
}

#[test]
fn a_file_uses_only_its_own_storey_and_lower_ones() {
    let mut up = Vec::new();
    for (from, targets) in &arrows() {
        let above = targets.iter().filter(|to| storey(to) < storey(from));
        up.extend(above.map(|to| (from.clone(), to.clone())));
    }
    assert!(up.is_empty(), "{up:#?}");
}

#[test]
fn files_do_not_use_each_other_in_a_circle() {
    let arrows = arrows();
    let reached = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<_> = arrows[from].iter().collect();
        while let Some(next) = open.pop() {
            if seen.insert(next) {
                open.extend(arrows[next].iter());
            }
        }
        seen
    };
    let reached: BTreeMap<_, _> = arrows.keys().map(|file| (file, reached(file))).collect();
    let mut circles: Vec<Vec<&String>> = Vec::new();
    for (file, below) in &reached {
        let circle: Vec<_> =
            below.iter().copied().filter(|it| reached[it].contains(file)).collect();
        if circle.first() == Some(file) {
            circles.push(circle);
        }
    }
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn every_file_is_short_and_has_a_doc() {
    for (name, file) in files() {
        let lines = file.code.lines().count();
        assert!(lines <= LONGEST, "{name} has {lines} lines of code");
        assert!(file.has_doc, "{name} has no module documentation");
    }
}
