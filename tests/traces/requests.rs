//! A refresh, and its requests on the wire.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::service_fn;
use tower_outbound_auth::exchange::{self, Issued};
use tower_outbound_auth::system::{Atlas, HeaderScheme};
use tower_outbound_auth::{BoxError, TokenSource};
use tracing::{Instrument, info_span};

use crate::viewer::traces_of;
use crate::{ENDPOINT, Requests, TOKEN, builder, source};

#[test]
fn a_refresh_is_a_trace_of_its_own_with_a_client_span_for_its_request() {
    let traces = traces_of(async {
        source(200, TOKEN).token().await.unwrap();
    });
    assert_eq!(
        traces.trace("token_refresh"),
        "token_refresh outcome=ok reason=first source=reports system=atlas\n  \
           client POST http.request.method=POST http.response.status_code=200 server.address=idp.example \
           server.port=443 url.full=https://idp.example/v1/authtoken url.path=/v1/authtoken\n",
    );
}

#[test]
fn a_source_without_a_name_is_named_as_its_system() {
    let traces = traces_of(async {
        let login = exchange::from_fn(|| async { Ok(Issued::new("abc")) });
        TokenSource::new(HeaderScheme::bearer(), login).token().await.unwrap();
    });
    let refresh = "token_refresh outcome=ok reason=first source=exchange system=exchange\n";
    assert_eq!(traces.trace("token_refresh"), refresh);
}

#[test]
fn each_request_of_an_exchange_has_a_span_and_one_that_is_sent_again_is_counted() {
    let traces = traces_of(async {
        let requests = Requests(&[
            ("GET", "http://[::1]:8080/metadata?key=7"),
            ("POST", "https://idp.example/token"),
            ("POST", "https://idp.example/token?try=2"),
            ("BREW", "https://idp.example/token"),
        ]);
        builder(requests, 200, "").build().token().await.unwrap();
    });
    assert_eq!(
        traces.trace("token_refresh"),
        "token_refresh outcome=ok reason=first source=reports system=requests\n  \
           client GET http.request.method=GET http.response.status_code=200 server.address=::1 server.port=8080 \
           url.full=http://[::1]:8080/metadata url.path=/metadata\n  \
           client POST http.request.method=POST http.response.status_code=200 server.address=idp.example \
           server.port=443 url.full=https://idp.example/token url.path=/token\n  \
           client POST http.request.method=POST http.request.resend_count=1 http.response.status_code=200 \
           server.address=idp.example server.port=443 url.full=https://idp.example/token url.path=/token\n  \
           client HTTP http.request.method=_OTHER http.response.status_code=200 server.address=idp.example \
           server.port=443 url.full=https://idp.example/token url.path=/token\n",
    );
}

#[test]
fn the_spans_of_an_exchange_of_the_user_are_children_of_the_refresh() {
    let traces = traces_of(async {
        let login =
            exchange::from_fn(|| async { Ok(Issued::new("abc")) }.instrument(info_span!("vault")));
        TokenSource::new(HeaderScheme::bearer(), login).token().await.unwrap();
    });
    let refresh = traces.one("token_refresh");
    assert_eq!(traces.one("vault").parent_span_id, refresh.span_context.span_id());
}

#[test]
fn the_spans_of_a_client_are_children_of_the_request() {
    let traces = traces_of(async {
        let client = service_fn(|_: Request<Full<Bytes>>| {
            let answer = Response::new(Full::new(Bytes::from(TOKEN)));
            async { Ok::<_, BoxError>(answer) }.instrument(info_span!("connect"))
        });
        let scheme = Atlas::new(ENDPOINT, "id", "secret").unwrap();
        TokenSource::over_http(scheme, client).token().await.unwrap();
    });
    let request = traces.one("POST");
    assert_eq!(traces.one("connect").parent_span_id, request.span_context.span_id());
}
