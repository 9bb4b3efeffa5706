//! This crate's layer, with the settings that are measured.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderName, HeaderValue};
use tower_outbound_auth::clock::{Clock, Now, Sleep};
use tower_outbound_auth::exchange::Exchange;
use tower_outbound_auth::scheme::{InvalidToken, PerRequest, Presentation};
use tower_outbound_auth::system::{Dpop, HeaderScheme, OAuth, OAuthClient};
use tower_outbound_auth::token::{Event, Observer};
use tower_outbound_auth::{AuthLayer, Origin, Secret, TokenSource};

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

/// A token that is bound to a key: each request has a proof by ES256.
pub(crate) fn dpop() -> AuthLayer<Bound> {
    let builder = OAuth::builder("https://idp.example/token");
    let client = OAuthClient::with_secret("billing", "s3cret");
    let system = builder.client(client).dpop(Dpop::new().unwrap()).build().unwrap();
    over(TokenSource::fixed(Bound(system), token()).unwrap())
}

/// A fixed token has no type, so this says that it is bound.
pub(crate) struct Bound(OAuth);

impl Presentation for Bound {
    fn header_name(&self) -> &HeaderName {
        self.0.header_name()
    }

    fn header_value(&self, token: &Secret, _: Option<&str>) -> Result<HeaderValue, InvalidToken> {
        self.0.header_value(token, Some("dpop"))
    }

    fn per_request(&self, token: &Secret) -> Option<Arc<dyn PerRequest>> {
        self.0.per_request(token)
    }
}
