//! A cap where a strategy is asked for.

use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, TokenSource};

fn main() {
    let auth = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap());
    let _ = auth.with_replay(64 * 1024);
}
