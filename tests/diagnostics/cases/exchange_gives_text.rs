//! A function that gives the token itself, and one that needs an argument.

use tower_outbound_auth::exchange::{self, Issued};

fn main() {
    let _ = exchange::from_fn(|| async { Ok("abc".to_owned()) });
    let _ = exchange::from_fn(|secret: String| async { Ok(Issued::new(secret)) });
}
