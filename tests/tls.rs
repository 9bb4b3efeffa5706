//! The built-in client over TLS: it checks the server's certificate, and nothing falls back to plain
//! http.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "support/log.rs"]
mod log;
#[path = "support/tls.rs"]
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use server::Setup;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower_outbound_auth::endpoint::{HttpClient, TlsProvider, TlsRoots};
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::Atlas;
use tower_outbound_auth::testkit::{AtlasServer, FaultProxy};
use tower_outbound_auth::{AuthLayer, ErrorKind, TokenSource};

#[tokio::test]
async fn a_private_certificate_authority_is_trusted_if_it_is_configured() {
    let setup = Setup::new().await;
    let roots = TlsRoots::pem(setup.certificate.as_bytes()).unwrap();
    let source = setup.source("localhost", HttpClient::new(roots.clone()).unwrap());
    source.token().await.unwrap();
    let ring = HttpClient::with_provider(roots, TlsProvider::ring()).unwrap();
    setup.source("localhost", ring).token().await.unwrap();
    assert_eq!(setup.server.counts().exchanges, 2);
}

#[cfg(feature = "aws-lc")]
#[tokio::test]
async fn with_aws_lc_a_private_ca_is_trusted_too() {
    let setup = Setup::new().await;
    let roots = TlsRoots::pem(setup.certificate.as_bytes()).unwrap();
    let client = HttpClient::with_provider(roots, TlsProvider::aws_lc()).unwrap();
    setup.source("localhost", client).token().await.unwrap();
    assert_eq!(setup.server.counts().exchanges, 1);
}

#[tokio::test]
async fn a_stranger_s_certificate_and_a_wrong_name_are_refused_before_anything_is_sent() {
    let (setup, other) = (Setup::new().await, Setup::new().await);
    let strange = TlsRoots::pem(other.certificate.as_bytes()).unwrap();
    let own = TlsRoots::pem(setup.certificate.as_bytes()).unwrap();
    let in_between = "something in between (a proxy, a captive portal)";
    for (host, roots, says) in
        [("localhost", strange, "certificate"), ("127.0.0.1", own, in_between)]
    {
        let source = setup.source(host, HttpClient::new(roots).unwrap());
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Unreachable);
        assert!(error.to_string().contains(says), "{error}");
        let mut cause = std::error::Error::source(&error);
        let mut texts = String::new();
        while let Some(error) = cause {
            texts += &format!("{error}; ");
            cause = error.source();
        }
        assert!(texts.contains("certificate"), "{texts}");
    }
    assert_eq!(setup.server.counts().exchanges, 0);
}

#[tokio::test]
async fn a_certificate_outside_its_validity_is_refused_before_anything_is_sent() {
    for (from, to) in [((2020, 1, 1), (2021, 1, 1)), ((3020, 1, 1), (3021, 1, 1))] {
        let date = |(year, month, day)| date_time_ymd(year, month, day);
        let setup = Setup::with(|params| {
            (params.not_before, params.not_after) = (date(from), date(to));
        })
        .await;
        let roots = TlsRoots::pem(setup.certificate.as_bytes()).unwrap();
        let source = setup.source("localhost", HttpClient::new(roots).unwrap());
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Unreachable);
        assert!(error.to_string().contains("certificate"), "{error}");
        assert_eq!(setup.server.counts().exchanges, 0);
    }
}

/// The server answers plain requests on the same port.
#[tokio::test]
async fn without_tls_on_the_other_side_nothing_is_sent_unencrypted() {
    let server = AtlasServer::start().await.unwrap();
    let proxy = FaultProxy::start(server.address()).await.unwrap();
    let endpoint = proxy.url("/v1/docstream/authtoken").replace("http://", "https://");
    let (id, secret) = (server.client_id(), server.client_secret());
    let client = HttpClient::plain().unwrap();
    let source = TokenSource::over_http(Atlas::new(endpoint, id, secret).unwrap(), client);
    let error = source.token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Unreachable);
    assert_eq!(proxy.connections(), 1, "there is no second attempt");
    assert!(proxy.request_bytes() > 0, "a greeting");
    assert_eq!(server.counts().exchanges, 0);
}

