//! The API sees the certificate that the token of the request is bound to, whenever the files change.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, Service};
use tower_outbound_auth::adapter::reqwest::HttpService;
use tower_outbound_auth::endpoint::{CertificateClients, ClientCertificate};
use tower_outbound_auth::system::OAuth;
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{BoxError, TokenSource};

use crate::server::{Folder, NOW, Server, Tokens};

/// A server whose tokens are bound, and a source whose certificate is in a file.
struct Rotation {
    server: Server,
    folder: Folder,
    certificate: ClientCertificate,
    source: TokenSource<OAuth>,
    clock: ManualClock,
    /// The thumbprints of the certificate in the file, and of the next one.
    thumbprints: [String; 2],
    next: String,
}

impl Rotation {
    async fn start(name: &str) -> Rotation {
        let server = Server::start().await;
        server.issue(Tokens::Bound);
        let (folder, one, two) =
            (Folder::new(name), server.authority.pair(), server.authority.pair());
        let certificate = ClientCertificate::new(folder.write("pem", &one.pem()));
        let system = server.system().certificate(certificate.clone()).certificate_bound_tokens();
        let (source, clock) = server.source_of(system, server.client(), NOW);
        let thumbprints = [one.thumbprint(), two.thumbprint()];
        Rotation { server, folder, certificate, source, clock, thumbprints, next: two.pem() }
    }

    fn change_the_file(&self) {
        self.folder.write("pem", &self.next);
    }

    /// Sends requests from eight tasks, and changes the certificate meanwhile. Asserts that the server has accepted each one.
    async fn under_load<S, RB>(self, client: S)
    where
        S: Service<Request<Full<Bytes>>, Response = Response<RB>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError> + Send,
        S::Future: Send,
        RB: http_body::Body + Unpin + Send + 'static,
    {
        let api = self.server.layer(self.source.clone()).layer(client);
        let is_over = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (mut api, url, is_over) =
                    (api.clone(), self.server.url("/api"), is_over.clone());
                tokio::spawn(async move {
                    let mut others = Vec::new();
                    while !is_over.load(Ordering::Relaxed) {
                        let request = Request::get(&url).body(Full::default()).unwrap();
                        poll_fn(|cx| api.poll_ready(cx)).await.unwrap();
                        let response = api.call(request).await.unwrap();
                        others.extend(Some(response.status()).filter(|it| *it != StatusCode::OK));
                    }
                    others
                })
            })
            .collect();
        let until = async |thumbprint: &String, number: usize| {
            let seen = || self.server.calls().iter().filter(|it| it.shown == *thumbprint).count();
            while seen() < number {
                tokio::task::yield_now().await;
            }
        };
        until(&self.thumbprints[0], 100).await;
        self.change_the_file();
        self.server.hold_the_next_token_for(100);
        // Requests use the old token until there is a newer one.
        self.source.reject(&self.source.token().await.unwrap()).await.unwrap();
        until(&self.thumbprints[1], 200).await;
        is_over.store(true, Ordering::Relaxed);
        for caller in callers {
            let others: Vec<StatusCode> = caller.await.unwrap();
            assert!(others.is_empty(), "{others:?}");
        }
        let calls = self.server.calls();
        let refused: Vec<_> = calls.iter().filter(|it| it.status != StatusCode::OK).collect();
        assert!(refused.is_empty(), "{} of {}", refused.len(), calls.len());
        assert_eq!(self.server.sent().len(), 2, "two exchanges");
    }
}

