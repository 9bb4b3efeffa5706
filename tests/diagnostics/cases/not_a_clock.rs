//! A time where a clock is asked for.

use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, TokenSource};

fn main() {
    let auth = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap());
    let _ = auth.rebuild_source(|source| source.clock(std::time::SystemTime::now()));
}
