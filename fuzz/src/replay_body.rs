//! A streaming body, and a server that refuses the first request at any point of it. The input decides the
//! body's frames, the cap, how much the server reads before it answers, and what happens to its body then.
//!
//! 1. A server gets the whole body, frame by frame, or a part of it and then an error, but never a part as a
//!    whole.
//! 2. The request is sent again if and only if the part that was read fits under the cap, and then
//!    whole.
//! 3. No task waits for ever, nothing is read twice, and the source is dropped at the end.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty};
use tokio::task::{JoinHandle, yield_now};
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::replay::{ReplayBody, Superseded, Wrap};
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, Origin, Recovery, TokenSource};

use crate::block_on;

const API: &str = "https://api.example";

pub fn run(data: &[u8]) {
    if let Ok(plan) = Plan::of(&mut Unstructured::new(data)) {
        block_on(plan.run());
    }
}

/// What a source yields, and what a server receives.
#[derive(Clone, Debug, PartialEq)]
enum Item {
    Data(Bytes),
    Trailers,
    /// Of the source.
    Broken,
    /// The body lost its source to another.
    Superseded,
    End,
}

/// What happens to the first body after the answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum After {
    Drop,
    Hold,
    ReadOn,
}

#[derive(Clone, Debug)]
struct Plan {
    /// With `None`, the source says once that it has nothing yet.
    steps: Vec<Option<Item>>,
    cap: usize,
    /// The server answers after this many frames.
    reads: usize,
    refuses: bool,
    after: After,
}

impl Plan {
    fn of(bytes: &mut Unstructured<'_>) -> Result<Plan> {
        let refuses = !bytes.ratio(1, 8)?;
        let after = *bytes.choose(&[After::Drop, After::Hold, After::ReadOn])?;
        let cap = bytes.int_in_range(0..=2_048)?;
        let reads = bytes.int_in_range(0..=12)?;
        let (mut steps, mut next) = (Vec::new(), 0_u8);
        for _ in 0..bytes.int_in_range(0..=12)? {
            match bytes.int_in_range(0..=7)? {
                0 => steps.push(None),
                1 if bytes.ratio(1, 2)? => steps.extend([Some(Item::Trailers), Some(Item::End)]),
                2 if bytes.ratio(1, 2)? => steps.push(Some(Item::Broken)),
                _ => {
                    // Two bytes in a row always differ, so that a lost byte is noticed.
                    let mut byte = || {
                        next = next.wrapping_add(1);
                        next
                    };
                    let len = bytes.int_in_range(0..=700)?;
                    steps.push(Some(Item::Data((0..len).map(|_| byte()).collect())));
                }
            }
        }
        steps.push(Some(Item::End));
        Ok(Plan { steps, cap, reads, refuses, after })
    }

    /// Everything that a source yields, up to its end.
    fn all(&self) -> Vec<Item> {
        let items = self.steps.iter().flatten();
        let last = |item: &Item| matches!(item, Item::Broken | Item::End);
        let len = items.clone().position(last).map_or(0, |last| last + 1);
        items.take(len).cloned().collect()
    }

    async fn run(self) {
        let exchange = ScriptedExchange::new();
        let source = TokenSource::builder(HeaderScheme::bearer(), exchange.clone())
            .clock(ManualClock::new()).build();
        let layer = AuthLayer::new(source.clone())
            .with_origin(Origin::parse(API).unwrap())
            .with_replay(Wrap::new().with_cap(self.cap));
        let server = Server::of(&self);
        let api = service_fn({
            let server = server.clone();
            move |request: Request<ReplayBody<Source>>| {
                let server = server.clone();
                async move { Ok::<_, Infallible>(server.serve(request.into_body()).await) }
            }
        });
        let dropped = Arc::new(());
        let body = Source { steps: self.steps.clone().into(), dropped: dropped.clone() };
        let call = layer.layer(api).oneshot(Request::post(API).body(body).unwrap());
        let response = settled(tokio::spawn(call)).await.unwrap();
        let reading = server.state.lock().unwrap().reading.take();
        if let Some(reading) = reading {
            settled(reading).await;
        }
        self.check(&response, &server);
        server.state.lock().unwrap().held = None;
        assert_eq!(Arc::strong_count(&dropped), 1, "the source is kept");
        source.settled().await;
        assert_eq!(exchange.exchanges(), 1 + usize::from(self.refuses));
    }

