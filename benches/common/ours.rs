//! This crate's layer, in the settings that are measured.

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderName;
use tower_outbound_auth::clock::{Clock, Now, Sleep};
use tower_outbound_auth::scheme::HeaderScheme;
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

use super::token;

/// With `Authorization: Bearer`, by the machine's clocks.
pub(crate) fn layer() -> AuthLayer<HeaderScheme> {
    of(HeaderScheme::bearer())
}

/// With a header of its own.
pub(crate) fn custom_header() -> AuthLayer<HeaderScheme> {
    of(HeaderScheme::new(HeaderName::from_static("x-api-token"), ""))
}

fn of(scheme: HeaderScheme) -> AuthLayer<HeaderScheme> {
    let source = TokenSource::fixed(scheme, token()).unwrap();
    AuthLayer::new(source).with_origin(Origin::parse("https://api.example").unwrap())
}

/// A clock that costs nothing, to tell what the clocks cost.
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
