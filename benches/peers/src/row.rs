//! A row of a table: what is sent, and through what; it can be timed, or run so that something else counts.

use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use http::Request;
use tower::Service;

use crate::common::rounds::round;
use crate::common::{Body, once, request};

/// What a row sends through is made when it is first asked for: a process that counts one row makes no other.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// The row whose cost is no part of this one's.
    pub(crate) over: &'static str,
    /// One round on so many threads: nanoseconds per request.
    pub(crate) time: Rc<dyn Fn(usize) -> f64>,
    run: Box<dyn Fn(usize)>,
}

impl Row {
    /// Requests through a service; each thread has one of its own, as a server's tasks have.
    pub(crate) fn new<S>(
        name: &'static str,
        make: impl FnOnce() -> S + Send + Sync + 'static,
    ) -> Row
    where
        S: Service<Request<Body>> + Clone + Send + Sync + 'static,
    {
        Row::sending(request, name, make)
    }

    /// The same with requests of another kind.
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

    /// Any other: `own` is what a thread has, made on it from what all share.
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

    /// Its figures are over that row: for what has requests of a type of its own.
    pub(crate) fn over(mut self, name: &'static str) -> Row {
        self.over = name;
        self
    }

    /// So many requests, on this thread.
    pub(crate) fn run(&self, loops: usize) {
        (self.run)(loops);
    }
}

/// The row of that name, or rather where it is.
pub(crate) fn position(rows: &[Row], name: &str) -> usize {
    rows.iter().position(|row| row.name == name).expect("a row of that name")
}