    fn check(&self, response: &Response<Empty<Bytes>>, server: &Server) {
        let state = server.state.lock().unwrap();
        let all = self.all();
        let read = &all[..self.reads.min(all.len())];
        let cost = |item: &Item| match item {
            Item::Data(data) => data.len().max(1),
            Item::Trailers => "t".len() + "x".len(),
            _ => 0,
        };
        let fits =
            read.iter().map(cost).sum::<usize>() <= self.cap && !read.contains(&Item::Broken);
        let replayed = self.refuses && fits;
        assert_eq!(state.bodies.len(), 1 + usize::from(replayed), "{self:?}");
        let recovery = response.extensions().get::<Recovery>();
        match (self.refuses, fits) {
            (false, _) => assert_eq!(recovery, None),
            (true, true) => assert_eq!(recovery, Some(&Recovery::Replayed)),
            (true, false) => assert_eq!(recovery, Some(&Recovery::NotReplayable)),
        }
        assert_eq!(response.status() == 401, self.refuses && !fits);

        let first = match state.bodies[0].split_last() {
            Some((Item::Superseded, first)) if replayed && self.after == After::ReadOn => first,
            _ => &state.bodies[0],
        };
        assert!(all.starts_with(first), "{self:?}: {first:?}");
        if self.after == After::ReadOn && !replayed {
            assert_eq!(first, all, "{self:?}: the rest of a body that is sent once");
        } else {
            assert_eq!(first, read, "{self:?}: no more was read after the answer");
        }
        assert!(
            state.bodies.get(1).is_none_or(|second| *second == all),
            "{self:?}: {:?}",
            state.bodies
        );
    }
}

/// What a task yields. It may take some time, but not for ever.
async fn settled<T>(task: JoinHandle<T>) -> T {
    for _ in 0..1_000 {
        if task.is_finished() {
            return task.await.unwrap();
        }
        yield_now().await;
    }
    panic!("a task waits for ever");
}

#[derive(Clone)]
struct Server {
    plan: Plan,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    bodies: Vec<Vec<Item>>,
    held: Option<ReplayBody<Source>>,
    reading: Option<JoinHandle<()>>,
}

impl Server {
    fn of(plan: &Plan) -> Server {
        Server { plan: plan.clone(), state: Arc::default() }
    }

    async fn serve(self, mut body: ReplayBody<Source>) -> Response<Empty<Bytes>> {
        let mut response = Response::new(Empty::new());
        let nth = {
            let mut state = self.state.lock().unwrap();
            state.bodies.push(Vec::new());
            state.bodies.len() - 1
        };
        if nth > 0 {
            self.read(nth, &mut body, usize::MAX).await;
            return response;
        }
        self.read(nth, &mut body, self.plan.reads).await;
        if self.plan.refuses {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        match self.plan.after {
            After::Drop => {}
            After::Hold => self.state.lock().unwrap().held = Some(body),
            After::ReadOn => {
                let server = self.clone();
                let done = server.ended(nth);
                let reading = tokio::spawn(async move {
                    if !done {
                        server.read(nth, &mut body, usize::MAX).await;
                    }
                });
                self.state.lock().unwrap().reading = Some(reading);
            }
        }
        response
    }

    fn ended(&self, nth: usize) -> bool {
        matches!(self.state.lock().unwrap().bodies[nth].last(), Some(Item::End | Item::Broken))
    }

    async fn read(&self, nth: usize, body: &mut ReplayBody<Source>, frames: usize) {
        for _ in 0..frames {
            let item = match body.frame().await {
                None => Item::End,
                Some(Err(error)) if error.is::<Superseded>() => Item::Superseded,
                Some(Err(_)) => Item::Broken,
                Some(Ok(frame)) => frame.into_data().map_or(Item::Trailers, Item::Data),
            };
            let over = !matches!(item, Item::Data(_) | Item::Trailers);
            self.state.lock().unwrap().bodies[nth].push(item);
            if over {
                return;
            }
        }
    }
}

/// A body that follows its script. A poll after its end fails the run.
struct Source {
    steps: VecDeque<Option<Item>>,
    /// Counts the bodies that exist.
    dropped: Arc<()>,
}

impl Body for Source {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let _ = &self.dropped;
        let step = self.steps.pop_front().expect("polled after its end");
        Poll::Ready(match step {
            None => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Item::Data(data)) => Some(Ok(Frame::data(data))),
            Some(Item::Trailers) => {
                let mut trailers = HeaderMap::new();
                trailers.insert("t", "x".parse().unwrap());
                Some(Ok(Frame::trailers(trailers)))
            }
            Some(Item::End) => {
                self.steps.clear();
                None
            }
            Some(_) => {
                self.steps.clear();
                Some(Err(std::io::Error::other("broken")))
            }
        })
    }
}