#[test]
fn a_pem_text_without_a_usable_certificate_is_an_error_at_once() {
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for pem in ["", "no certificate", garbage, "-----BEGIN CERTIFICATE-----\n"] {
        let error = TlsRoots::pem(pem.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{pem:?}");
    }
}

#[cfg(feature = "webpki-roots")]
#[tokio::test]
async fn mozilla_s_roots_do_not_trust_a_private_certificate_authority() {
    let setup = Setup::new().await;
    let client = HttpClient::new(TlsRoots::webpki()).unwrap();
    let error = setup.source("localhost", client).token().await.unwrap_err();
    assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Unreachable);
    assert_eq!(setup.server.counts().exchanges, 0);
}

/// The environment of the process names the platform's roots. So this runs a test again, in another process.
/// Returns whether this is that process.
fn is_run_with(name: &str, env: &[(&str, &Path)]) -> bool {
    if std::env::var_os("TEST_OF_ROOTS").is_some() {
        return true;
    }
    let mut run = Command::new(std::env::current_exe().unwrap());
    run.args(["--exact", name]).env("TEST_OF_ROOTS", "1");
    run.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR").envs(env.iter().copied());
    let run = run.output().unwrap();
    assert!(run.status.success(), "{env:?}: {}", String::from_utf8_lossy(&run.stdout));
    false
}

fn file(name: &str, content: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("roots-{}-{name}", std::process::id()));
    fs::write(&path, content).unwrap();
    path
}

#[test]
fn a_broken_ssl_cert_file_is_named_with_its_reason_in_the_error_and_in_an_event() {
    let name = "a_broken_ssl_cert_file_is_named_with_its_reason_in_the_error_and_in_an_event";
    if std::env::var_os("TEST_OF_ROOTS").is_none() {
        let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        let not_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (path, reason) in [
            (PathBuf::from("/nonexistent/company-roots.pem"), "No such file"),
            (std::env::temp_dir(), "directory"),
            (file("empty.pem", ""), "no usable certificate"),
            (file("text.pem", "hello"), "no usable certificate"),
            (file("broken.pem", broken), "base64"),
            (file("not-der.pem", not_der), "no usable certificate"),
        ] {
            let env = [("SSL_CERT_FILE", &*path), ("EXPECTED_REASON", Path::new(reason))];
            assert!(!is_run_with(name, &env));
            if path.is_file() {
                fs::remove_file(path).unwrap();
            }
        }
        return;
    }
    let path = std::env::var("SSL_CERT_FILE").unwrap();
    let reason = std::env::var("EXPECTED_REASON").unwrap();
    let mut error = None;
    let log = log::log_of(async {
        error = AuthLayer::atlas("https://api.example/authtoken", "id", "secret").err();
    });
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    for text in [&*path, "SSL_CERT_FILE", &*reason, "TlsRoots::pem"] {
        assert!(error.to_string().contains(text), "{text}: {error}");
    }
    let event = log.lines().find(|line| line.contains(&path)).unwrap_or_else(|| panic!("{log}"));
    assert!(event.contains(" tower_outbound_auth: "), "{event}");
    assert!(event.contains("WARN") && event.contains(&reason), "{event}");
    AuthLayer::atlas("http://127.0.0.1:1/authtoken", "id", "secret").unwrap();
}

#[test]
fn a_broken_ssl_cert_file_beside_a_good_directory_is_an_event_and_no_error() {
    let name = "a_broken_ssl_cert_file_beside_a_good_directory_is_an_event_and_no_error";
    if std::env::var_os("TEST_OF_ROOTS").is_none() {
        let directory = std::env::temp_dir().join(format!("roots-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let key = KeyPair::generate().unwrap();
        let root = CertificateParams::new(["a".to_owned()]).unwrap().self_signed(&key).unwrap();
        fs::write(directory.join("root.pem"), root.pem()).unwrap();
        let missing = Path::new("/nonexistent/company-roots.pem");
        let env = [("SSL_CERT_FILE", missing), ("SSL_CERT_DIR", &*directory)];
        assert!(!is_run_with(name, &env));
        fs::remove_dir_all(directory).unwrap();
        return;
    }
    let log = log::log_of(async {
        AuthLayer::atlas("https://api.example/authtoken", "id", "secret").unwrap();
    });
    assert!(log.contains("/nonexistent/company-roots.pem"), "{log}");
}

#[test]
fn without_any_root_only_an_https_endpoint_is_an_error() {
    let name = "without_any_root_only_an_https_endpoint_is_an_error";
    let nothing = std::env::temp_dir().join("no-such-directory-of-certificates");
    if !is_run_with(name, &[("SSL_CERT_DIR", &nothing)]) {
        return;
    }
    let error = AuthLayer::atlas("https://api.example/authtoken", "id", "secret").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("TlsRoots::pem"), "{error}");
    AuthLayer::atlas("http://127.0.0.1:1/authtoken", "id", "secret").unwrap();
}

/// A proxy that connects every tunnel to this port. It records the heads of the requests.
async fn proxy_to(port: u16) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let heads = Arc::<Mutex<Vec<String>>>::default();
    let seen = heads.clone();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let seen = seen.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                seen.lock().unwrap().push(String::from_utf8(head).unwrap());
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (address, heads)
}

