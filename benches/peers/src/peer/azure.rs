//! `azure_core`: its pipeline's policy that caches a credential's token, over a transport that answers at once.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::headers::Headers;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{AsyncRawResponse, Context, Method, Request, StatusCode, Url};
use azure_core::time::OffsetDateTime;

use super::{LIFE, until_ready};
use crate::common::{self, token};
use crate::row::Row;

const BARE: &str = "bare: azure_core's transport";

pub(super) fn rows() -> Vec<Row> {
    let policy =
        || BearerTokenAuthorizationPolicy::new(Arc::new(Given), ["https://api.example/.default"]);
    vec![
        Row::of(BARE, || Policies::from([transport()]), Policies::clone, request, send),
        Row::of(
            "azure_core",
            move || Policies::from([Arc::new(policy()) as _, transport()]),
            Policies::clone,
            request,
            send,
        )
        .over(BARE),
    ]
}

type Policies = Arc<[Arc<dyn Policy>]>;

/// As in its pipeline.
fn send(policies: &mut Policies, mut request: Request) {
    let context = Context::new();
    let answered = until_ready(policies[0].send(&context, &mut request, &policies[1..]));
    assert!(answered.is_ok());
}

/// The same request, in the type of this crate.
fn request() -> Request {
    let http = common::request();
    let mut request =
        Request::new(Url::parse("https://api.example/v1/things").unwrap(), Method::Get);
    for name in http.headers().keys() {
        request.insert_header(name.as_str().to_owned(), "value");
    }
    request.set_body(&b"body"[..]);
    request
}

fn transport() -> Arc<dyn Policy> {
    Arc::new(Transport)
}

#[derive(Debug)]
struct Transport;

#[async_trait]
impl Policy for Transport {
    async fn send(
        &self,
        _: &Context,
        request: &mut Request,
        _: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        std::hint::black_box(request);
        Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, Headers::new(), &b""[..]))
    }
}

/// A credential that was exchanged elsewhere.
#[derive(Debug)]
struct Given;

#[async_trait]
impl TokenCredential for Given {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        Ok(AccessToken::new(token(), OffsetDateTime::now_utc() + LIFE))
    }
}
