//! Token endpoints that cannot be reached.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;

use rcgen::{DnType, date_time_ymd};
use tokio::time::timeout;
use tower::service_fn;
use tower_outbound_auth::endpoint::{HttpClient, TlsRoots, TokenEndpoint};
use tower_outbound_auth::system::Atlas;
use tower_outbound_auth::testkit::{AtlasServer, TokioClock};
use tower_outbound_auth::{BoxError, TokenSource};

use crate::server::Setup;

/// The text, with `HOST:PORT` for the address.
async fn said(url: &str, client: HttpClient) -> String {
    said_within(Duration::from_secs(10), url, client).await
}

async fn said_within(timeout: Duration, url: &str, client: HttpClient) -> String {
    let endpoint = TokenEndpoint::danger_plain_http(url).unwrap();
    let address = endpoint.uri().authority().unwrap().to_string();
    let atlas = Atlas::new(endpoint, "reports", "secret").unwrap();
    let source = TokenSource::builder_over_http(atlas, client).exchange_timeout(timeout).build();
    let text = crate::without_the_pause(&source.token().await.unwrap_err());
    text.replace(&address, "HOST:PORT").replace("/v1/docstream/authtoken", "/token")
}

fn plain() -> HttpClient {
    HttpClient::plain().unwrap()
}

fn with(certificate: &str) -> HttpClient {
    HttpClient::new(TlsRoots::pem(certificate.as_bytes()).unwrap()).unwrap()
}

fn atlas(scheme: &str, what: &str) -> String {
    let address = format!("{scheme}://HOST:PORT");
    format!(
        "no token: atlas ({address}/token, client \"reports\"): {address} could not be reached: {what}"
    )
}

#[tokio::test]
async fn an_endpoint_where_nobody_is_says_so() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let system = std::net::TcpStream::connect(closed).unwrap_err(); // the platform's words
    let refused =
        format!("{system}: nothing listens there: check the port, and whether the server runs");
    assert_eq!(said(&format!("http://{closed}/token"), plain()).await, atlas("http", &refused));

    let server = AtlasServer::start().await.unwrap();
    server.delay_exchanges(Duration::from_secs(60));
    let late = "no token: atlas (http://HOST:PORT/token, client \"reports\"): no answer within 500ms: check the network, \
                or raise exchange_timeout";
    assert_eq!(said_within(Duration::from_millis(500), &server.endpoint(), plain()).await, late);
}

/// A name that does not exist would ask a resolver, and a firewall takes three seconds: their errors are made here.
#[tokio::test(start_paused = true)]
async fn a_host_that_is_unknown_or_does_not_answer_says_what_to_check() {
    let elapsed = timeout(Duration::ZERO, std::future::pending::<()>()).await.unwrap_err();
    let lookup = std::io::Error::other("failed to lookup address information: unknown");
    let cases: [(BoxError, &str); 2] = [
        (lookup.into(), "check the host's name, and the DNS of this machine"),
        (
            elapsed.into(),
            "no connection was made in time: check the address, the route and the firewall",
        ),
    ];
    for (error, advice) in cases {
        let (cause, error) = (error.to_string(), Arc::new(Mutex::new(Some(error))));
        let client = service_fn(move |_: Request<Full<Bytes>>| {
            let error = error.lock().unwrap().take().unwrap();
            async move { Err::<Response<Full<Bytes>>, BoxError>(error) }
        });
        let system = Atlas::new("https://atlas.example/token", "reports", "secret").unwrap();
        let source =
            TokenSource::builder_over_http(system, client).clock(TokioClock::new()).build();
        let text = crate::without_the_pause(&source.token().await.unwrap_err());
        let begins = "no token: atlas (https://atlas.example/token, client \"reports\"): ";
        let what = format!("https://atlas.example could not be reached: {cause}: {advice}");
        assert_eq!(text, format!("{begins}{what}"));
    }
}

#[tokio::test]
async fn the_wrong_protocol_at_a_port_is_named() {
    let (server, setup) = (AtlasServer::start().await.unwrap(), Setup::new().await);
    let https = server.endpoint().replace("http://", "https://");
    let no_tls = "received corrupt message of type InvalidContentType: the port speaks no TLS: check the port; an \
                  address without TLS begins with http://";
    assert_eq!(said(&https, with(&setup.certificate)).await, atlas("https", no_tls));
    let http = format!("http://localhost:{}/token", setup.port);
    let tls = "invalid HTTP version parsed: the port may speak TLS: an address for TLS begins with https://";
    assert_eq!(said(&http, plain()).await, atlas("http", tls));
}

#[tokio::test]
async fn a_certificate_that_is_not_accepted_says_why_and_what_to_do() {
    let setup = Setup::new().await;
    let other = Setup::with(|params| {
        params.distinguished_name.push(DnType::CommonName, "another authority");
    })
    .await;
    let unknown = "invalid peer certificate: UnknownIssuer: this machine does not trust the authority that signed the \
                   certificate: add its root certificate to the client's roots (TlsRoots::pem)";
    let text = said(&other.endpoint("localhost"), with(&setup.certificate)).await;
    assert_eq!(text, atlas("https", unknown));

    let name = "invalid peer certificate: certificate not valid for name \"127.0.0.1\"; certificate is only valid for \
                DnsName(\"localhost\"): check the host's name; or something in between (a proxy, a captive portal) \
                answered in its place";
    let text = said(&setup.endpoint("127.0.0.1"), with(&setup.certificate)).await;
    assert_eq!(text, atlas("https", name));

    for (year, cause) in [(2020, "certificate expired"), (3020, "certificate not valid yet")] {
        let setup = Setup::with(|params| {
            params.not_before = date_time_ymd(year, 1, 1);
            params.not_after = date_time_ymd(year + 1, 1, 1);
        })
        .await;
        let text = said(&setup.endpoint("localhost"), with(&setup.certificate)).await;
        let begins =
            atlas("https", &format!("invalid peer certificate: {cause}: verification time "));
        assert!(text.starts_with(&begins), "{text}");
        let ends = ": check the server's certificate, and the clock of this machine";
        assert!(text.ends_with(ends), "{text}");
    }
}
