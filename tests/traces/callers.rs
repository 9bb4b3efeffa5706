//! The callers: links, and waits in their own traces.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use opentelemetry::trace::{SpanContext, SpanId};
use opentelemetry_sdk::trace::SpanData;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::system::{Atlas, HeaderScheme};
use tower_outbound_auth::testkit::{ManualClock, ScriptedExchange};
use tower_outbound_auth::{AuthLayer, BoxError, Credential, Origin, TokenSource};
use tracing::{Instrument, info_span};

use crate::viewer::traces_of;
use crate::{ENDPOINT, TOKEN, builder, source};

fn linked(span: &SpanData) -> Vec<&SpanContext> {
    span.links.iter().map(|link| &link.span_context).collect()
}

#[test]
fn a_wait_is_a_span_in_the_trace_of_its_caller() {
    let traces = traces_of(async {
        let source = source(200, TOKEN);
        source.token().instrument(info_span!("handle")).await.unwrap();
    });
    assert_eq!(
        traces.trace("handle"),
        "handle\n  token_wait outcome=ok source=reports system=atlas wait=token\n",
    );
    let (wait, refresh) = (traces.one("token_wait"), traces.one("token_refresh"));
    assert_ne!(wait.span_context.trace_id(), refresh.span_context.trace_id());
}

#[test]
fn a_caller_that_gets_a_usable_token_has_no_span_of_ours() {
    let traces = traces_of(async {
        let source = source(200, TOKEN);
        source.token().await.unwrap();
        for _ in 0..10 {
            source.token().instrument(info_span!("handle")).await.unwrap();
        }
    });
    assert_eq!(traces.named("handle").len(), 10);
    assert_eq!(traces.named("token_wait").len(), 1, "the first caller waited");
    assert_eq!(traces.named("token_refresh").len(), 1);
}

#[test]
fn of_twenty_callers_that_wait_the_refresh_is_linked_to_the_first_eight_and_each_of_them_to_it() {
    let traces = traces_of(async {
        let source = source(200, TOKEN);
        let calls = (0..20).map(|_| source.token().instrument(info_span!("handle")));
        for token in join_all(calls).await {
            token.unwrap();
        }
    });
    let (refresh, waits) = (traces.one("token_refresh"), traces.named("token_wait"));
    assert_eq!(waits.len(), 20);
    let traces_of_callers: BTreeSet<_> =
        waits.iter().map(|it| it.span_context.trace_id().to_string()).collect();
    assert_eq!(traces_of_callers.len(), 20);
    let mut first = waits.clone();
    first.sort_by_key(|it| it.start_time);
    let first: Vec<_> = first[..8].iter().map(|it| &it.span_context).collect();
    assert_eq!(linked(refresh), first);
    for wait in waits {
        assert_eq!(linked(wait), [&refresh.span_context]);
    }
}

#[test]
fn a_refresh_in_the_background_has_a_trace_and_no_links() {
    let traces = traces_of(async {
        let clock = ManualClock::new();
        let exchange = ScriptedExchange::new().with_lifetime(Duration::from_secs(3600));
        let source =
            TokenSource::builder(HeaderScheme::bearer(), exchange).clock(clock.clone()).build();
        source.token().await.unwrap();
        clock.advance(Duration::from_secs(3600 * 91 / 100));
        source.token().instrument(info_span!("handle")).await.unwrap();
        source.settled().await;
    });
    let refreshes = traces.named("token_refresh");
    let ahead = refreshes.iter().find(|it| format!("{it:?}").contains("refresh_ahead"));
    let ahead = ahead.unwrap_or_else(|| panic!("{}", traces.text()));
    assert_eq!((ahead.parent_span_id, ahead.links.len()), (SpanId::INVALID, 0));
    assert_eq!(traces.named("token_wait").len(), 1, "only the first caller waited");
}

#[test]
fn a_request_whose_token_is_refused_waits_for_the_renewal_in_its_own_trace() {
    let traces = traces_of(async {
        let api = service_fn(|request: Request<Full<Bytes>>| async move {
            let is_old = request.headers()["authorization"] == "Bearer token-1";
            let status = if is_old { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
            let response = Response::builder().status(status);
            Ok::<_, BoxError>(response.body(Full::<Bytes>::default()).unwrap())
        });
        let source = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
        source.token().await.unwrap();
        let origin = Origin::parse("https://api.example").unwrap();
        let client = AuthLayer::new(source).with_origin(origin).layer(api);
        let request = Request::get("https://api.example/").body(Full::default()).unwrap();
        let response = client.oneshot(request).instrument(info_span!("handle")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    });
    assert_eq!(
        traces.trace("handle"),
        "handle\n  token_wait outcome=ok source=exchange system=exchange wait=renewal\n",
    );
}

#[test]
fn a_refresh_that_needs_the_token_of_another_source_waits_in_its_own_trace() {
    let traces = traces_of(async {
        let scheme = Atlas::new(ENDPOINT, "id", Credential::from(source(200, TOKEN))).unwrap();
        builder(scheme, 200, TOKEN).name("outer").build().token().await.unwrap();
    });
    let is_outer = |it: &SpanData| format!("{it:?}").contains("\"outer\"");
    let of = |name: &str, outer: bool| {
        let mut spans = traces.named(name).into_iter().filter(|it| is_outer(it) == outer);
        spans.next().unwrap()
    };
    let (outer, inner) = (of("token_refresh", true), of("token_refresh", false));
    let wait = of("token_wait", false);
    assert_eq!(wait.parent_span_id, outer.span_context.span_id());
    assert_eq!(inner.parent_span_id, SpanId::INVALID);
    assert_eq!(linked(inner), [&wait.span_context]);
}

#[test]
fn a_caller_that_gives_up_says_so_and_the_refresh_goes_on() {
    let traces = traces_of(async {
        let source = source(200, TOKEN);
        let call = source.token().instrument(info_span!("handle"));
        assert!(call.now_or_never().is_none());
        source.settled().await;
    });
    assert_eq!(
        traces.trace("handle"),
        "handle\n  token_wait error.type=gave_up outcome=gave_up source=reports system=atlas wait=token \
         Error { description: \"\" }\n",
    );
    assert!(traces.trace("token_refresh").contains("outcome=ok"));
}
