//! A server whose answers a test gives. It keeps what it got.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::net::TcpListener;

type Answer = dyn Fn(&Received) -> Response<String> + Send + Sync;

/// A request, with its whole body.
#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) head: Parts,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn path(&self) -> &str {
        self.head.uri.path()
    }

    pub(crate) fn query(&self) -> &str {
        self.head.uri.query().unwrap_or_default()
    }

    /// A header, or the empty text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.head.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Clone)]
pub(crate) struct Imitation {
    pub(crate) root: String,
    received: Arc<Mutex<Vec<Received>>>,
}

#[derive(Clone)]
struct Shared {
    answer: Arc<Answer>,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Imitation {
    pub(crate) async fn start(
        answer: impl Fn(&Received) -> Response<String> + Send + Sync + 'static,
    ) -> Imitation {
        let received = Arc::default();
        let shared = Shared { answer: Arc::new(answer), received: Arc::clone(&received) };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(respond).with_state(shared);
        tokio::spawn(async { axum::serve(listener, app).await });
        Imitation { root, received }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// The requests to this path.
    pub(crate) fn to(&self, path: &str) -> Vec<Received> {
        self.received().into_iter().filter(|request| request.path() == path).collect()
    }
}

async fn respond(State(shared): State<Shared>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body: Bytes = body.collect().await.unwrap().to_bytes();
    let received = Received { head, body: String::from_utf8(body.to_vec()).unwrap() };
    shared.received.lock().unwrap().push(received.clone());
    (shared.answer)(&received).map(Body::from)
}

/// A response with this status, these headers and this body.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Response<String> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.to_owned()).unwrap()
}

/// The API: a 200 if the header has this value, else a 401.
pub(crate) fn api(request: &Received, header: &str, value: &str) -> Response<String> {
    match request.header(header) == value {
        true => response(200, &[], "{}"),
        false => response(401, &[], "{}"),
    }
}
