//! A type that is no scheme.

use tower_outbound_auth::exchange::{self, Issued};
use tower_outbound_auth::{AuthLayer, TokenSource};

fn main() {
    let login = exchange::from_fn(|| async { Ok(Issued::new("abc")) });
    let source = TokenSource::new("Bearer", login);
    let _ = AuthLayer::new(source);
}
