//! Over HTTP/2, credentials are written as "never indexed" (RFC 7541 section 7.1.3): neither this connection's
//! compression nor that of a proxy behind it has them in a table that an attacker can probe (CRIME).

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderName, Request};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::{TcpListener, TcpStream};
use tower::{Layer, ServiceExt};
use tower_outbound_auth::endpoint::TokenEndpoint;
use tower_outbound_auth::scheme::Presentation;
use tower_outbound_auth::system::{Atlas, ClientCredentials, HeaderScheme, RefreshTokenIn};
use tower_outbound_auth::testkit::ScriptedExchange;
use tower_outbound_auth::{AuthLayer, Origin, TokenSource};

use crate::frames::{
    ACK, DATA, END_HEADERS, END_STREAM, HEADERS, SETTINGS, STATUS_200, STATUS_401, open, read,
    write,
};
use crate::hpack::{Decoder, Field, Written};

/// Speaks only as much HTTP/2 as is needed to read a client's bytes.
#[derive(Clone)]
struct RawServer {
    url: String,
    /// The fields of each request, and the content of the connection's table after it.
    seen: Arc<Mutex<Vec<(Vec<Field>, String)>>>,
}

impl RawServer {
    /// Refuses the first `refusals` requests. Answers the others with `body`.
    async fn start(refusals: usize, body: &'static str) -> RawServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = RawServer { url, seen: Arc::default() };
        let seen = server.seen.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let seen = seen.clone();
                tokio::spawn(async move { serve(socket, &seen, refusals, body).await });
            }
        });
        server
    }

    /// Checks the field of each request, and that no table has its value.
    fn fields(&self, name: &str) -> Vec<Field> {
        let seen = self.seen.lock().unwrap();
        let one = |(fields, table): &(Vec<Field>, String)| {
            let mut named = fields.iter().filter(|field| field.name == name);
            let field = named.next().expect("it carries the credential").clone();
            assert!(named.next().is_none(), "once");
            assert!(!table.contains(&field.value), "{table}");
            field
        };
        seen.iter().map(one).collect()
    }
}

async fn serve(
    mut socket: TcpStream,
    seen: &Mutex<Vec<(Vec<Field>, String)>>,
    refusals: usize,
    body: &str,
) -> Option<()> {
    open(&mut socket).await?;
    let mut decoder = Decoder::default();
    loop {
        let (kind, flags, stream, payload) = read(&mut socket).await?;
        match (kind, flags) {
            (SETTINGS, flags) if flags & ACK == 0 => {
                write(&mut socket, (SETTINGS, ACK, 0), b"").await?;
            }
            (HEADERS, flags) => {
                assert_eq!(
                    flags & !END_STREAM,
                    END_HEADERS,
                    "the header block is one frame without padding"
                );
                let fields = decoder.decode(&payload);
                let count = {
                    let mut seen = seen.lock().unwrap();
                    seen.push((fields, format!("{:?}", decoder.table)));
                    seen.len()
                };
                if count <= refusals {
                    let frame = (HEADERS, END_HEADERS | END_STREAM, stream);
                    write(&mut socket, frame, STATUS_401).await?;
                } else {
                    write(&mut socket, (HEADERS, END_HEADERS, stream), STATUS_200).await?;
                    write(&mut socket, (DATA, END_STREAM, stream), body.as_bytes()).await?;
                }
            }
            _ => {}
        }
    }
}

type Http2 = Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>;

fn http2() -> Http2 {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

/// Three requests on one connection. The first one is refused and sent again.
async fn never_indexed(scheme: HeaderScheme, prefix: &str) {
    let name = scheme.header_name().clone();
    let server = RawServer::start(1, "").await;
    let source = TokenSource::new(scheme, ScriptedExchange::new());
    let layer = AuthLayer::new(source).with_origin(Origin::parse(&server.url).unwrap());
    let api = layer.layer(http2());
    for _ in 0..3 {
        let request = Request::get(&server.url).body(Full::default()).unwrap();
        assert_eq!(api.clone().oneshot(request).await.unwrap().status(), 200);
    }
    let tokens = ["token-1", "token-2", "token-2", "token-2"];
    let expected = tokens.map(|token| Field {
        name: name.to_string(),
        value: format!("{prefix}{token}"),
        written: Written::NeverIndexed,
    });
    assert_eq!(server.fields(name.as_str()), expected);
    let seen = server.seen.lock().unwrap();
    let indexed =
        seen.iter().flat_map(|(fields, _)| fields).filter(|it| it.written == Written::Indexed);
    assert!(indexed.count() > 4, "the client does compress what is no secret");
}

#[tokio::test]
async fn a_bearer_token_is_never_indexed_first_or_replayed() {
    never_indexed(HeaderScheme::bearer(), "Bearer ").await;
}

#[tokio::test]
async fn a_token_in_a_header_of_its_own_is_never_indexed_first_or_replayed() {
    never_indexed(HeaderScheme::new(HeaderName::from_static("token"), ""), "").await;
    never_indexed(HeaderScheme::new(HeaderName::from_static("x-api-key"), "key "), "key ").await;
}

#[tokio::test]
async fn the_credentials_of_an_exchange_are_never_indexed() {
    const ISSUED: &str = r#"{"access_token":"abc","expires_in":3600}"#;
    let server = RawServer::start(0, ISSUED).await;
    let (url, secret) = (format!("{}/token", server.url), "a-secret");
    let atlas = Atlas::new(&*url, "the-client", secret).unwrap();
    TokenSource::over_http(atlas, http2()).token().await.unwrap();
    for (name, value) in [("client-id", "the-client"), ("client-secret", secret)] {
        let written = Written::NeverIndexed;
        let field = Field { name: name.to_owned(), value: value.to_owned(), written };
        assert_eq!(server.fields(name), [field]);
    }

    let server = RawServer::start(0, ISSUED).await;
    let basic = ClientCredentials::new(&*format!("{}/token", server.url), "the-client", secret);
    TokenSource::over_http(basic.unwrap(), http2()).token().await.unwrap();
    let fields = server.fields("authorization");
    assert_eq!(fields.len(), 1);
    assert_eq!(fields[0].written, Written::NeverIndexed);
    assert!(fields[0].value.starts_with("Basic "));
}

#[tokio::test]
async fn a_refresh_token_in_a_header_is_never_indexed() {
    const ISSUED: &str =
        r#"{"access_token":"abc","refresh_token":"a-refresh-token","expires_in":3600}"#;
    let server = RawServer::start(0, ISSUED).await;
    let endpoint = |path: &str| TokenEndpoint::parse(&format!("{}{path}", server.url)).unwrap();
    let atlas = Atlas::new(endpoint("/token"), "the-client", "a-secret").unwrap();
    let atlas = atlas.with_refresh(endpoint("/refresh"), RefreshTokenIn::default());
    let source = TokenSource::over_http(atlas, http2());
    let token = source.token().await.unwrap();
    source.reject(&token).await.unwrap_err(); // the server issues the same one again
    let seen = server.seen.lock().unwrap();
    let (fields, table) = &seen[1];
    let field =
        fields.iter().find(|it| it.name == "refresh-token").expect("the refresh token was used");
    assert_eq!((&*field.value, field.written), ("a-refresh-token", Written::NeverIndexed));
    assert!(!table.contains("a-refresh-token"), "{table}");
}
