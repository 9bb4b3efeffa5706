//! A closure where an exchange is asked for.

use tower_outbound_auth::TokenSource;
use tower_outbound_auth::exchange::{ExchangeError, Issued};
use tower_outbound_auth::system::HeaderScheme;

fn main() {
    let login = || async { Ok::<_, ExchangeError>(Issued::new("abc")) };
    let _ = TokenSource::new(HeaderScheme::bearer(), login);
}
