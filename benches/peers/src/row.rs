//! A row of a table: a kind of request and the service for it. It can be timed, or run under a counter.

use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use http::Request;
use tower::Service;

use crate::common::rounds::round;
use crate::common::{Body, once, request};

/// The service is made when it is first needed, so a process that counts one row makes no other service.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The row whose cost is subtracted from this one's.
    pub(crate) over: &'static str,
    /// One round with this many threads, in nanoseconds per request.
    pub(crate) time: Rc<dyn Fn(usize) -> f64>,
    run: Box<dyn Fn(usize)>,
}

impl Row {
    /// Requests through a service. Each thread has its own, as a server's tasks do.
    pub(crate) fn new<S>(
        name: &'static str,
        make: impl FnOnce() -> S + Send + Sync + 'static,
    ) -> Row
    where
        S: Service<Request<Body>> + Clone + Send + Sync + 'static,
    {
        Row::sending(request, name, make)
    }

    /// The same with other requests.
    pub(crate) fn sending<S, B>(
        request: fn() -> Request<B>,
        name: &'static str,
        make: impl FnOnce() -> S + Send + Sync + 'static,
    ) -> Row
    where
        S: Service<Request<B>> + Clone + Send + Sync + 'static,
        B: 'static,
    {
        Row::of(name, make, S::clone, request, once)
    }

    /// The same, through a clone for each request.
    pub(crate) fn cloned<S>(
        name: &'static str,
        make: impl FnOnce() -> S + Send + Sync + 'static,
    ) -> Row
    where
        S: Service<Request<Body>> + Clone + Send + Sync + 'static,
    {
        let leak = || -> &'static S { Box::leak(Box::new(make())) };
        Row::of(name, leak, |it| *it, request, |it, request| once(&mut it.clone(), request))
    }

    /// Any other row. Each thread makes its `own` state from the shared state.
    pub(crate) fn of<P, S, R>(
        name: &'static str,
        make: impl FnOnce() -> P + Send + Sync + 'static,
        own: impl Fn(&P) -> S + Clone + Send + Sync + 'static,
        request: fn() -> R,
        send: impl Fn(&mut S, R) + Clone + Sync + 'static,
    ) -> Row
    where
        P: Send + Sync + 'static,
        R: 'static,
    {
        let shared = Arc::new(LazyLock::new(make));
        let time = {
            let (shared, own, send) = (shared.clone(), own.clone(), send.clone());
            move |threads| round(threads, || own(&shared), request, &send)
        };
        let run = move |loops| {
            let mut own = own(&shared);
            for _ in 0..loops {
                send(&mut own, request());
            }
        };
        Row { name, over: "bare", time: Rc::new(time), run: Box::new(run) }
    }

    /// Subtracts that row's cost, for a crate with its own type of request.
    pub(crate) fn over(mut self, name: &'static str) -> Row {
        self.over = name;
        self
    }

    /// This many requests, on this thread.
    pub(crate) fn run(&self, loops: usize) {
        (self.run)(loops);
    }
}

/// The index of the row with this name.
pub(crate) fn position(rows: &[Row], name: &str) -> usize {
    rows.iter().position(|row| row.name == name).expect("a row of that name")
}
