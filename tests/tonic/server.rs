//! tonic's server with its health service and an echo service, behind a check of tokens.

use std::collections::HashSet;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Status, Streaming};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::echo::BytesCodec;

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

/// A call as the server saw it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) token: String,
    pub(crate) timeout: Option<String>,
    /// What the echo service read, if the token was accepted.
    pub(crate) messages: Vec<String>,
}

#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    revoked: HashSet<String>,
    /// A refusal is sent after this much of the request was read.
    reads_before_refusing: usize,
    refuses_by_http: bool,
}

/// Stops when it is dropped.
pub(crate) struct GrpcServer {
    url: String,
    pub(crate) ledger: Ledger,
    task: AbortHandle,
}

impl GrpcServer {
    pub(crate) async fn start() -> GrpcServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ledger = Ledger::default();
        let (_, health) = tonic_health::server::health_reporter();
        let serving = Server::builder()
            .layer(GateLayer(ledger.clone()))
            .add_service(health)
            .add_service(Echo(ledger.clone()))
            .serve_with_incoming(TcpIncoming::from(listener));
        let task = tokio::spawn(serving).abort_handle();
        GrpcServer { url, ledger, task }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(self.url.clone()).unwrap()
    }

    pub(crate) async fn channel(&self) -> Channel {
        self.endpoint().connect().await.unwrap()
    }
}

impl Drop for GrpcServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Ledger {
    pub(crate) fn revoke(&self, token: &str) {
        self.0.lock().unwrap().revoked.insert(token.to_owned());
    }

    /// As by a proxy in front of the server.
    pub(crate) fn refuse_by_http(&self) {
        self.0.lock().unwrap().refuses_by_http = true;
    }

    pub(crate) fn read_before_refusing(&self, bytes: usize) {
        self.0.lock().unwrap().reads_before_refusing = bytes;
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap().calls.clone()
    }

    pub(crate) fn tokens(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.token).collect()
    }

    pub(crate) fn count(&self, token: &str) -> usize {
        self.tokens().iter().filter(|it| *it == token).count()
    }

    /// Returns the refusal, if it is one.
    async fn arrives(&self, request: &mut Request<Body>) -> Option<Response<Body>> {
        let refused = self.note(request);
        if !refused {
            return None;
        }
        let (mut wanted, by_http) = {
            let state = self.0.lock().unwrap();
            (state.reads_before_refusing, state.refuses_by_http)
        };
        while wanted > 0
            && let Some(frame) = request.body_mut().frame().await
        {
            let data = frame.unwrap().into_data();
            wanted = wanted.saturating_sub(data.map_or(0, |data| data.len()));
        }
        Some(match by_http {
            true => Response::builder().status(401).body(Body::empty()).unwrap(),
            false => Status::unauthenticated("the token has expired").into_http(),
        })
    }

    /// Returns whether its token is invalid.
    fn note(&self, request: &mut Request<Body>) -> bool {
        let text = |name: &str| Some(request.headers().get(name)?.to_str().unwrap().to_owned());
        let token = text("authorization").unwrap_or_default().replace("Bearer ", "");
        let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
        let call = Call { method, token, timeout: text("grpc-timeout"), messages: vec![] };
        let mut state = self.0.lock().unwrap();
        request.extensions_mut().insert(CallIndex(state.calls.len()));
        let refused = call.token.is_empty() || state.revoked.contains(&call.token);
        state.calls.push(call);
        refused
    }

    fn received(&self, CallIndex(index): CallIndex, message: &Bytes) {
        let text = String::from_utf8(message.to_vec()).unwrap();
        self.0.lock().unwrap().calls[index].messages.push(text);
    }
}

#[derive(Clone, Copy)]
struct CallIndex(usize);

#[derive(Clone)]
struct GateLayer(Ledger);

impl<I> Layer<I> for GateLayer {
    type Service = Gate<I>;

    fn layer(&self, inner: I) -> Gate<I> {
        Gate(self.0.clone(), inner)
    }
}

/// Refuses with a response that is Trailers-Only, as an interceptor or Envoy does.
#[derive(Clone)]
struct Gate<I>(Ledger, I);

impl<I> Service<Request<Body>> for Gate<I>
where
    I: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Answer {
        let Gate(ledger, inner) = self.clone();
        Box::pin(async move {
            match ledger.arrives(&mut request).await {
                Some(refusal) => Ok(refusal),
                None => inner.oneshot(request).await,
            }
        })
    }
}

#[derive(Clone)]
struct Echo(Ledger);

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

type Messages = BoxStream<'static, Result<Bytes, Status>>;

impl Service<Request<Body>> for Echo {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let ledger = self.0.clone();
        let index = *request.extensions().get().unwrap();
        let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
        Box::pin(async move {
            let mut grpc = Grpc::new(BytesCodec);
            let note = move |message: &Bytes| ledger.received(index, message);
            Ok(match &*method {
                "ClientStream" => {
                    grpc.client_streaming(service_fn(move |r| join(r, note.clone())), request).await
                }
                "Bidi" => grpc.streaming(service_fn(move |r| echo(r, note.clone())), request).await,
                "Unary" | "Slow" | "Denied" => {
                    let unary = move |request: tonic::Request<Bytes>| {
                        note(request.get_ref());
                        one(method.clone(), request.into_inner())
                    };
                    grpc.unary(service_fn(unary), request).await
                }
                _ => {
                    let many = move |request: tonic::Request<Bytes>| {
                        note(request.get_ref());
                        let answers = many(&method, request.get_ref());
                        async move { Ok(tonic::Response::new(answers)) }
                    };
                    grpc.server_streaming(service_fn(many), request).await
                }
            })
        })
    }
}

async fn one(method: String, message: Bytes) -> Result<tonic::Response<Bytes>, Status> {
    match &*method {
        "Denied" => return Err(Status::permission_denied("not yours")),
        "Slow" => tokio::time::sleep(Duration::from_secs(3)).await,
        _ => {}
    }
    Ok(tonic::Response::new(message))
}

/// The message three times. For other calls, the part before a refusal in real trailers.
fn many(method: &str, message: &Bytes) -> Messages {
    let late = stream::iter([Err(Status::new(Code::Unauthenticated, "late"))]);
    let times = |n| stream::iter(vec![Ok(message.clone()); n]);
    match method {
        "ServerStream" => times(3).boxed(),
        "LateAfterHead" => late.boxed(),
        "LateInTheMiddle" => times(2).chain(late).boxed(),
        _ => stream::iter([Err(Status::unimplemented("no such method"))]).boxed(),
    }
}

async fn join(
    request: tonic::Request<Streaming<Bytes>>,
    note: impl Fn(&Bytes),
) -> Result<tonic::Response<Bytes>, Status> {
    let messages: Vec<Bytes> = request.into_inner().inspect_ok(|it| note(it)).try_collect().await?;
    Ok(tonic::Response::new(messages.join(&b' ').into()))
}

async fn echo(
    request: tonic::Request<Streaming<Bytes>>,
    note: impl Fn(&Bytes) + Send + 'static,
) -> Result<tonic::Response<Messages>, Status> {
    Ok(tonic::Response::new(request.into_inner().inspect_ok(move |it| note(it)).boxed()))
}
