//! A channel that fails with an error that it is given.

use std::future::{Ready, ready};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::FutureExt;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service, ServiceExt};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, BoxError, TokenSource};

/// The error comes once, for a call or before it.
#[derive(Clone)]
struct Failing {
    error: Arc<Mutex<Option<BoxError>>>,
    before: bool,
}

impl Failing {
    fn fail(&self) -> BoxError {
        self.error.lock().unwrap().take().unwrap()
    }
}

impl Service<Request<Body>> for Failing {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = Ready<Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(if self.before { Err(self.fail()) } else { Ok(()) })
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        ready(Err(self.fail()))
    }
}

/// What a layer from `for_tonic()` makes of an error of the service below it.
pub(crate) fn handed_on(error: impl Into<BoxError>, before: bool) -> BoxError {
    let below = Failing { error: Arc::new(Mutex::new(Some(error.into()))), before };
    let source = TokenSource::fixed(HeaderScheme::bearer(), "abc").unwrap();
    let service = AuthLayer::new(source).with_exempt_if(|_| true).for_tonic().layer(below);
    service.oneshot(Request::new(Body::default())).now_or_never().unwrap().unwrap_err()
}

/// What a caller of a generated client gets.
pub(crate) fn status_of(error: impl Into<BoxError>) -> Status {
    Status::from_error(handed_on(error, false))
}
