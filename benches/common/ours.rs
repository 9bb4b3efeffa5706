//! This crate's layer, with the settings that are measured.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderName;
use tower_outbound_auth::clock::{Clock, Now, Sleep};
use tower_outbound_auth::exchange::Exchange;
use tower_outbound_auth::scheme::Presentation;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::token::{Event, Observer};
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

use super::token;

/// With `Authorization: Bearer` and the machine's clocks.
pub(crate) fn layer() -> AuthLayer<HeaderScheme> {
    fixed(HeaderScheme::bearer())
}

/// With a header of its own.
pub(crate) fn custom_header() -> AuthLayer<HeaderScheme> {
    fixed(HeaderScheme::new(HeaderName::from_static("x-api-token"), ""))
}

/// Over a channel that has one peer.
pub(crate) fn relative() -> AuthLayer<HeaderScheme> {
    let source = TokenSource::fixed(HeaderScheme::bearer(), token()).unwrap();
    AuthLayer::new(source).with_origin(Origin::relative())
}

/// With the API as the second of two origins.
pub(crate) fn second_origin() -> AuthLayer<HeaderScheme> {
    let source = TokenSource::fixed(HeaderScheme::bearer(), token()).unwrap();
    let first = Origin::parse("https://login.example").unwrap();
    AuthLayer::new(source)
        .with_origin(first)
        .with_origin(Origin::parse("https://api.example").unwrap())
}

/// With tokens that come from an exchange.
pub(crate) fn exchanging(exchange: impl Exchange) -> AuthLayer<HeaderScheme> {
    over(TokenSource::new(HeaderScheme::bearer(), exchange))
}

/// For the API of all benches.
pub(crate) fn over<P: Presentation>(source: TokenSource<P>) -> AuthLayer<P> {
    AuthLayer::new(source).with_origin(Origin::parse("https://api.example").unwrap())
}

fn fixed(scheme: HeaderScheme) -> AuthLayer<HeaderScheme> {
    over(TokenSource::fixed(scheme, token()).unwrap())
}

/// A clock that costs nothing. The difference shows the cost of the clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopped(Now);

impl Default for Stopped {
    fn default() -> Stopped {
        Stopped(Now::new(Duration::from_secs(1), UNIX_EPOCH + Duration::from_secs(1)))
    }
}

impl Clock for Stopped {
    fn now(&self) -> Now {
        self.0
    }

    fn sleep(&self, _: Duration) -> Sleep {
        Box::pin(std::future::pending())
    }
}

/// Does nothing.
pub(crate) struct Observes;

impl Observer for Observes {
    fn event(&self, _: &Event<'_>) {}
}
