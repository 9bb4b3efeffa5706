//! Layers above can find errors of this crate. Errors of layers below reach the caller unchanged.

use std::error::Error as StdError;
use std::fmt;

use tower::load_shed::error::Overloaded;
use tower::timeout::error::Elapsed;
use tower::{Layer, ServiceBuilder};
use tower_outbound_auth::{Error, ErrorKind};

use super::table::{above, below};
use super::*;

#[tokio::test(start_paused = true)]
async fn an_error_of_this_crate_is_found_above_each_layer() {
    for (name, make) in above() {
        let world = world();
        let foreign = Request::get("https://evil.test/").body(Body::default()).unwrap();
        let error = call(&mut make(&world), foreign).await.unwrap_err();
        let ours = Error::find(&*error).unwrap_or_else(|| panic!("{name}: {error:?}"));
        assert_eq!(ours.kind(), ErrorKind::ForeignOrigin, "{name}");

        world.exchange.fail_next(1, unavailable());
        let error = call(&mut make(&world), get("/")).await.unwrap_err();
        let ours = Error::find(&*error).unwrap_or_else(|| panic!("{name}: {error:?}"));
        assert_eq!(ours.exchange().unwrap().to_string(), "scripted outage", "{name}");
        assert_eq!(world.api.requests(), 0, "{name}");
    }
}

/// A second layer of this crate, for another credential, may be below. Its errors are this crate's
/// too.
#[tokio::test(start_paused = true)]
async fn an_error_of_this_crate_from_below_is_found_over_each_layer() {
    for (name, make) in below() {
        let world = world();
        world.exchange.fail_next(1, unavailable());
        let error = call(&mut make(&world), get("/")).await.unwrap_err();
        assert!(error.is::<Error>(), "{name}: not even wrapped");
    }
}

#[derive(Debug, PartialEq)]
struct Reset;

impl fmt::Display for Reset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("connection reset")
    }
}

impl StdError for Reset {}

/// `error`, or a source of it.
fn is<E: StdError + 'static>(error: &BoxError) -> bool {
    let mut next: Option<&(dyn StdError + 'static)> = Some(&**error);
    while let Some(error) = next {
        if error.is::<E>() {
            return true;
        }
        next = error.source();
    }
    false
}

macro_rules! over_a_broken_client {
    ($($name:literal: $layers:expr,)*) => {
        [$(($name, |world: &World| {
            let broken = service_fn(|_: Request<Body>| async { Err::<Response<Body>, _>(Reset) });
            stack(world.layer.layer($layers.service(broken)))
        }),)*]
    };
}

#[tokio::test(start_paused = true)]
async fn the_clients_own_error_reaches_the_caller_through_each_layer() {
    let rows: [super::table::Row; 5] = over_a_broken_client! {
        "nothing": ServiceBuilder::new(),
        "a timeout": ServiceBuilder::new().timeout(secs(9)),
        "a buffer": ServiceBuilder::new().buffer(8),
        "load shedding over a limit": ServiceBuilder::new().load_shed().concurrency_limit(1),
        "Trace": ServiceBuilder::new().layer(tower_http::trace::TraceLayer::new_for_http()),
    };
    for (name, make) in rows {
        let error = call(&mut make(&world()), get("/")).await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Reset), "{name}: {error:?}");
        assert!(Error::find(&*error).is_none(), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_timeout_below_reaches_the_caller() {
    let world = world();
    let mut below =
        stack(world.layer.layer(ServiceBuilder::new().timeout(secs(1)).service(api(&world))));
    world.api.delay(secs(2));
    let error = call(&mut below, get("/")).await.unwrap_err();
    assert!(error.is::<Elapsed>(), "{error:?}");
    assert_eq!(world.api.requests(), 1, "the request is not sent again because of it");
}

#[tokio::test(start_paused = true)]
async fn the_error_of_an_overloaded_service_below_reaches_the_caller_through_a_buffer() {
    let world = world();
    let limited = ServiceBuilder::new().load_shed().concurrency_limit(1).service(api(&world));
    let client = world.layer.layer(limited);
    let buffered = tower::buffer::Buffer::new(client.clone(), 8);
    world.api.delay(secs(1));
    world.source.token().await.unwrap();
    let first = tokio::spawn(client.clone().oneshot(get("/")));
    tokio::time::sleep(millis(1)).await;
    assert!(client.oneshot(get("/")).await.unwrap_err().is::<Overloaded>());
    assert!(is::<Overloaded>(&buffered.oneshot(get("/")).await.unwrap_err()));
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    assert_eq!(world.api.requests(), 1);
}
