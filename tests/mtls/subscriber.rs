//! A subscriber is code of a user: an exporter of logs may send its events with the same certificate, and wait for that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures::executor::block_on;
use http::{Request, Response};
use rustls::ClientConfig;
use tower::{Service, service_fn};
use tower_outbound_auth::BoxError;
use tower_outbound_auth::endpoint::ClientCertificate;
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::server::{DAY, Server};

/// 2050-01-01, the end of the certificates.
const ENDS: u64 = 2_524_608_000;

struct Exporter {
    certificate: ClientCertificate,
    tls: ClientConfig,
    events: Arc<AtomicUsize>,
}

impl<S: Subscriber> Layer<S> for Exporter {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() != Level::WARN {
            return;
        }
        if self.events.fetch_add(1, Ordering::SeqCst) == 0 {
            let answer = |_: Request<()>| async { Ok::<_, BoxError>(Response::new(())) };
            let mut client =
                self.certificate.clients(self.tls.clone(), move |_| Ok(service_fn(answer)));
            block_on(client.call(Request::new(()))).unwrap();
        }
    }
}

#[test]
fn an_exporter_of_logs_may_use_the_certificate_that_an_event_is_about() {
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let events = Arc::new(AtomicUsize::new(0));
        runtime.block_on(async {
            let server = Server::start().await;
            let certificate = ClientCertificate::new(server.authority.pair().pem());
            let (tls, events) = (server.tls(), events.clone());
            let exporter = Exporter { certificate: certificate.clone(), tls, events };
            let second = Dispatch::new(tracing_subscriber::registry()); // as in tests/support/log.rs
            let subscriber = tracing_subscriber::registry().with(exporter);
            let guard = tracing::subscriber::set_default(subscriber);
            // An event says that the certificate ends soon.
            let (source, _) = server.source(certificate, ENDS - 5 * DAY);
            source.token().await.unwrap();
            drop((guard, second));
        });
        ended.send(events.load(Ordering::SeqCst)).unwrap();
    });
    let events = end.recv_timeout(Duration::from_secs(10));
    assert_eq!(events.expect("the exporter waits for a lock for ever"), 1);
}
