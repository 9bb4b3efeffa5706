//! What the token endpoint sees, and when it sees nothing.

use std::time::Duration;

use tower_outbound_auth::endpoint::ClientCertificate;
use tower_outbound_auth::exchange::ExchangeErrorKind;
use tower_outbound_auth::system::{OAuth, OAuthClient};
use tower_outbound_auth::{AuthLayer, Credential, Error, ErrorKind, TokenSource};

use crate::log::Log;
use crate::server::{DAY, Folder, NOW, Server, Tokens, next};

/// Asserts that nothing can be sent, and returns why.
async fn refused(source: &TokenSource<OAuth>) -> String {
    let error: Error = source.token().await.unwrap_err();
    let exchange = error.exchange().unwrap();
    assert_eq!(exchange.kind(), ExchangeErrorKind::Configuration, "{error}");
    error.to_string()
}

#[tokio::test]
async fn the_endpoint_sees_the_certificate_and_the_id_and_no_other_proof() {
    let server = Server::start().await;
    let pair = server.authority.pair();
    let (certificate, key) = (&*pair.certificate, &*pair.key);
    for certificate in [
        ClientCertificate::with_key(certificate, key),
        ClientCertificate::new(format!("{key}{certificate}")),
        ClientCertificate::new(format!("{}{certificate}{key}", server.authority.0.pem())),
        ClientCertificate::new(pair.pem()),
    ] {
        let system = || server.system().certificate(certificate.clone());
        server.source_of(system(), server.client(), NOW).0.token().await.unwrap();
        let through = server.client().with_proxy_from_env();
        server.source_of(system(), through, NOW).0.token().await.unwrap();
        let of_client = server.client().with_certificate(certificate.clone());
        server.source_of(server.system(), of_client, NOW).0.token().await.unwrap();
    }
    assert_eq!(server.certificates(), vec![pair.der; 12]);
    for sent in &*server.sent() {
        assert_eq!(sent.body, "grant_type=client_credentials&client_id=billing");
        assert!(!sent.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn the_certificate_of_a_system_comes_before_that_of_the_client() {
    let server = Server::start().await;
    let (one, two) = (server.authority.pair(), server.authority.pair());
    let client = server.client().with_certificate(ClientCertificate::new(one.pem()));
    let system = || server.system().certificate(ClientCertificate::new(two.pem()));
    server.source_of(system(), client.clone(), NOW).0.token().await.unwrap();
    server.source_of(server.system(), client, NOW).0.token().await.unwrap();
    assert_eq!(server.certificates(), [two.der, one.der]);
}

#[tokio::test]
async fn without_a_certificate_the_endpoint_gets_no_request() {
    let server = Server::start().await;
    server.source_of(server.system(), server.client(), NOW).0.token().await.unwrap_err();
    assert_eq!(server.certificates().len(), 0);
}

#[tokio::test]
async fn a_new_pair_on_disk_is_shown_in_the_next_exchange() {
    let server = Server::start().await;
    let (folder, one, two) = (Folder::new("new"), server.authority.pair(), server.authority.pair());
    let certificate = ClientCertificate::new(folder.write("pem", &one.pem()));
    let (source, clock) = server.source(certificate, NOW);
    next(&source, &clock).await;
    next(&source, &clock).await;
    folder.write("pem", &two.pem());
    next(&source, &clock).await;
    assert_eq!(server.certificates(), [one.der.clone(), one.der, two.der]);
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_new_pair_on_disk_ends_the_pause_after_a_refusal() {
    let server = Server::start().await;
    let (folder, one, two) =
        (Folder::new("pause"), server.authority.pair(), server.authority.pair());
    server.refuse(&one.der);
    let certificate = ClientCertificate::new(folder.write("pem", &one.pem()));
    let (source, clock) = server.source(certificate, NOW);
    for _ in 0..2 {
        let error = source.token().await.unwrap_err();
        assert_eq!(error.exchange().unwrap().kind(), ExchangeErrorKind::Refused, "{error}");
    }
    assert_eq!(server.certificates().len(), 1, "a pause");
    folder.write("pem", &two.pem());
    clock.advance(Duration::from_secs(1));
    source.warm_up(Duration::from_secs(1)).await.unwrap();
    assert_eq!(server.certificates(), [one.der, two.der]);
}

#[tokio::test]
async fn while_one_of_two_files_is_new_the_last_good_pair_is_shown_and_one_event_says_why() {
    let server = Server::start().await;
    let (folder, one, two) =
        (Folder::new("half"), server.authority.pair(), server.authority.pair());
    let certificate = folder.write("tls.crt", &one.certificate);
    let key = folder.write("tls.key", &one.key);
    let (source, clock) = server.source(ClientCertificate::with_key(certificate, key), NOW);
    next(&source, &clock).await;
    let log = Log::default();
    let guard = log.on_this_thread();
    folder.write("tls.crt", &two.certificate);
    next(&source, &clock).await;
    next(&source, &clock).await;
    drop(guard);
    let text = log.text();
    let event = "the certificate and the private key do not belong together";
    assert_eq!(text.lines().filter(|line| line.contains(event)).count(), 1, "{text}");
    assert!(text.lines().any(|line| line.contains("WARN") && line.contains("tls.crt")), "{text}");
    folder.write("tls.key", &two.key);
    next(&source, &clock).await;
    let (one, two) = (one.der, two.der);
    assert_eq!(server.certificates(), [one.clone(), one.clone(), one, two]);
}

#[tokio::test]
async fn a_new_pair_that_is_not_valid_yet_is_shown_as_soon_as_it_is_and_one_event_says_why() {
    let server = Server::start().await;
    let (folder, one, two) =
        (Folder::new("early"), server.authority.pair(), server.authority.pair_of_years(2025, 2050));
    let certificate = ClientCertificate::new(folder.write("pem", &one.pem()));
    // The clock of the server is right, and has both pairs valid.
    let (source, clock) = server.source(certificate, NOW - 2 * 365 * DAY);
    next(&source, &clock).await;
    let log = Log::default();
    let guard = log.on_this_thread();
    folder.write("pem", &two.pem());
    next(&source, &clock).await;
    next(&source, &clock).await;
    clock.advance(Duration::from_secs(366 * DAY));
    next(&source, &clock).await;
    drop(guard);
    let (one, two) = (one.der, two.der);
    assert_eq!(server.certificates(), [one.clone(), one.clone(), one, two]);
    let text = log.text();
    let event = "the last good pair is used";
    let events: Vec<_> = text.lines().filter(|line| line.contains(event)).collect();
    assert_eq!(events.len(), 1, "{text}");
    let says = "not valid before 2025-01-01T00:00:00Z";
    assert!(events[0].contains("WARN") && events[0].contains(says), "{events:?}");
}

#[tokio::test]
async fn a_new_pair_that_has_ended_replaces_no_valid_one() {
    let server = Server::start().await;
    let (folder, one, two) =
        (Folder::new("late"), server.authority.pair(), server.authority.pair_of_years(2020, 2021));
    let certificate = ClientCertificate::new(folder.write("pem", &one.pem()));
    let (source, clock) = server.source(certificate.clone(), NOW);
    next(&source, &clock).await;
    folder.write("pem", &two.pem());
    next(&source, &clock).await;
    // A request to an API has no time. It shows the pair that was valid in the last exchange.
    let mut client = server.client().with_certificate(certificate);
    let request = http::Request::get(server.url("/api")).body(Default::default()).unwrap();
    tower::Service::call(&mut client, request).await.unwrap();
    assert_eq!(server.calls().last().unwrap().shown, one.thumbprint());
    assert_eq!(server.certificates(), vec![one.der; 2]);
}

#[tokio::test]
async fn if_no_pair_is_valid_the_error_is_that_of_the_newest_and_no_connection_is_made() {
    let server = Server::start().await;
    let (folder, one, two) =
        (Folder::new("none"), server.authority.pair(), server.authority.pair_of_years(2060, 2070));
    let certificate = ClientCertificate::new(folder.write("pem", &one.pem()));
    let (source, clock) = server.source(certificate, NOW);
    next(&source, &clock).await;
    folder.write("pem", &two.pem());
    clock.advance(Duration::from_secs(25 * 365 * DAY));
    let error = refused(&source).await;
    assert!(error.contains("not valid before 2060-01-01T00:00:00Z"), "{error}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn texts_that_are_no_pair_are_an_error_and_no_connection_is_made() {
    let server = Server::start().await;
    let (one, two) = (server.authority.pair(), server.authority.pair());
    let (certificate, key) = (&*one.certificate, &*one.key);
    for (texts, says) in [
        ([certificate, &*two.key], "do not belong together"),
        ([certificate, certificate], "there is no private key in the value for the key"),
        ([key, key], "there is no certificate in the value"),
        (["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", key], "do not belong"),
    ] {
        let certificate = ClientCertificate::with_key(texts[0], texts[1]);
        let error = refused(&server.source(certificate, NOW).0).await;
        assert!(error.contains(says), "{error}");
    }
    let missing = Credential::file("/nowhere/tls.pem");
    let (source, _) = server.source(ClientCertificate::new(missing), NOW);
    assert!(refused(&source).await.contains("/nowhere/tls.pem"));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_certificate_outside_its_dates_is_an_error_with_the_date_and_no_connection_is_made() {
    let server = Server::start().await;
    let pair = server.authority.pair();
    let certificate = ClientCertificate::new(pair.pem());
    let (begins, ends) = (1_577_836_800, 2_524_608_000);
    for (now, says) in [
        (begins - 1, "not valid before 2020-01-01T00:00:00Z"),
        (ends + 1, "was valid until 2050-01-01T00:00:00Z"),
    ] {
        let error = refused(&server.source(certificate.clone(), now).0).await;
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(server.connections(), 0);
    for now in [begins, ends] {
        server.source(certificate.clone(), now).0.token().await.unwrap();
    }
}

#[tokio::test]
async fn from_14_days_before_its_end_one_event_a_day_says_that_the_certificate_ends() {
    let server = Server::start().await;
    let pair = server.authority.pair();
    let certificate = ClientCertificate::new(pair.pem());
    let ends = 2_524_608_000;
    let (source, clock) = server.source(certificate, ends - 16 * DAY);
    let log = Log::default();
    let guard = log.on_this_thread();
    for _ in 0..4 * 8 {
        source.token().await.unwrap();
        clock.advance(Duration::from_secs(DAY / 8));
    }
    drop(guard);
    let text = log.text();
    let events: Vec<_> =
        text.lines().filter(|line| line.contains("a client certificate ends soon")).collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("WARN") && events[0].contains("days=14"), "{events:?}");
    assert!(
        events[1].contains("days=13") && events[1].contains("2050-01-01T00:00:00Z"),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_file_names_the_certificate_and_its_key_for_a_client_with_another_proof_or_without_one() {
    let server = Server::start().await;
    server.issue(Tokens::Bound);
    let (folder, pair) = (Folder::new("file"), server.authority.pair());
    let path = |name: &str, text: &str| folder.write(name, text).to_string().replace("file ", "");
    let (roots, pem) = (path("ca.pem", server.roots()), path("pem", &pair.pem()));
    let (certificate, key) = (path("tls.crt", &pair.certificate), path("tls.key", &pair.key));
    let secret = path("secret", "s3cret");
    let (two, one) = (
        format!("certificate = \"file:{certificate}\"\ncertificate_key = \"file:{key}\""),
        format!("certificate = \"file:{pem}\""),
    );
    let with_secret = format!("{one}\nclient_secret = \"file:{secret}\"\nauth = \"post\"");
    for rest in [one.clone(), two, format!("{one}\nauth = \"none\""), with_secret] {
        let file = format!(
            "api = \"{}\"\nca_file = \"{roots}\"\n[oauth]\nendpoint = \"{}\"\nclient_id = \"billing\"\n\
             certificate_bound_tokens = true\n{rest}",
            server.url(""),
            server.url("/token"),
        );
        let layer = AuthLayer::from_config(toml::from_str(&file).unwrap()).unwrap();
        layer.source().token().await.unwrap();
    }
    assert_eq!(server.certificates(), vec![pair.der; 4]);
    let bodies: Vec<_> = server.sent().iter().map(|sent| sent.body.clone()).collect();
    let id = "grant_type=client_credentials&client_id=billing".to_owned();
    assert_eq!(bodies, [id.clone(), id.clone(), id.clone(), format!("{id}&client_secret=s3cret")]);
}

#[tokio::test]
async fn a_client_that_shows_a_certificate_and_a_preset_without_one_are_an_error_at_once() {
    let system = OAuth::builder("https://idp.example/token").client(OAuthClient::tls("billing"));
    let error = AuthLayer::oauth(system.build().unwrap(), "https://api.example").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("call `OAuthBuilder::certificate`"), "{error}");
}

#[tokio::test]
async fn bound_tokens_and_a_preset_without_a_certificate_are_an_error_at_once() {
    let client = OAuthClient::with_secret("billing", "s3cret");
    let system = OAuth::builder("https://idp.example/token").client(client);
    let system = system.certificate_bound_tokens().build().unwrap();
    let error = AuthLayer::oauth(system, "https://api.example").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = "`certificate_bound_tokens` and no certificate do not fit together: call `OAuthBuilder::certificate`";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_certificate_and_an_endpoint_without_tls_do_not_fit_together() {
    let system = OAuth::builder("http://127.0.0.1:8080/token")
        .client(OAuthClient::with_secret("billing", "s3cret"))
        .certificate(ClientCertificate::new("a certificate"));
    let error = system.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("`certificate` and an endpoint without TLS"), "{error}");
}

#[tokio::test]
async fn a_client_that_cannot_show_the_certificate_of_the_system_is_an_error_that_says_so() {
    let shows_none =
        tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
            let body =
                r#"{"access_token":"an-opaque-token","token_type":"Bearer","expires_in":300}"#;
            Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::new(
                bytes::Bytes::from(body),
            )))
        });
    let system = OAuth::builder("https://idp.example/token")
        .client(OAuthClient::tls("billing"))
        .certificate(ClientCertificate::new("a certificate"));
    let source = TokenSource::over_http(system.build().unwrap(), shows_none);
    assert!(refused(&source).await.contains("does not show the certificate of the system"));
}
