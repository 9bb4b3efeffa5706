//! The code and the file of a report: the code compiles, and `Config` reads the file.

use tower_outbound_auth::endpoint::{HttpClient, TlsRoots};
use tower_outbound_auth::system::{Atlas, BasicEncoding, ClientAuth, ClientCredentials, Config};
use tower_outbound_auth::{AuthLayer, BoxError, Credential, Origin, TokenSource};

use crate::imitation::Imitation;
use crate::tls::Setup;
use crate::{Folder, masked, run};

// The bodies of these functions are compared with the reports.

#[rustfmt::skip]
fn with_a_scope() -> Result<AuthLayer<ClientCredentials>, BoxError> {
    let url = "http://127.0.0.1:PORT/token";
    let secret = Credential::file("/run/secrets/billing");
    let system = ClientCredentials::new(url, "billing", secret)?
        .with_auth(ClientAuth::Post)
        .with_scope("reports:read");
    let endpoint = system.endpoint().clone();
    let auth = AuthLayer::for_endpoint(system, &endpoint)?
        .with_origin(Origin::parse("https://api.example")?);
    Ok(auth)
}

#[rustfmt::skip]
fn with_an_id_from_a_place() -> Result<AuthLayer<ClientCredentials>, BoxError> {
    let url = "http://127.0.0.1:PORT/token";
    let secret = Credential::file("/run/secrets/billing");
    let system = ClientCredentials::new(url, Credential::file("/run/secrets/id"), secret)?
        .with_auth(ClientAuth::Basic(BasicEncoding::Raw));
    let endpoint = system.endpoint().clone();
    let auth = AuthLayer::for_endpoint(system, &endpoint)?
        .with_origin(Origin::parse("https://api.example")?);
    Ok(auth)
}

#[rustfmt::skip]
fn with_a_ca_file() -> Result<AuthLayer<Atlas>, BoxError> {
    let url = "https://localhost:PORT/v1/docstream/authtoken";
    let secret = Credential::file("/run/secrets/billing");
    let system = Atlas::new(url, "atlas-test-client", secret)?;
    let endpoint = system.endpoint().clone();
    let roots = TlsRoots::pem(&std::fs::read("/run/secrets/ca.pem")?)?;
    let source = TokenSource::over_http(system, HttpClient::new(roots)?);
    let auth = AuthLayer::new(source)
        .with_origin(endpoint.origin().clone());
    Ok(auth)
}

/// The body of a function of this file, without its last line.
fn body(name: &str) -> String {
    let source = include_str!("snippets.rs");
    let (_, function) = source.split_once(&format!("fn {name}(")).unwrap();
    let (_, body) = function.split_once("{\n").unwrap();
    body.split_once("    Ok(auth)\n").unwrap().0.to_owned()
}

/// The code and the file of a report.
fn parts(report: &str) -> (String, String) {
    let (_, rest) = report.split_once("\nIn Rust\n\n").unwrap();
    let (code, rest) = rest.split_once("\nAs a file").unwrap();
    let file = rest.split_once("\n\n").unwrap().1;
    let lines = file.lines().map(|line| line.strip_prefix("    ").unwrap_or(line));
    (code.to_owned(), lines.map(|line| format!("{line}\n")).collect())
}

async fn server() -> Imitation {
    Imitation::start(|_| {
        let body = r#"{"access_token":"an-opaque-token","token_type":"Bearer","expires_in":60}"#;
        http::Response::builder()
            .header("content-type", "application/json")
            .body(body.to_owned())
            .unwrap()
    })
    .await
}

/// Runs the doctor, and compares its code with a function. Then runs it again with the file of the report.
async fn assert_same(folder: &Folder, args: &[&str], function: &str) {
    let outcome = run(args).await;
    let (code, file) = parts(&outcome.text);
    assert_eq!(masked::masked(&code, folder.path()), body(function));
    toml::from_str::<Config>(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let path = folder.write("again.toml", &file);
    let again = run(&["--config", &path]).await;
    let findings = |text: &str| {
        let text = masked::masked(text, folder.path());
        text.split_once("\nIn Rust").unwrap().0.to_owned()
    };
    assert_eq!(findings(&again.text), findings(&outcome.text));
    assert_eq!((outcome.code, again.code), (0, 0));
}

#[tokio::test]
async fn the_code_compiles_and_the_file_says_the_same() {
    let (server, folder) = (server().await, Folder::new());
    let endpoint = format!("{}/token", server.root);
    let (secret, id) = (folder.secret("billing", "secret"), folder.secret("id", "a:secret \"id\""));
    let api = "https://api.example";
    let args = ["--endpoint", &endpoint, "--secret", &secret, "--api", api];
    let more = ["--client-id", "billing", "--auth", "post", "--scope", "reports:read"];
    assert_same(&folder, &[&args[..], &more].concat(), "with_a_scope").await;
    let id = folder.secret("id", id.strip_prefix("file:").unwrap());
    let more = ["--client-id", &id, "--auth", "basic-raw"];
    assert_same(&folder, &[&args[..], &more].concat(), "with_an_id_from_a_place").await;
    assert!(with_a_scope().is_err(), "PORT is no port");
    assert!(with_an_id_from_a_place().is_err());
}

#[tokio::test]
async fn the_code_with_a_ca_file_compiles_and_the_file_says_the_same() {
    let (setup, folder) = (Setup::new().await, Folder::new());
    let ca = folder.write("ca.pem", &setup.certificate);
    let secret = folder.secret("billing", setup.server.client_secret());
    let endpoint = setup.endpoint("localhost");
    let args = ["--system", "atlas", "--endpoint", &endpoint, "--client-id", "atlas-test-client"];
    let args = [&args[..], &["--secret", &secret, "--ca-file", &ca]].concat();
    assert_same(&folder, &args, "with_a_ca_file").await;
    assert!(with_a_ca_file().is_err(), "PORT is no port");
}
