//! An hour in which the server of a cloud gives no token, with a caller each second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::endpoint::Scheme;
use tower_outbound_auth::system::{AzureManagedIdentity, GoogleMetadata};
use tower_outbound_auth::testkit::ManualClock;

const GOOGLE: (&str, &str) = ("metadata-flavor", "Google");
const CODE: &str = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;

/// The most requests for a verdict, and for what may pass.
const REFUSED: usize = 40;
const PASSING: usize = 140;

/// The number of requests in an hour.
async fn asked(
    scheme: impl Scheme,
    status: u16,
    header: Option<(&'static str, &'static str)>,
    body: &'static str,
) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let server = tower::service_fn(move |_: Request<Full<Bytes>>| {
        counted.fetch_add(1, Ordering::Relaxed);
        let mut answer = Response::builder().status(status);
        if let Some((name, value)) = header {
            answer = answer.header(name, value);
        }
        let answer = answer.body(Full::<Bytes>::from(body)).unwrap();
        async { Ok::<_, std::io::Error>(answer) }
    });
    let clock = ManualClock::new();
    let source = TokenSource::builder_over_http(scheme, server).clock(clock.clone()).build();
    for _ in 0..3_600 {
        source.token().await.unwrap_err();
        clock.advance(Duration::from_secs(1));
    }
    count.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_server_that_gives_no_token_for_an_hour_gets_few_requests() {
    for (status, header, body, most) in [
        (400, Some(GOOGLE), "", REFUSED),
        (403, Some(GOOGLE), "Forbidden", REFUSED),
        (404, Some(GOOGLE), "", REFUSED),
        (403, None, "<html>", REFUSED),
        (404, None, "", REFUSED),
        (302, Some(("location", "https://elsewhere.example/")), "", PASSING),
        (429, Some(GOOGLE), "", PASSING),
        (500, None, "", PASSING),
        (200, None, r#"{"access_token":"a-token","expires_in":300}"#, PASSING),
        (200, Some(GOOGLE), "{}", PASSING),
        (200, Some(GOOGLE), r#"{"error":"invalid_grant"}"#, REFUSED),
    ] {
        let asked = asked(GoogleMetadata::new(&[]).unwrap(), status, header, body).await;
        assert!(asked <= most, "Google, {status} {header:?}: {asked}");
    }
    let after = |seconds| Some(("retry-after", seconds));
    for (status, header, body, most) in [
        (400, None, CODE, REFUSED),
        (401, None, CODE, REFUSED),
        (403, None, CODE, REFUSED),
        (400, None, "", REFUSED),
        (403, None, "<html>", REFUSED),
        (404, None, CODE, PASSING),
        (410, None, "", PASSING),
        (410, after("0"), "", PASSING),
        (429, after("0"), "", PASSING),
        (503, None, CODE, PASSING),
        (307, None, "", PASSING),
        (200, None, CODE, REFUSED),
        (200, None, "", PASSING),
    ] {
        let azure = AzureManagedIdentity::new("https://vault.azure.net").unwrap();
        let asked = asked(azure, status, header, body).await;
        assert!(asked <= most, "Azure, {status} {header:?}: {asked}");
    }
}
