//! How long a token endpoint that says no is left alone (RFC 9110 section 10.2.3).

use std::time::Duration;

use crate::*;

#[tokio::test(start_paused = true)]
async fn rfc9110_4_retry_after_is_seconds_or_a_date_by_the_server_s_own_clock() {
    use http::header::{DATE, RETRY_AFTER};
    let noon = "Sun, 06 Nov 1994 12:00:00 GMT";
    for (retry_after, date, secs) in [
        ("44", None, Some(44)),
        ("Sun, 06 Nov 1994 12:01:30 GMT", Some(noon), Some(90)),
        ("Sunday, 06-Nov-94 12:01:30 GMT", Some(noon), Some(90)),
        ("Sun Nov  6 12:01:30 1994", Some(noon), Some(90)),
        ("Sun, 06 Nov 1994 11:00:00 GMT", Some(noon), Some(0)),
        ("Sun, 06 Nov 1994 12:01:30 GMT", None, None),
        ("Sun, 06 Nov 1994 12:01:30 GMT", Some("yesterday"), None),
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
