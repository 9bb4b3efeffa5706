//! A token endpoint that records secrets, and secrets in files and in memory.

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use tower::service_fn;
use tower_outbound_auth::system::Atlas;
use tower_outbound_auth::testkit::{ManualClock, TokioClock};
use tower_outbound_auth::{BoxError, Credential, Error, Secret, TokenSource};

use crate::support::*;

/// A file of one test. Dropping it removes the file.
pub(crate) struct TempFile(pub(crate) PathBuf);

impl TempFile {
    pub(crate) fn new(text: &str) -> TempFile {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("outbound-auth-{}-{nth}", std::process::id());
        let file = TempFile(std::env::temp_dir().join(name));
        file.write(text);
        file
    }

    pub(crate) fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }

    pub(crate) fn credential(&self) -> Credential {
        Credential::file(&self.0)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A token endpoint that records each secret it receives.
#[derive(Clone)]
pub(crate) struct FakeEndpoint {
    /// The only secret that it takes; `None`: it takes all.
    takes: Option<&'static str>,
    received: Arc<Mutex<Vec<String>>>,
}

impl FakeEndpoint {
    pub(crate) fn that_takes(secret: &'static str) -> FakeEndpoint {
        FakeEndpoint { takes: Some(secret), received: Arc::default() }
    }

    pub(crate) fn that_takes_all() -> FakeEndpoint {
        FakeEndpoint { takes: None, received: Arc::default() }
    }

    pub(crate) fn source(&self, secret: impl Into<Credential>) -> TokenSource<Atlas> {
        let endpoint = self.clone();
        let client = service_fn(move |request: Request<Body>| {
            let secret = request.headers()["client-secret"].to_str().unwrap().to_owned();
            let is_taken = endpoint.takes.is_none_or(|good| secret == good);
            endpoint.received.lock().unwrap().push(secret);
            let (status, body) = match is_taken {
                true => (200, r#"{"access_token":"abc","expires_in":3600}"#),
                false => (401, r#"{"error":"Invalid credentials"}"#),
            };
            let response = Response::builder().status(status).body(Body::from(body)).unwrap();
            async { Ok::<_, BoxError>(response) }
        });
        let atlas = Atlas::new("https://atlas.example/authtoken", "id", secret).unwrap();
        TokenSource::builder_over_http(atlas, client).clock(TokioClock::new()).build()
    }

    pub(crate) fn received(&self) -> Vec<String> {
        self.received.lock().unwrap().clone()
    }
}

/// Asks for a token when an hour has passed.
pub(crate) async fn an_hour_later(source: &TokenSource<Atlas>) -> Result<(), Error> {
    tokio::time::sleep(HOUR).await;
    source.token().await.map(drop)
}

/// A secret that a test can change. It counts how often it is read.
#[derive(Clone, Default)]
pub(crate) struct ChangingSecret(Arc<Mutex<(String, usize)>>);

impl ChangingSecret {
    pub(crate) fn with(secret: &str) -> ChangingSecret {
        ChangingSecret(Arc::new(Mutex::new((secret.to_owned(), 0))))
    }

    pub(crate) fn set(&self, secret: &str) {
        self.0.lock().unwrap().0 = secret.to_owned();
    }

    pub(crate) fn reads(&self) -> usize {
        self.0.lock().unwrap().1
    }

    pub(crate) fn credential(&self) -> Credential {
        let changing = self.clone();
        Credential::from_fn(move || {
            let mut secret = changing.0.lock().unwrap();
            secret.1 += 1;
            Ok(Secret::from(&*secret.0))
        })
    }
}

/// Moves the clock until this future ends.
pub(crate) async fn while_time_passes<T>(
    clock: &ManualClock,
    future: impl Future<Output = T>,
) -> T {
    let mut future = std::pin::pin!(future);
    for _ in 0..100_000 {
        if let std::task::Poll::Ready(ended) = futures::poll!(&mut future) {
            return ended;
        }
        clock.advance(millis(500));
        tokio::time::sleep(millis(1)).await; // lets the reading threads run
    }
    panic!("it does not end");
}
