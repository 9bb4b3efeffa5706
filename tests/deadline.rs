//! The script that runs every test program (`.cargo/config.toml`): a program that hangs fails.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A shell script in place of a test program, run as cargo would run it.
fn run(name: &str, script: &str, arguments: &[&str]) -> Output {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("deps");
    fs::create_dir_all(&directory).unwrap();
    let program: PathBuf = directory.join(name);
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let runner = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/deadline");
    let mut command = Command::new(runner);
    command.arg(&program).args(arguments).env("TEST_DEADLINE", "1").current_dir("/");
    command.output().unwrap()
}

#[test]
fn a_program_that_hangs_is_killed_and_named() {
    let output = run("hangs", "echo before; exec sleep 1000", &[]);
    assert_eq!(output.status.code(), Some(124));
    assert_eq!(output.stdout, b"before\n");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("deps/hangs hangs: it was killed after"), "{said}");
}

#[test]
fn a_program_that_ends_keeps_its_status_and_its_output() {
    for (script, status) in
        [("echo out; echo err >&2", 0), ("echo out; echo err >&2; exit 101", 101)]
    {
        let output = run(&format!("ends-{status}"), script, &["--exact", "a test"]);
        assert_eq!(output.status.code(), Some(status));
        assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b"err\n"[..]));
    }
}

#[test]
fn benchmarks_and_long_ignored_tests_have_no_deadline() {
    for argument in ["--bench", "--ignored", "--include-ignored"] {
        let output = run(&format!("long{argument}"), "sleep 1.2; exit 7", &[argument]);
        assert_eq!(output.status.code(), Some(7), "{argument}");
    }
}
