//! A place on loopback that nobody should ask. It counts its connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};

pub(crate) struct Trap {
    pub(crate) url: String,
    connections: Arc<AtomicUsize>,
}

impl Trap {
    pub(crate) async fn new() -> Trap {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        });
        Trap { url, connections }
    }

    /// The headers of a refusal that leads a client here in each way that a specification has.
    pub(crate) fn headers(&self) -> Vec<(&'static str, String)> {
        let url = &self.url;
        let challenge = format!(
            "Bearer realm=\"{url}/realm\", error=\"invalid_token\", authorization_uri=\"{url}/authorize\", \
             resource_metadata=\"{url}/.well-known/oauth-protected-resource\""
        );
        let links = format!("<{url}/token>; rel=\"token_endpoint\", <{url}>; rel=\"issuer\"");
        vec![("www-authenticate", challenge), ("link", links), ("location", format!("{url}/login"))]
    }

    /// Asserts that nobody was here. A connection of its own shows that the trap counts.
    pub(crate) async fn assert_untouched(&self) {
        let address = self.url.trim_start_matches("http://");
        drop(TcpStream::connect(address).await.unwrap());
        while self.connections.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(self.connections.load(Ordering::SeqCst), 1);
    }
}
