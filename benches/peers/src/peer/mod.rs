//! Other crates, each through its public API, one row each.
//!
//! Crates without a tower layer are wrapped by tower's `AsyncFilterLayer`, which boxes nothing. A crate
//! with its own request type gets such requests, and its figures are the cost above its own inner service.

mod aws;
mod azure;
mod by_hand;
mod cf_gears;
mod endpoint;
mod google;
mod kube;

use std::convert::Infallible;
use std::future::Future;
use std::hint::spin_loop;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{Request, Response};
use tokio::runtime::Runtime;
use tower::{Service, ServiceExt};

use crate::common::{Api, Body, request};
use crate::row::Row;

/// Long enough that no renewal is due.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn rows() -> Vec<Row> {
    [by_hand::rows(), google::rows(), azure::rows(), aws::rows(), kube::rows(), cf_gears::rows()]
        .into_iter()
        .flatten()
        .collect()
}

/// Requests through a service that may wait for a lock.
fn row<S>(name: &'static str, make: impl FnOnce() -> S + Send + Sync + 'static) -> Row
where
    S: Service<Request<Body>> + Clone + Send + Sync + 'static,
{
    Row::of(name, make, S::clone, request, |service, request| {
        assert!(service.poll_ready(&mut Context::from_waker(Waker::noop())).is_ready());
        assert!(until_ready(service.call(request)).is_ok());
    })
}

/// The inner service, with the error type that a layer needs.
fn inner<E: Send + 'static>()
-> impl Service<Request<Body>, Response = Response<Body>, Error = E, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    Api.map_err(|never: Infallible| -> E { match never {} })
}

/// Polls until the future is ready. For a lock, this is faster than any waker.
fn until_ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
        spin_loop();
    }
}

/// The runtime of the background tasks and the first exchanges. Requests do not use it.
fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    });
    &RUNTIME
}