type Hyper = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Clients with a pool of connections.
fn hyper_clients(rotation: &Rotation) -> CertificateClients<Hyper> {
    rotation.certificate.clients(rotation.server.tls(), |tls| {
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1();
        Ok(Client::builder(TokioExecutor::new()).build(https.build()))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_the_certificate_changes_under_load_with_the_built_in_client() {
    let rotation = Rotation::start("built-in").await;
    let client = rotation.server.client().with_certificate(rotation.certificate.clone());
    rotation.under_load(client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_the_certificate_changes_under_load_with_a_hyper_client() {
    let rotation = Rotation::start("hyper").await;
    let client = hyper_clients(&rotation);
    rotation.under_load(client).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_the_certificate_changes_under_load_with_a_reqwest_client() {
    let rotation = Rotation::start("reqwest").await;
    let client = rotation.certificate.clients(rotation.server.tls(), |tls| {
        let builder = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls);
        Ok(HttpService::build(builder)?)
    });
    rotation.under_load(client).await;
}

/// Sends a request with each token, the newer one first. Asserts that the server has accepted both.
async fn with_both_tokens<S, RB>(rotation: Rotation, mut client: S)
where
    S: Service<Request<Full<Bytes>>, Response = Response<RB>, Error = BoxError>,
{
    let old = rotation.source.token().await.unwrap();
    rotation.change_the_file();
    rotation.clock.advance(Duration::from_secs(301));
    let new = rotation.source.token().await.unwrap();
    for token in [&new, &old, &new] {
        let request = Request::get(rotation.server.url("/api"))
            .header("authorization", token.header_value())
            .body(Full::default())
            .unwrap();
        assert_eq!(client.call(request).await.unwrap().status(), StatusCode::OK);
    }
    let shown: Vec<_> = rotation.server.calls().into_iter().map(|it| it.shown).collect();
    let [one, two] = rotation.thumbprints;
    assert_eq!(shown, [two.clone(), one, two]);
}

#[tokio::test]
async fn each_request_shows_the_certificate_that_its_token_was_issued_with() {
    let rotation = Rotation::start("each-built-in").await;
    let client = rotation.server.client().with_certificate(rotation.certificate.clone());
    with_both_tokens(rotation, client).await;
    let rotation = Rotation::start("each-hyper").await;
    let client = hyper_clients(&rotation);
    with_both_tokens(rotation, client).await;
}

#[tokio::test]
async fn a_client_is_made_once_for_each_pair_and_a_request_without_a_token_has_a_certificate_too() {
    let rotation = Rotation::start("made").await;
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let mut client = rotation.certificate.clients(rotation.server.tls(), move |tls| {
        let builder = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls);
        match count.fetch_add(1, Ordering::Relaxed) {
            0 => Err("the first client cannot be made".into()),
            _ => Ok(HttpService::build(builder)?),
        }
    });
    let mut call = async || {
        let request = Request::get(rotation.server.url("/api")).body(Full::<Bytes>::default());
        client.call(request.unwrap()).await.map(|response| response.status())
    };
    let error = call().await.unwrap_err();
    assert!(error.to_string().contains("the first client cannot be made"), "{error}");
    for _ in 0..3 {
        assert_eq!(call().await.unwrap(), StatusCode::UNAUTHORIZED);
    }
    rotation.source.token().await.unwrap();
    rotation.change_the_file();
    call().await.unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 2);
    rotation.clock.advance(Duration::from_secs(301));
    rotation.source.token().await.unwrap();
    call().await.unwrap();
    assert_eq!(made.load(Ordering::Relaxed), 3);
    let shown: Vec<_> = rotation.server.calls().into_iter().map(|it| it.shown).collect();
    let [one, two] = rotation.thumbprints;
    assert_eq!(shown, [one.clone(), one.clone(), one.clone(), one, two]);
}

#[tokio::test]
async fn until_the_next_token_the_api_sees_the_old_certificate() {
    let rotation = Rotation::start("until").await;
    let client = rotation.server.client().with_certificate(rotation.certificate.clone());
    let mut api = rotation.server.layer(rotation.source.clone()).layer(client);
    let mut call = async || {
        let request = Request::get(rotation.server.url("/api")).body(Full::default()).unwrap();
        let response = api.call(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    };
    call().await;
    rotation.change_the_file();
    call().await;
    rotation.clock.advance(Duration::from_secs(301));
    call().await;
    let shown: Vec<_> = rotation.server.calls().into_iter().map(|it| it.shown).collect();
    let [one, two] = rotation.thumbprints;
    assert_eq!(shown, [one.clone(), one, two]);
}

#[tokio::test]
async fn a_token_is_renewed_before_its_certificate_ends_unless_it_is_not_bound() {
    let server = Server::start().await;
    let ends = 2_524_608_000;
    for (tokens, left, due) in [
        (Tokens::Bound, 100, 80),
        (Tokens::Opaque, 100, 80),
        (Tokens::Bound, 1_000, 270),
        (Tokens::UnboundJwt, 100, 270),
    ] {
        server.issue(tokens);
        let certificate = ClientCertificate::new(server.authority.pair().pem());
        let (source, _) = server.source(certificate, ends - left);
        source.token().await.unwrap();
        let next = source.status().next_attempt_in.unwrap();
        let expected = Duration::from_secs(due - due / 8)..=Duration::from_secs(due);
        assert!(expected.contains(&next), "{tokens:?} {left}: {next:?}");
        assert!(
            source.status().expires_in > Some(Duration::from_secs(290)),
            "its life is the same"
        );
    }
}
