//! What a proxy sees: nothing of requests to loopback, and only the tunnel of https requests.

use std::process::Command;
use std::sync::{Arc, Mutex};

use reqwest::{Proxy, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, ServiceExt};
use tower_outbound_auth::adapter::reqwest::HttpService;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::{AuthLayer, ErrorKind, Exempt, Origin, TokenSource};

use super::adapters::{Adapter, CANARY, layer, ours};
use super::server::{Scheme, Server, answer, builder, contains, with_proxies};

/// A forward proxy. It connects every request to the same server.
pub(crate) struct ForwardProxy {
    pub(crate) url: String,
    read: Arc<Mutex<Vec<u8>>>,
}

impl ForwardProxy {
    pub(crate) async fn to(server: &Server) -> ForwardProxy {
        let address = server.origin.split_once("://").unwrap().1.to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let read = Arc::<Mutex<Vec<u8>>>::default();
        let log = read.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(forward(client, address.clone(), log.clone()));
            }
        });
        ForwardProxy { url, read }
    }

    /// What clients sent to the proxy outside of tunnels.
    pub(crate) fn read(&self) -> Vec<u8> {
        self.read.lock().unwrap().clone()
    }

    pub(crate) fn builder(&self) -> reqwest::ClientBuilder {
        builder().proxy(Proxy::all(&self.url).unwrap())
    }
}

async fn forward(mut client: TcpStream, server: String, log: Arc<Mutex<Vec<u8>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match client.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    log.lock().unwrap().extend_from_slice(&head);
    let mut server = TcpStream::connect(server).await.unwrap();
    if head.starts_with(b"CONNECT ") {
        client.write_all(b"HTTP/1.1 200 tunnel\r\n\r\n").await.unwrap();
    } else {
        server.write_all(&head).await.unwrap();
    }
    drop(copy_bidirectional(&mut client, &mut server).await);
}

async fn server(scheme: Scheme) -> Server {
    Server::start(scheme, |_| async { answer(200, "served") }).await
}

#[tokio::test]
async fn a_client_made_by_the_layer_uses_no_proxy_for_loopback() {
    for scheme in [Scheme::Http, Scheme::Https] {
        let server = server(scheme).await;
        let proxy = ForwardProxy::to(&server).await;
        let (layer, exchange) = layer("token", &server.origin);
        exchange.set_sticky(Some(CANARY));
        let caller = Adapter::Constructor.with(layer, || proxy.builder());
        assert_eq!(caller.get(&server.url("/")).await.unwrap().status(), 200);
        assert!(contains(&server.read(), CANARY));
        assert_eq!(proxy.read(), b"", "{scheme:?}");
    }
}

#[tokio::test]
async fn a_client_made_by_the_layer_uses_no_proxy_for_localhost() {
    let server = server(Scheme::Http).await;
    let proxy = ForwardProxy::to(&server).await;
    let origin = server.origin.replace("127.0.0.1", "localhost");
    let source = TokenSource::fixed(HeaderScheme::bearer(), CANARY).unwrap();
    let layer = AuthLayer::new(source).with_origin(Origin::danger_plain_http(&origin).unwrap());
    let ours = Adapter::Constructor.with(layer.clone(), || proxy.builder());
    assert_eq!(ours.get(&origin).await.unwrap().status(), 200);
    assert_eq!(proxy.read(), b"");
    let handed_over = Adapter::HandedOver.with(layer, || proxy.builder());
    let error = handed_over.get(&origin).await.unwrap_err();
    assert_eq!(super::adapters::ours(&error).kind(), ErrorKind::SentElsewhere);
}

#[tokio::test]
async fn the_http_service_reports_a_request_that_went_through_a_proxy() {
    let server = server(Scheme::Http).await;
    let proxy = ForwardProxy::to(&server).await;
    let (layer, _) = layer("token", &server.origin);
    let request = http::Request::get(&server.origin).body(String::new()).unwrap();
    let client = HttpService::build(proxy.builder()).unwrap();
    let error = layer.layer(client).oneshot(request).await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::SentElsewhere);
    assert!(error.to_string().contains("no_proxy"), "{error}");
}

/// This test runs itself again, in a process whose environment names a proxy.
#[tokio::test]
async fn the_proxy_of_the_environment_sees_no_request_to_loopback() {
    let server = server(Scheme::Http).await;
    if let Ok(origin) = std::env::var("TEST_ORIGIN") {
        let (layer, exchange) = layer("token", &origin);
        exchange.set_sticky(Some(CANARY));
        let caller = Adapter::Constructor.with(layer, with_proxies);
        assert_eq!(caller.get(&format!("{origin}/mine")).await.unwrap().status(), 200);
        let (other, _) = self::layer("token", "http://127.0.0.1:9");
        let handed_over = Adapter::HandedOver.with(other.clone(), with_proxies);
        for adapter in [Adapter::OverMiddlewares, Adapter::Middleware] {
            let (layer, exchange) = self::layer("token", &origin);
            let error = adapter.with(layer, with_proxies).get(&format!("{origin}/mine")).await;
            let error = error.unwrap_err();
            assert_eq!(ours(&error).kind(), ErrorKind::Configuration, "{adapter:?}");
            for way in ["NO_PROXY", "AuthLayer::reqwest", "danger_own_reqwest_client"] {
                assert!(error.to_string().contains(way), "{error}");
            }
            assert_eq!(exchange.exchanges(), 0);
        }
        let bare = http::Request::get(format!("{origin}/bare")).extension(Exempt).body("");
        let bare = handed_over.send(bare.unwrap().try_into().unwrap()).await;
        assert_eq!(bare.unwrap().status(), 200);
        return;
    }
    let proxy = ForwardProxy::to(&server).await;
    let name = "proxies::the_proxy_of_the_environment_sees_no_request_to_loopback";
    let mut run = Command::new(std::env::current_exe().unwrap());
    run.args(["--exact", name, "--nocapture"]).env("TEST_ORIGIN", &server.origin);
    run.env("http_proxy", &proxy.url).env_remove("no_proxy").env_remove("NO_PROXY");
    let run = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(contains(&server.read(), CANARY));
    let seen = proxy.read();
    assert!(contains(&seen, "/bare"), "another client does use this proxy");
    assert!(!contains(&seen, "/mine") && !contains(&seen, CANARY));
}

