//! What a reader sees of an exchange that failed.

use std::future::pending;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use http::{Request, Response};
use http_body_util::Full;
use tower::service_fn;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::system::Atlas;
use tracing::{Instrument, info_span};

use crate::viewer::{events_of, traces_of};
use crate::{ENDPOINT, builder, source};

type Answer = Result<Response<Full<Bytes>>, std::io::Error>;

fn atlas() -> Atlas {
    Atlas::new(ENDPOINT, "id", "s3cret-of-atlas").unwrap()
}

#[test]
fn a_failed_exchange_has_the_status_error_in_each_of_its_spans() {
    let traces = traces_of(async {
        let source = source(503, "down for maintenance");
        source.token().instrument(info_span!("handle")).await.unwrap_err();
    });
    assert_eq!(
        traces.trace("token_refresh"),
        "token_refresh error.type=unavailable outcome=unavailable reason=first source=reports system=atlas \
         Error { description: \"\" }\n  \
           client POST error.type=503 http.request.method=POST http.response.status_code=503 \
           server.address=idp.example server.port=443 url.full=https://idp.example/v1/authtoken \
           url.path=/v1/authtoken Error { description: \"\" }\n",
    );
    assert_eq!(
        traces.trace("handle"),
        "handle\n  token_wait error.type=unavailable outcome=unavailable source=reports system=atlas wait=token \
         Error { description: \"\" }\n",
    );
    assert_eq!(events_of(traces.one("token_refresh")), ["exchange failed"]);
}

#[test]
fn an_answer_that_cannot_be_read_fails_the_refresh_and_not_its_request() {
    let traces = traces_of(async {
        builder(atlas(), 200, "<html>").build().token().await.unwrap_err();
    });
    let trace = traces.trace("token_refresh");
    let (refresh, request) = trace.split_once('\n').unwrap();
    assert!(refresh.contains("error.type=malformed"), "{trace}");
    assert!(!request.contains("error.type") && !request.contains("Error"), "{trace}");
}

#[test]
fn an_endpoint_that_cannot_be_reached_has_no_status_code() {
    let traces = traces_of(async {
        let client = service_fn(|_: Request<Full<Bytes>>| async {
            Answer::Err(std::io::Error::other("Connection refused"))
        });
        TokenSource::over_http(atlas(), client).token().await.unwrap_err();
    });
    let trace = traces.trace("token_refresh");
    assert_eq!(trace.matches("error.type=unreachable").count(), 2, "{trace}");
    assert!(!trace.contains("status_code"), "{trace}");
}

#[test]
fn a_request_that_the_deadline_ends_is_cancelled() {
    let traces = traces_of(async {
        let client = service_fn(|_: Request<Full<Bytes>>| pending::<Answer>());
        let source = TokenSource::builder_over_http(atlas(), client);
        let source = source.exchange_timeout(Duration::from_secs(3)).build();
        source.token().await.unwrap_err();
    });
    let trace = traces.trace("token_refresh");
    let (refresh, request) = trace.split_once('\n').unwrap();
    assert!(refresh.contains("error.type=timeout"), "{trace}");
    assert!(request.contains("error.type=cancelled"), "{trace}");
    assert!(request.contains("Error"), "{trace}");
}

#[test]
fn a_refresh_whose_runtime_ends_is_lost() {
    let traces = traces_of(async {
        let client = service_fn(|_: Request<Full<Bytes>>| pending::<Answer>());
        let source = TokenSource::over_http(atlas(), client);
        assert!(source.token().now_or_never().is_none());
    });
    assert!(traces.trace("token_refresh").contains("error.type=lost outcome=lost"));
}
