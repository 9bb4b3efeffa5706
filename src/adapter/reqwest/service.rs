//! `Service<reqwest::Request>` for [`Auth`].

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use crate::adapter::reqwest::response::{ResponseBody, into_reqwest};
use crate::adapter::reqwest::same_origin::{CrossOriginRedirect, Deadline, SameOriginClient};
use crate::auth::completed::polled_after_completion;
use crate::auth::config::Shared;
use crate::auth::future::ResponseFuture;
use crate::auth::policy::Admission;
use crate::auth::service::Auth;
use crate::clock::Sleep;
use crate::error::{BoxError, Error, ErrorKind};
use crate::replay::Replay;

/// For a [`reqwest::Client`], a `ClientWithMiddleware`, and layers of tower around them.
///
/// The caller gets the client's own response. See [`adapter::reqwest`](crate::adapter::reqwest).
impl<C, R> Service<reqwest::Request> for Auth<C, R>
where
    C: Service<reqwest::Request, Response = reqwest::Response> + Clone,
    C::Error: Into<BoxError>,
    R: Replay<reqwest::Body>,
    R::Body: Into<reqwest::Body>,
{
    type Response = reqwest::Response;
    type Error = BoxError;
    type Future = ReqwestFuture<C, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.get_mut().poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: reqwest::Request) -> Self::Future {
        let clone = self.get_ref().clone();
        let client = mem::replace(self.get_mut(), clone); // calls the service that was polled ready
        let shared = &self.shared;
        let known = shared.config.redirects.check(request.url());
        let same_origin = SameOriginClient::new(client, shared.clone(), &request);
        let deadline = same_origin.deadline();
        let mut request = match http::Request::<reqwest::Body>::try_from(request) {
            Ok(request) => request,
            Err(error) => return ReqwestFuture { state: State::failed(error) },
        };
        if let Err(error) = known {
            let (guard, core) = (&shared.config.guard, &shared.core);
            let admission = guard.admit(&mut request, &core.header_name, core.id);
            if matches!(admission, Ok(Admission::WithCredential)) {
                return ReqwestFuture { state: State::failed(error) };
            }
        }
        let future = Auth::new(same_origin, shared.clone(), self.replay.clone()).call(request);
        let bare = future.is_unauthenticated();
        let wait = deadline.map(|deadline| Wait::Timed { shared: shared.clone(), deadline });
        ReqwestFuture { state: State::Sending { future, bare, wait } }
    }
}

pin_project! {
    /// The response of [`Auth`] over a reqwest client.
    #[must_use = "futures do nothing unless polled"]
    pub struct ReqwestFuture<C, R>
    where
        C: Service<reqwest::Request, Response = reqwest::Response>,
        C::Error: Into<BoxError>,
        R: Replay<reqwest::Body>,
        R::Body: Into<reqwest::Body>,
    {
        #[pin]
        state: State<C, R>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<C, R>
    where
        C: Service<reqwest::Request, Response = reqwest::Response>,
        C::Error: Into<BoxError>,
        R: Replay<reqwest::Body>,
        R::Body: Into<reqwest::Body>,
    {
        Sending {
            #[pin]
            future: ResponseFuture<SameOriginClient<C>, R, reqwest::Body, ResponseBody>,
            bare: bool,
            wait: Option<Wait>,
        },
        Failed { error: Option<BoxError> },
    }
}

/// The request's own timeout, while it is not yet with the client (which has a timer of its own).
enum Wait {
    Timed {
        shared: Arc<Shared>,
        deadline: Deadline,
    },
    Until(Sleep),
    /// The runtime has no timer. The client will report this.
    Untimed,
}

impl Wait {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Wait::Timed { shared, deadline } = self {
            let sleep = shared.core.sleep(deadline.left(shared.core.now()));
            *self = sleep.map_or(Wait::Untimed, Wait::Until);
        }
        match self {
            Wait::Until(sleep) => sleep.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }
}

impl<C, R> State<C, R>
where
    C: Service<reqwest::Request, Response = reqwest::Response>,
    C::Error: Into<BoxError>,
    R: Replay<reqwest::Body>,
    R::Body: Into<reqwest::Body>,
{
    fn failed(error: impl Into<BoxError>) -> Self {
        State::Failed { error: Some(error.into()) }
    }
}

impl<C, R> Future for ReqwestFuture<C, R>
where
    C: Service<reqwest::Request, Response = reqwest::Response> + Clone,
    C::Error: Into<BoxError>,
    R: Replay<reqwest::Body>,
    R::Body: Into<reqwest::Body>,
{
    type Output = Result<reqwest::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Sending { mut future, bare, wait } => {
                if let Poll::Ready(ended) = future.as_mut().poll(cx) {
                    let response = ended.or_else(|error| came_from_elsewhere(error, *bare))?;
                    return Poll::Ready(Ok(into_reqwest(response)));
                }
                match wait {
                    Some(wait) if future.is_waiting() => ready!(wait.poll(cx)),
                    _ => return Poll::Pending,
                }
                // If there is a refusal, it is the answer.
                Poll::Ready(match future.out_of_time() {
                    Some(refusal) => Ok(into_reqwest(refusal)),
                    None => Err(timed_out().into()),
                })
            }
            StateProj::Failed { error } => {
                let error = error.take().unwrap_or_else(|| polled_after_completion());
                Poll::Ready(Err(error))
            }
        }
    }
}

/// A request without a credential may follow redirects to any origin.
fn came_from_elsewhere(
    error: BoxError,
    bare: bool,
) -> Result<http::Response<ResponseBody>, BoxError> {
    match *error.downcast::<CrossOriginRedirect>()? {
        CrossOriginRedirect { response, .. } if bare => Ok(response),
        CrossOriginRedirect { error, .. } => Err(error.into()),
    }
}

fn timed_out() -> Error {
    Error::new(
        ErrorKind::Timeout,
        "the request's own timeout ended while it waited for a token, or to be sent",
    )
}

impl<C, R> fmt::Debug for ReqwestFuture<C, R>
where
    C: Service<reqwest::Request, Response = reqwest::Response>,
    C::Error: Into<BoxError>,
    R: Replay<reqwest::Body>,
    R::Body: Into<reqwest::Body>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReqwestFuture(…)")
    }
}