#[tokio::test]
async fn a_client_of_the_user_that_sent_a_credential_through_a_proxy_is_reported() {
    for adapter in
        [Adapter::HandedOver, Adapter::HandedOverMiddlewares, Adapter::MiddlewareOverHandedOver]
    {
        let server = server(Scheme::Http).await;
        let proxy = ForwardProxy::to(&server).await;
        let (layer, exchange) = layer("token", &server.origin);
        let caller = adapter.with(layer, || proxy.builder());
        let error = caller.get(&server.url("/")).await.unwrap_err();
        assert_eq!(ours(&error).kind(), ErrorKind::SentElsewhere, "{adapter:?}");
        for part in ["proxy", "rotate", "AuthLayer::reqwest", "NO_PROXY"] {
            assert!(error.to_string().contains(part), "{error}");
        }
        let exempt = http::Request::get(server.url("/")).extension(Exempt).body("").unwrap();
        if !adapter.is_middleware() {
            let answer = caller.send(exempt.try_into().unwrap()).await.unwrap();
            assert_eq!(answer.status(), 200);
        }
        assert_eq!(exchange.exchanges(), 1);
    }
}

/// For such a client, a redirect between two origins of the layer is no error, but a proxy is.
#[tokio::test]
async fn a_proxy_is_reported_even_after_a_redirect() {
    const OTHER: &str = "http://127.0.0.1:9";
    let server = Server::start(Scheme::Http, |request| async move {
        match request.uri().path() {
            "/landed" => answer(200, ""),
            _ => super::server::redirect(307, &format!("{OTHER}/landed")),
        }
    });
    let server = server.await;
    let proxy = ForwardProxy::to(&server).await;
    let (layer, _) = layer("token", &server.origin);
    let layer = layer.with_origin(Origin::parse(OTHER).unwrap());
    let caller = Adapter::HandedOver.with(layer, || proxy.builder());
    let error = caller.get(&server.url("/")).await.unwrap_err();
    assert_eq!(ours(&error).kind(), ErrorKind::SentElsewhere);
    assert!(contains(&proxy.read(), "/landed") && error.to_string().contains("proxy"), "{error}");
}

#[tokio::test]
async fn a_proxy_sees_only_the_tunnel_of_an_https_request() {
    for adapter in Adapter::ALL {
        let server = server(Scheme::Https).await;
        let proxy = ForwardProxy::to(&server).await;
        let (layer, exchange) = layer("token", "https://api.example");
        exchange.set_sticky(Some(CANARY));
        let caller = adapter.with(layer, || proxy.builder());
        let answer = caller.get("https://api.example/a-path?a-query").await.unwrap();
        assert_eq!(answer.status(), 200, "{adapter:?}");
        assert!(contains(&server.read(), CANARY) && contains(&server.read(), "/a-path?a-query"));
        let seen = String::from_utf8(proxy.read()).unwrap().to_lowercase();
        let head = "connect api.example:443 http/1.1\r\nhost: api.example:443\r\n\r\n";
        assert_eq!(seen, head, "{adapter:?}");
    }
}

#[tokio::test]
async fn a_client_whose_redirects_are_unknown_is_refused_before_it_sends_anything() {
    for header in ["token", "authorization"] {
        let server = server(Scheme::Http).await;
        let (layer, exchange) = layer(header, &server.origin);
        let request = || Request::new(http::Method::GET, server.url("/").parse().unwrap());
        let client = builder().build().unwrap();
        let error = layer.layer(client.clone()).oneshot(request()).await.unwrap_err();
        let chain = reqwest_middleware::ClientBuilder::new(client);
        let middleware = tower_outbound_auth::adapter::reqwest::AuthMiddleware::new(&layer);
        let from_chain = chain.with(middleware).build().execute(request()).await.unwrap_err();
        for error in [error, from_chain.into()] {
            assert_eq!(ours(&error).kind(), ErrorKind::Configuration);
            for way in ["AuthLayer::reqwest,", "reqwest_redirects", "danger_own_reqwest_client"] {
                assert!(error.to_string().contains(way), "{error}");
            }
        }
        assert_eq!((server.read(), exchange.exchanges()), (Vec::new(), 0));

        let exempt = http::Request::get(server.url("/")).extension(Exempt).body("").unwrap();
        let exempt = layer.layer(builder().build().unwrap()).oneshot(exempt.try_into().unwrap());
        assert_eq!(exempt.await.unwrap().status(), 200, "it has no credential");
        let error = layer.reqwest(builder().user_agent("\n")).unwrap_err();
        assert!(error.to_string().contains("builder error"), "{error}");
        let error = layer.layer(builder().build().unwrap()).oneshot(request()).await.unwrap_err();
        assert_eq!(ours(&error).kind(), ErrorKind::Configuration, "no client was built");
    }
}
