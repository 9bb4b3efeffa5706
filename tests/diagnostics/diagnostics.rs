//! The compiler's messages for mistakes: each case is a mistake, and the file beside it has the message.
//! The messages are those of one compiler; with another one this test is skipped and says so.
//!
//! ```text
//! cargo test --manifest-path tests/diagnostics/Cargo.toml
//! TRYBUILD=overwrite cargo test --manifest-path tests/diagnostics/Cargo.toml  # after a change; then read them
//! ```

use std::process::Command;

const COMPILER: &str = "rustc 1.95.0 ";

#[test]
fn the_compiler_names_each_mistake_at_its_place() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("a compiler");
    let version = String::from_utf8_lossy(&version.stdout);
    if !version.starts_with(COMPILER) {
        eprintln!("skipped: the texts are those of {COMPILER}and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
