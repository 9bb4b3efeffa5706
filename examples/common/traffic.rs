//! Fifty callers that know nothing of tokens, and a revocation after four seconds.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::{Service, ServiceExt};
use tower_outbound_auth::testkit::{EmbeddedProtocol, EmbeddedServer, ServerCounts};
use tower_outbound_auth::{BoxError, Recovery};

use super::story::Story;

pub(crate) const CALLERS: u64 = 50;
const REQUESTS_EACH: u64 = 10;

/// The results of the callers of one stack.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) sent: AtomicUsize,
    pub(crate) ok: AtomicUsize,
    /// Sent twice after a 401, and then answered.
    pub(crate) healed: AtomicUsize,
    pub(crate) refused_twice: AtomicUsize,
    pub(crate) errors: AtomicUsize,
    /// The HTTP version of the first response.
    pub(crate) version: OnceLock<Version>,
}

/// The results of all callers, for each stack.
pub(crate) struct Traffic(pub(crate) Vec<Arc<Seen>>);

impl Traffic {
    pub(crate) fn sum(&self, count: fn(&Seen) -> &AtomicUsize) -> usize {
        self.0.iter().map(|seen| count(seen).load(Relaxed)).sum()
    }

    /// Whether every caller got its answer, each refusal is accounted for, and there were no more exchanges than this.
    pub(crate) fn verdict(&self, counts: &ServerCounts, most_exchanges: usize) -> ExitCode {
        let all_well = self.sum(|it| &it.ok) == (CALLERS * REQUESTS_EACH) as usize;
        let refused = self.sum(|it| &it.healed) + 2 * self.sum(|it| &it.refused_twice);
        let accounted_for = refused == counts.refused && refused > 0;
        if all_well && accounted_for && counts.exchanges <= most_exchanges {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// Ten seconds of traffic. Each stack gets the same number of callers. `body` makes a request's body.
pub(crate) async fn ten_seconds_of_traffic<T, B, RB, P: EmbeddedProtocol>(
    story: &Story,
    stacks: &[T],
    body: fn(String) -> B,
    server: &EmbeddedServer<P>,
) -> Traffic
where
    T: Service<Request<B>, Response = Response<RB>, Error = BoxError> + Clone + Send + 'static,
    T::Future: Send,
    B: Send + 'static,
    RB: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let traffic = Traffic(stacks.iter().map(|_| Arc::default()).collect());
    let mut callers = JoinSet::new();
    for (number, (api, seen)) in (0..CALLERS).zip(stacks.iter().zip(&traffic.0).cycle()) {
        let (url, seen, story) = (server.url("/v1/documents"), seen.clone(), story.clone());
        callers.spawn(Caller { number, url, seen, story }.call(api.clone(), body));
    }
    let so_far = || {
        let (sent, ok) = (traffic.sum(|it| &it.sent), traffic.sum(|it| &it.ok));
        format!("{ok} of {sent} answered; exchanges: {}", server.counts().exchanges)
    };
    story.ten_seconds(|| server.revoke_tokens(), so_far).await;
    callers.join_all().await;
    traffic
}

struct Caller {
    number: u64,
    url: String,
    seen: Arc<Seen>,
    story: Story,
}

impl Caller {
    /// All callers begin at once. Then each sends about one request a second.
    async fn call<T, B, RB>(self, mut api: T, body: fn(String) -> B)
    where
        T: Service<Request<B>, Response = Response<RB>, Error = BoxError>,
        RB: http_body::Body<Error: Into<BoxError>>,
    {
        let Caller { number: caller, seen, story, .. } = &self;
        for number in 0..REQUESTS_EACH {
            let text = format!("document {number}\nof caller {caller}\n");
            seen.sent.fetch_add(1, Relaxed);
            let mut answer = self.upload(&mut api, body(text.clone())).await;
            // If all tokens are revoked just after a renewal, a request may be refused with the old token
            // and with the new one. The layer does not send it a third time.
            if let Ok((StatusCode::UNAUTHORIZED, Some(Recovery::Replayed))) = answer {
                seen.refused_twice.fetch_add(1, Relaxed);
                answer = self.upload(&mut api, body(text)).await;
            }
            match answer {
                Ok((status, recovery)) if status.is_success() => {
                    seen.ok.fetch_add(1, Relaxed);
                    seen.healed.fetch_add(usize::from(recovery.is_some()), Relaxed);
                }
                Ok((status, _)) => {
                    seen.errors.fetch_add(1, Relaxed);
                    story.complain(&format!("caller {caller}: answered {status}"));
                }
                Err(error) => {
                    seen.errors.fetch_add(1, Relaxed);
                    story.complain(&format!("caller {caller}: {error}"));
                }
            }
            let pause = if number == 0 { 20 * caller } else { 950 + 2 * caller };
            sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Returns the answer's status, and what the layer did after a refusal.
    async fn upload<T, B, RB>(
        &self,
        api: &mut T,
        body: B,
    ) -> Result<(StatusCode, Option<Recovery>), BoxError>
    where
        T: Service<Request<B>, Response = Response<RB>, Error = BoxError>,
        RB: http_body::Body<Error: Into<BoxError>>,
    {
        let began = self.story.now();
        let request = Request::post(&self.url).body(body)?;
        let response = async { api.ready().await?.call(request).await }.await;
        let status = response.as_ref().map(Response::status).ok();
        let recovery = response.as_ref().ok().and_then(|it| it.extensions().get().copied());
        let ok = status.is_some_and(|status| status.is_success());
        self.story.answered(self.number, began, ok, recovery);
        let (head, body) = response?.into_parts();
        let _ = self.seen.version.set(head.version); // only of the first one
        body.collect().await.map_err(Into::into)?; // so that the connection can be used again
        Ok((head.status, recovery))
    }
}
