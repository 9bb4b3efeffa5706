//! The texts of errors. Each says which system failed, what happened and what to do, in one line: most logs show only that.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../support/log.rs"]
mod log;
#[path = "../support/tls.rs"]
mod server;

mod answers;
mod certificates;
mod connections;
mod credentials;
mod events;
mod nested;
mod redirects;
mod requests;

use tower_outbound_auth::Error;

/// The text of an error up to the pause, which is drawn.
fn without_the_pause(error: &Error) -> String {
    let text = error.to_string();
    let (text, pause) = text.rsplit_once("; the next attempt is due in ").expect("a pause");
    assert!(pause.ends_with(" s") && !pause.contains(';'), "{pause}");
    text.to_owned()
}