#[tokio::test]
async fn a_configured_proxy_sees_only_the_tunnel() {
    let setup = Setup::named("auth.example").await;
    let (address, heads) = proxy_to(setup.port).await;
    let client = || HttpClient::new(TlsRoots::pem(setup.certificate.as_bytes()).unwrap()).unwrap();
    let proxied = client().with_proxy(&format!("http://user:pass@{address}")).unwrap();
    let endpoint = "https://auth.example/v1/docstream/authtoken";
    let scheme = Atlas::new(endpoint, setup.server.client_id(), setup.server.client_secret());
    TokenSource::over_http(scheme.unwrap(), proxied).token().await.unwrap();
    assert_eq!(setup.server.counts().exchanges, 1);
    let heads: Vec<_> = heads.lock().unwrap().iter().map(|head| head.to_lowercase()).collect();
    let [head] = &heads[..] else { panic!("{heads:?}") };
    assert!(head.starts_with("connect auth.example:443 http/1.1\r\n"), "{head}");
    assert!(head.contains("proxy-authorization: basic dxnlcjpwyxnz\r\n"), "{head}");
    assert!(!head.contains("client-") && !head.contains("authtoken"), "{head}");
}

#[tokio::test]
async fn no_proxy_is_used_for_an_endpoint_on_this_machine() {
    let setup = Setup::new().await;
    let (address, heads) = proxy_to(setup.port).await;
    let roots = TlsRoots::pem(setup.certificate.as_bytes()).unwrap();
    let client = HttpClient::new(roots).unwrap().with_proxy(&format!("http://{address}")).unwrap();
    setup.source("localhost", client.clone()).token().await.unwrap();
    let plain =
        Atlas::new(setup.server.endpoint(), setup.server.client_id(), setup.server.client_secret());
    TokenSource::over_http(plain.unwrap(), client).token().await.unwrap();
    assert_eq!(setup.server.counts().exchanges, 2);
    assert!(heads.lock().unwrap().is_empty());
}

/// The environment belongs to the process, so this test runs itself again in another one.
#[test]
fn the_proxy_of_the_environment_is_used_only_on_request_and_otherwise_reported() {
    let name = "the_proxy_of_the_environment_is_used_only_on_request_and_otherwise_reported";
    if std::env::var_os("TEST_OF_ROOTS").is_none() {
        // A port of this process that nobody answers on.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        drop(std::thread::spawn(move || {
            for client in listener.incoming() {
                drop(client); // the client takes it for a broken proxy
            }
        }));
        assert!(!is_run_with(name, &[("HTTPS_PROXY", Path::new(&proxy))]));
        return;
    }
    let mut said = Vec::new();
    let log = log::log_of(async {
        let endpoint = "https://0.0.0.0:1/authtoken"; // no server is there, and it is no loopback address
        let client = HttpClient::plain().unwrap();
        for client in [client.clone(), client.with_proxy_from_env()] {
            let source =
                TokenSource::over_http(Atlas::new(endpoint, "id", "secret").unwrap(), client);
            for _ in 0..2 {
                said.push(source.token().await.unwrap_err().exchange().unwrap().to_string());
                source.retry_now();
            }
        }
    });
    assert!(said[0].contains("refused"), "{said:?}");
    assert!(
        said[2].contains("tunnel") || said[2].contains("reset"),
        "the proxy was used: {said:?}"
    );
    let event = "the environment names a proxy";
    assert_eq!(log.matches(event).count(), 1, "{log}");
}
