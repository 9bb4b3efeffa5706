//! App Service, Functions and Container Apps. The environment belongs to the process, so these tests run themselves again in
//! other ones.

use std::process::Command;

use tower_outbound_auth::system::{AzureManagedIdentity, Config, UserAssignedIdentity};
use tower_outbound_auth::testkit::ManualClock;
use tower_outbound_auth::{AuthLayer, ErrorKind};

use crate::imitation::{Imitation, response};
use crate::{Caller, documents, first_request};

const HEADER: &str = "853b9a84-a-canary";
const VAULT: &str = "https://vault.azure.net";

/// Set in the other process.
const MARK: &str = "TEST_OF_APP_SERVICE";

/// Runs a test again with these variables. Returns what it wrote, or `None` if this is that run.
async fn run_with(name: &str, variables: &[(&str, &str)]) -> Option<String> {
    if std::env::var_os(MARK).is_some() {
        return None;
    }
    let mut run = Command::new(std::env::current_exe().unwrap());
    run.args(["--exact", &format!("app_service::{name}"), "--nocapture"]).env(MARK, "1");
    run.env_remove("IDENTITY_ENDPOINT").env_remove("IDENTITY_HEADER");
    run.envs(variables.iter().copied());
    let run = tokio::task::spawn_blocking(move || run.output().unwrap()).await.unwrap();
    let text = [run.stdout, run.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(run.status.success() && text[0].contains("1 passed"), "{}{}", text[0], text[1]);
    Some(text.concat())
}

#[tokio::test]
async fn the_endpoint_of_the_environment_gets_its_header_and_the_life_is_a_moment() {
    let server = Imitation::start(|request| match request.path() {
        "/msi/token" if request.header("x-identity-header") != HEADER => response(401, &[], ""),
        // In 2100.
        "/msi/token" => response(
            200,
            &[],
            r#"{"access_token":"token-1","expires_on":"4102444800","resource":"x","token_type":"Bearer"}"#,
        ),
        _ => documents(request),
    })
    .await;
    let endpoint = format!("{}/msi/token", server.root);
    let variables = [("IDENTITY_ENDPOINT", &*endpoint), ("IDENTITY_HEADER", HEADER)];
    let name = "the_endpoint_of_the_environment_gets_its_header_and_the_life_is_a_moment";
    if run_with(name, &variables).await.is_some() {
        let sent = server.to("/msi/token");
        assert_eq!(sent.len(), 2, "by the system, and by a file");
        let query = "api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net";
        assert_eq!((sent[0].query(), sent[0].header("metadata")), (query, ""));
        assert_eq!(sent[1].query(), format!("{query}&mi_res_id=%2Fsubscriptions%2Fa"));
        return;
    }
    let there = std::env::var("IDENTITY_ENDPOINT").unwrap();
    let identity = AzureManagedIdentity::from_app_service_env(VAULT).unwrap();
    assert!(!format!("{identity:?}").contains("canary"));
    let elsewhere = AzureManagedIdentity::from_app_service_env(VAULT).unwrap();
    let error = elsewhere.with_endpoint("https://elsewhere.example/token").unwrap_err();
    assert!(error.to_string().contains("only that endpoint gets its header"), "{error}");
    let caller = Caller::new(identity, &server, &ManualClock::new());
    assert_eq!(caller.status().await, 200);
    assert!(caller.source.status().expires_in.unwrap().as_secs() > 365 * 86_400);
    let file = format!(
        "api = \"https://api.example\"\n[azure_managed_identity]\nresource = \"{VAULT}\"\napp_service = true\n\
         resource_id = \"/subscriptions/a\"\n"
    );
    let config: Config = toml::from_str(&file).unwrap();
    AuthLayer::from_config(config).unwrap().source().token().await.unwrap();
    let both = format!("{file}endpoint = \"{there}\"\n");
    let error = toml::from_str::<Config>(&both).unwrap_err().to_string();
    assert!(error.contains("write no `endpoint` beside it"), "{error}");
}

#[tokio::test]
async fn the_platform_s_endpoint_is_on_this_machine_or_link_local() {
    let name = "the_platform_s_endpoint_is_on_this_machine_or_link_local";
    if std::env::var_os(MARK).is_none() {
        for near in [
            "http://localhost:12356/msi/token",
            "http://LOCALHOST/msi/token/",
            "http://127.0.0.1:41741/msi/token",
            "http://[::1]:8081/msi/token",
            "http://169.254.129.5:8081/msi/token",
        ] {
            let variables = [("IDENTITY_ENDPOINT", near), ("IDENTITY_HEADER", HEADER)];
            run_with(name, &variables).await.unwrap();
        }
        return;
    }
    let identity = AzureManagedIdentity::from_app_service_env(VAULT).unwrap();
    let id = UserAssignedIdentity::ClientId("a-b".into());
    let identity = identity.with_identity(id).unwrap();
    let (uri, header) = first_request(identity, "x-identity-header").await;
    let query = "?api-version=2019-08-01&resource=https%3A%2F%2Fvault.azure.net&client_id=a-b";
    let sent = format!("{}{query}", std::env::var("IDENTITY_ENDPOINT").unwrap());
    assert_eq!((uri, &*header), (sent.parse().unwrap(), HEADER));
}

#[tokio::test]
async fn any_other_endpoint_is_an_error_and_gets_nothing() {
    let name = "any_other_endpoint_is_an_error_and_gets_nothing";
    const SAYS: &str = "TEST_OF_APP_SERVICE_SAYS";
    if std::env::var_os(MARK).is_none() {
        let far = "is not plain http to this machine";
        for (endpoint, says) in [
            ("http://10.0.0.1/msi/token", far),
            ("http://localhost.evil.example/msi/token", far),
            ("http://169.254.evil.example/msi/token", far),
            ("http://[fe80::1]/msi/token", far),
            ("https://127.0.0.1:2377/metadata/identity/oauth2/token", far),
            ("http://127.0.0.1@evil.example/msi/token", "has user information"),
            ("localhost:8081/msi/token", "has no scheme"),
            ("http://127.0.0.1/msi/token?a=b", "has a query"),
            ("", "IDENTITY_ENDPOINT is not set: App Service"),
        ] {
            let variables =
                [("IDENTITY_ENDPOINT", endpoint), ("IDENTITY_HEADER", HEADER), (SAYS, says)];
            run_with(name, &variables).await.unwrap();
        }
        let no_header = "IDENTITY_HEADER is not set: App Service";
        let variables = [("IDENTITY_ENDPOINT", "http://127.0.0.1/t"), (SAYS, no_header)];
        run_with(name, &variables).await.unwrap();
        return;
    }
    let error = AzureManagedIdentity::from_app_service_env(VAULT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let (text, says) = (error.to_string(), std::env::var(SAYS).unwrap());
    assert!(text.contains(&says) && !text.contains("canary"), "{says}: {text}");
}
