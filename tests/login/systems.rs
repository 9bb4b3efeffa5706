//! The other systems, from files, against their embedded servers.

use std::time::Duration;

use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::system::Config;
use tower_outbound_auth::testkit::{AtlasServer, OAuthServer, RotatingServer};

use crate::{Secrets, get};

/// The layer of a file, with these files in place of the two references.
fn layer(file: &str, id: &str, secret: &str) -> (AuthLayer, Secrets) {
    let secrets = Secrets::new();
    let mut file = file.to_owned();
    for (name, value) in [("ID", id), ("SECRET", secret)] {
        let path = secrets.0.join(name);
        std::fs::write(&path, value).unwrap();
        file = file.replace(&format!("env:{name}"), &format!("file:{}", path.display()));
    }
    let config: Config = toml::from_str(&file).unwrap_or_else(|error| panic!("{error}"));
    (AuthLayer::from_config(config).unwrap(), secrets)
}

#[tokio::test]
async fn client_credentials_are_read_from_a_file() {
    let server = OAuthServer::start().await.unwrap();
    let file = format!(
        r#"
        api = "{api}"
        exchange_timeout = 3
        default_lifetime = 60.5
        settling_time = 5
        [client_credentials]
        endpoint = "{endpoint}"
        client_id = "{id}"
        client_secret = "env:SECRET"
        auth = "post"
        scope = "read"
        extra = ["token_type", "/no/such"]
        parameters = {{ organization = "17" }}
        "#,
        api = server.url(""),
        endpoint = server.endpoint(),
        id = server.client_id(),
    );
    let (auth, _secrets) = layer(&file, "", server.client_secret());
    assert_eq!(get(&auth, &server.url("/v1/documents")).await.unwrap().status(), 200);
    let id = server.client_id();
    let request = &server.exchange_requests()[0];
    let body = String::from_utf8(request.body.to_vec()).unwrap();
    let secret = server.client_secret();
    assert_eq!(
        body,
        format!(
            "grant_type=client_credentials&scope=read&organization=17&client_id={id}&client_secret={secret}"
        )
    );
    assert!(auth.source().status().expires_in.unwrap() > Duration::from_secs(60));
    assert!(format!("{:?}", auth.source()).contains("settling_time: 5s"));
    let token = auth.source().token().await.unwrap();
    assert_eq!((token.extra("token_type"), token.extra("/no/such")), (Some("Bearer"), None));
}

#[tokio::test]
async fn the_client_id_may_be_in_a_file_too() {
    let server = AtlasServer::start().await.unwrap();
    let file = format!(
        "[atlas]\nendpoint = \"{}\"\nclient_id = {{ from = \"env:ID\" }}\nclient_secret = \"env:SECRET\"\n",
        server.endpoint()
    );
    let (auth, _secrets) = layer(&file, server.client_id(), server.client_secret());
    assert_eq!(get(&auth, &server.url("/v1/documents")).await.unwrap().status(), 200);
}

#[cfg(feature = "rotating")]
#[tokio::test]
async fn a_rotating_system_is_read_from_a_file() {
    let server = RotatingServer::start().await.unwrap();
    let file = format!(
        "[rotating]\napi_root = \"{}\"\napi_key = \"env:ID\"\nclient_secret = \"env:SECRET\"\nadopt = \"when-due\"\n",
        server.api_root()
    );
    let (auth, _secrets) = layer(&file, server.client_id(), server.client_secret());
    assert_eq!(get(&auth, &server.url("/v1/documents")).await.unwrap().status(), 200);
    assert_eq!(auth.source().status().counters.rotations_adopted, 0, "no token is due");
}

#[tokio::test]
async fn a_token_file_is_named_in_a_file() {
    let server = OAuthServer::start().await.unwrap();
    let path = "/no/such/token";
    let file = format!("api = \"{}\"\n[token_file]\npath = \"{path}\"\n", server.url(""));
    let (auth, _secrets) = layer(&file, "", "");
    let error = get(&auth, &server.url("/v1/documents")).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!(
            "no token: token_file ({path}): the credential in file {path} cannot be read"
        )),
        "{error}"
    );
}

#[test]
fn a_mistake_in_a_table_is_reported_at_its_line() {
    let file =
        "api = \"https://a.example\"\n[client_credentials]\nendpoint = \"https://a.example/t\"\n";
    for (rest, line, text) in [
        ("client_id = \"\"\nclient_secret = \"env:X\"", 2, "the client id is empty"),
        (
            "client_id = 7\nclient_secret = \"env:X\"",
            4,
            "an id, or its place as `{ from = \"env:NAME\" }`",
        ),
        ("client_id = \"x\"\nclient_secret = \"hunter2\"", 5, "a reference to a credential"),
        (
            "client_id = \"x\"\nclient_secret = \"env:X\"\nauth = \"basics\"",
            6,
            "unknown variant `basics`",
        ),
        (
            "client_id = \"x\"\nclient_secret = \"env:X\"\nparameters = { assertion = \"y\" }",
            2,
            "the parameter \"assertion\" belongs to the grant",
        ),
        ("client_id = \"x\"", 2, "missing field `client_secret`"),
    ] {
        let error = toml::from_str::<Config>(&format!("{file}{rest}")).unwrap_err().to_string();
        assert!(
            error.contains(&format!("line {line},")) && error.contains(text),
            "{rest}: {error}"
        );
    }
    for (before, text) in [
        ("exchange_timeout = 0", "more than zero"),
        (
            "proxy = \"http://user:hunter2@proxy\"",
            "a proxy with a password does not belong into a file",
        ),
        ("timeout = 1", "unknown field `timeout`"),
    ] {
        let file = format!("{before}\n{file}client_id = \"x\"\nclient_secret = \"env:X\"");
        let error = toml::from_str::<Config>(&file).unwrap_err().to_string();
        assert!(error.contains("line 1,") && error.contains(text), "{error}");
    }
}

#[test]
fn a_file_of_certificates_that_cannot_be_read_is_an_error_that_names_it() {
    let file = "ca_file = \"/no/such.pem\"\n[atlas]\nendpoint = \"https://a.example/t\"\nclient_id = \"x\"\nclient_secret = \"env:X\"\n";
    let config: Config = toml::from_str(file).unwrap();
    let error = AuthLayer::from_config(config).unwrap_err().to_string();
    assert!(error.contains("`ca_file`, the file /no/such.pem, cannot be read"), "{error}");
}
