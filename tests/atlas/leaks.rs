//! No log of this crate or of its dependencies shows a secret, not even at level TRACE.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use tower_outbound_auth::testkit::MalformedAnswer;

use super::log::log_of;
use super::{Setup, layer, secs};

#[test]
fn no_crate_logs_the_secret_or_a_token_at_any_level() {
    let secrets = Arc::new(Mutex::new(Vec::new()));
    let log = log_of({
        let secrets = secrets.clone();
        async move {
            let setup = Setup::new().await;
            let remember = |text: &str| secrets.lock().unwrap().push(text.to_owned());
            remember(setup.server.client_secret());
            // A revocation, an outage and an expiry, over HTTP/1.1.
            for turn in 0..4 {
                setup.get("/documents").await.unwrap();
                remember(setup.source.token().await.unwrap().expose());
                match turn {
                    0 => setup.server.revoke_tokens(),
                    1 => {
                        setup.server.begin_outage(None);
                        setup.clock.advance(secs(3_300));
                        setup.get("/documents").await.unwrap();
                        setup.source.settled().await;
                        setup.server.end_outage();
                        setup.clock.advance(secs(3_600));
                    }
                    _ => setup.clock.advance(secs(3_600)),
                }
            }
            // The same over HTTP/2.
            let h2 = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
            let api = layer(&setup.server)
                .rebuild_source(|source| source.clock(setup.clock.clone()))
                .layer(h2);
            let request = Request::get(setup.server.url("/h2")).body(Full::<Bytes>::default());
            api.oneshot(request.unwrap()).await.unwrap();
            // And every answer that can be misread.
            for answer in MalformedAnswer::ALL {
                setup.server.set_malformed(Some(answer.clone()));
                setup.clock.advance(secs(3_600));
                setup.get("/documents").await.unwrap_err();
            }
            remember(MalformedAnswer::CANARY);
            let requests = setup.server.requests();
            let carried = requests.iter().filter_map(|it| it.headers.get("token")?.to_str().ok());
            carried.for_each(remember);
        }
    });
    let secrets = secrets.lock().unwrap().clone();
    assert!(secrets.len() > 8, "the story has secrets");
    for secret in secrets {
        // A part of a token must not appear either, such as its signature.
        for part in secret.split('.').filter(|part| part.len() >= 12) {
            assert!(!log.contains(part), "{part} is in the log");
        }
    }
    for crate_name in ["tower_outbound_auth", "hyper_util", "h2::"] {
        assert!(log.contains(crate_name), "{crate_name} was listened to");
    }
}
