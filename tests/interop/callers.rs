//! Callers that know nothing of tokens.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tower::{Layer, ServiceExt};
use tower_outbound_auth::scheme::Presentation;
use tower_outbound_auth::{Auth, AuthLayer, BoxError};

use crate::servers::Servers;
use crate::{Http, http, secs};

pub(crate) const CALLERS: usize = 50;

/// Shared by the callers: a client, and the URL.
#[derive(Clone)]
pub(crate) struct Api {
    client: Auth<Http>,
    url: String,
}

impl Api {
    pub(crate) fn new<P: Presentation + ?Sized>(layer: &AuthLayer<P>, servers: &Servers) -> Api {
        Api { client: layer.layer(http()), url: servers.api().to_owned() }
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> Result<Response<Bytes>, BoxError> {
        let request = Request::post(format!("{}{path}", self.url)).body(Full::from(body))?;
        let response = timeout(secs(20), self.client.clone().oneshot(request)).await??;
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// Fails unless the API received exactly this document.
    async fn upload(&self, document: String) {
        let expected = format!(r#"{{"length":{}}}"#, document.len());
        let response = self.post("/documents", document).await.unwrap();
        assert_eq!((response.status(), &**response.body()), (StatusCode::OK, expected.as_bytes()));
    }

    /// One caller. It sends a document every 100 to 200 ms, each with another length. Returns the
    /// number of documents.
    pub(crate) async fn upload_for(self, time: Duration) -> u32 {
        let over = sleep(time);
        tokio::pin!(over);
        for sent in 1.. {
            self.upload("x".repeat(fastrand::usize(1..20_000))).await;
            let pause = sleep(Duration::from_millis(fastrand::u64(100..=200)));
            tokio::select! {
                () = &mut over => return sent,
                () = pause => {}
            }
        }
        unreachable!("a caller comes to an end")
    }

    /// Many callers at once. Returns how many documents they have sent together.
    pub(crate) async fn upload_by_many_for(&self, time: Duration) -> u32 {
        let callers: JoinSet<_> = (0..CALLERS).map(|_| self.clone().upload_for(time)).collect();
        callers.join_all().await.iter().sum()
    }

    /// The answers to one small request from each of many callers, sent at the same time.
    pub(crate) async fn post_by_many(
        &self,
        path: &'static str,
    ) -> Vec<Result<Response<Bytes>, BoxError>> {
        let call = |api: Api| async move { api.post(path, "document".to_owned()).await };
        let callers: JoinSet<_> = (0..CALLERS).map(|_| call(self.clone())).collect();
        callers.join_all().await
    }
}
