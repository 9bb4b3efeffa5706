//! A tower layer that keeps a copy of what goes to the token endpoint, and of what comes back.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tower::{Layer, Service};
use tower_outbound_auth::BoxError;
use tower_outbound_auth::clock::{Clock, Now, SystemClock};

/// The crate refuses a longer answer.
const MAX_ANSWER: usize = 256 * 1024;

/// A request and its answer. Both have secrets.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) request: Request<Bytes>,
    pub(crate) sent_at: Now,
    pub(crate) answer: Option<(Response<Bytes>, Now)>,
}

/// The requests so far. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Mutex<Vec<Recorded>>>);

impl Record {
    /// Takes the requests out.
    pub(crate) fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn began(&self, request: Request<Bytes>) -> usize {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Recorded { request, sent_at: SystemClock::new().now(), answer: None });
        all.len() - 1
    }

    fn answered(&self, number: usize, answer: Response<Bytes>, at: Now) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(recorded) = all.get_mut(number) {
            recorded.answer = Some((answer, at));
        }
    }
}

impl<S> Layer<S> for Record {
    type Service = Observed<S>;

    fn layer(&self, inner: S) -> Observed<S> {
        Observed { inner, record: self.clone() }
    }
}

/// A client whose requests are recorded.
#[derive(Clone)]
pub(crate) struct Observed<S> {
    inner: S,
    record: Record,
}

impl<S, RB> Service<Request<Full<Bytes>>> for Observed<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<RB>, Error = BoxError>,
    S::Future: Send + 'static,
    RB: Body<Data = Bytes, Error = BoxError> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let (head, body) = request.into_parts();
        let (copy, record) = (Request::from_parts(head.clone(), body.clone()), self.record.clone());
        let sending = self.inner.call(Request::from_parts(head, body));
        Box::pin(async move {
            let (head, body) = copy.into_parts();
            let number = record.began(Request::from_parts(head, body.collect().await?.to_bytes()));
            let (head, body) = sending.await?.into_parts();
            let at = SystemClock::new().now();
            let body = match Limited::new(body, MAX_ANSWER).collect().await {
                Ok(body) => body.to_bytes(),
                // The crate sees a body that is too long as well, and says so.
                Err(error) if error.is::<LengthLimitError>() => vec![b' '; MAX_ANSWER + 1].into(),
                Err(error) => return Err(error),
            };
            let answer = Response::from_parts(head, body);
            record.answered(number, answer.clone(), at);
            Ok(answer.map(Full::new))
        })
    }
}
