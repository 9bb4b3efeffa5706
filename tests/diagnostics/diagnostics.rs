//! What the compiler says to those who get it wrong: each case is a mistake, beside it the text that names
//! it. The texts hold for one compiler; with another one this skips, and says so.
//!
//! ```text
//! cargo test --manifest-path tests/diagnostics/Cargo.toml
//! TRYBUILD=overwrite cargo test --manifest-path tests/diagnostics/Cargo.toml  # after a change; then read them
//! ```

use std::process::Command;

const COMPILER: &str = "rustc 1.95.0 ";

#[test]
fn a_mistake_is_named_where_it_is_made() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("a compiler");
    let version = String::from_utf8_lossy(&version.stdout);
    if !version.starts_with(COMPILER) {
        eprintln!("skipped: the texts are those of {COMPILER}and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
