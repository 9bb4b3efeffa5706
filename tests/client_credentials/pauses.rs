//! The pause after a token endpoint refuses (RFC 9110 section 10.2.3).

use http::header::{DATE, RETRY_AFTER};
use tower_outbound_auth::exchange::ExchangeErrorKind::Unavailable;

use crate::*;

#[tokio::test(start_paused = true)]
async fn rfc9110_4_retry_after_is_seconds_or_a_date_by_the_server_s_clock() {
    let noon = "Sun, 06 Nov 1994 12:00:00 GMT";
    for (retry_after, date, secs) in [
        ("44", None, Some(44)),
        ("Sun, 06 Nov 1994 12:01:30 GMT", Some(noon), Some(90)),
        ("Sunday, 06-Nov-94 12:01:30 GMT", Some(noon), Some(90)),
        ("Sun Nov  6 12:01:30 1994", Some(noon), Some(90)),
        ("Sun, 06 Nov 1994 11:00:00 GMT", Some(noon), Some(0)),
        ("Sun, 06 Nov 1994 12:01:30 GMT", None, Some(0)), // compared with our clock
        ("Sun, 06 Nov 1994 12:01:30 GMT", Some("yesterday"), Some(0)),
        ("soon", Some(noon), None),
        ("-1", Some(noon), None),
        ("1e9", Some(noon), None),
    ] {
        let server = Server::new(move |_| {
            let mut response = answer(429, "");
            response.headers_mut().insert(RETRY_AFTER, retry_after.parse().unwrap());
            if let Some(date) = date {
                response.headers_mut().insert(DATE, date.parse().unwrap());
            }
            response
        });
        let error = server.source(scheme("id", "secret")).token().await.unwrap_err();
        let asked = error.exchange().unwrap().retry_after();
        assert_eq!(asked, secs.map(Duration::from_secs), "{retry_after}");
    }
}

/// An endpoint that answers once with this status and `Retry-After`, and then with a token.
fn busy(status: u16, retry_after: &'static str, body: &'static str) -> Server {
    let asked = AtomicUsize::new(0);
    Server::new(move |_| {
        if asked.fetch_add(1, Ordering::Relaxed) > 0 {
            return answer(200, SUCCESS);
        }
        let mut response = answer(status, body);
        response.headers_mut().insert(RETRY_AFTER, retry_after.parse().unwrap());
        response
    })
}

/// When the endpoint gets its second request, if a caller needs a token every second.
async fn asked_again_after(server: Server) -> u64 {
    let source = server.source(scheme("id", "secret"));
    let mut seconds = 0;
    while source.token().await.is_err() {
        assert_eq!(server.asked().len(), 1, "no exchange is made in the pause");
        tokio::time::sleep(secs(1)).await;
        seconds += 1;
    }
    assert_eq!(server.asked().len(), 2);
    seconds
}

#[tokio::test(start_paused = true)]
async fn rfc9110_4_a_requested_pause_is_kept_up_to_5_minutes() {
    for status in [503, 429, 302, 500] {
        assert_eq!(asked_again_after(busy(status, "120", "")).await, 120, "{status}");
    }
    assert_eq!(
        asked_again_after(busy(503, "86400", "")).await,
        300,
        "the pause is limited to five minutes"
    );
    assert_eq!(asked_again_after(busy(503, "0", "")).await, 1, "the usual pause applies");
    assert_eq!(asked_again_after(busy(503, "Sun, 06 Nov 1994 08:49:37 GMT", "")).await, 1);
}

#[tokio::test(start_paused = true)]
async fn rfc6585_4_too_many_requests_is_an_overload_whatever_its_body_says() {
    for body in [r#"{"detail":"slow down"}"#, "", r#"{"error":"invalid_client"}"#] {
        let source = busy(429, "44", body).source(scheme("id", "secret"));
        let error = source.token().await.unwrap_err();
        assert_eq!((kind(&error), error.retry_after()), (Unavailable, Some(secs(44))), "{body}");
        assert_eq!(asked_again_after(busy(429, "44", body)).await, 44, "{body}");
    }
}
