//! How long a token lives (RFC 6749 section 5.1, RFC 7519 section 4.1).

use std::time::Duration;

use http::header::AGE;

use crate::*;

#[tokio::test(start_paused = true)]
async fn rfc9111_1_an_age_shortens_the_life() {
    for (age, left) in [("600", 3_000), ("0", 3_600), ("soon", 3_600)] {
        let server = Server::new(move |_| {
            let mut response = answer(200, SUCCESS);
            response.headers_mut().insert(AGE, age.parse().unwrap());
            response
        });
        let source = server.source(scheme("id", "secret"));
        source.token().await.unwrap();
        assert_eq!(source.status().expires_in, Some(Duration::from_secs(left)), "{age}");
    }
}
