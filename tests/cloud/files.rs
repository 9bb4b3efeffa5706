//! The tables `google_metadata` and `azure_managed_identity` of a file.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::system::Config;

/// The URL that a file's first exchange asks.
async fn asked(table: &str) -> String {
    let config: Config = toml::from_str(&format!("api = \"https://api.example\"\n{table}"))
        .unwrap_or_else(|error| panic!("{error}"));
    let seen = Arc::<Mutex<String>>::default();
    let kept = seen.clone();
    let client = tower::service_fn(move |request: Request<Full<Bytes>>| {
        *kept.lock().unwrap() = request.uri().to_string();
        async { Err::<Response<Full<Bytes>>, _>(std::io::Error::other("no network here")) }
    });
    config.layer_over(client).source().token().await.unwrap_err();
    let seen = seen.lock().unwrap();
    seen.clone()
}

fn wrong(table: &str) -> String {
    let file = format!("api = \"https://api.example\"\n{table}");
    toml::from_str::<Config>(&file).unwrap_err().to_string()
}

#[tokio::test]
async fn a_table_without_members_is_the_default_service_account_of_this_machine() {
    let root = "computeMetadata/v1/instance/service-accounts";
    for (members, url) in [
        ("", format!("http://169.254.169.254/{root}/default/token")),
        (
            "scopes = [\"openid\", \"email\"]",
            format!("http://169.254.169.254/{root}/default/token?scopes=openid%2Cemail"),
        ),
        (
            "account = \"a@b.example\"\nendpoint = \"http://127.0.0.1:8080\"",
            format!("http://127.0.0.1:8080/{root}/a@b.example/token"),
        ),
    ] {
        assert_eq!(asked(&format!("[google_metadata]\n{members}")).await, url);
    }
}

#[tokio::test]
async fn a_managed_identity_needs_its_resource_and_has_one_id_at_most() {
    let path = "metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2Fa";
    for (members, url) in [
        ("", format!("http://169.254.169.254/{path}")),
        ("client_id = \"b\"", format!("http://169.254.169.254/{path}&client_id=b")),
        ("object_id = \"b\"", format!("http://169.254.169.254/{path}&object_id=b")),
        ("resource_id = \"b\"", format!("http://169.254.169.254/{path}&msi_res_id=b")),
        (
            "endpoint = \"http://127.0.0.1:1/metadata/identity/oauth2/token\"",
            format!("http://127.0.0.1:1/{path}"),
        ),
    ] {
        let table = format!("[azure_managed_identity]\nresource = \"api://a\"\n{members}");
        assert_eq!(asked(&table).await, url);
    }
}

#[test]
fn a_mistake_in_a_table_is_an_error_that_says_what_to_write() {
    let azure = "[azure_managed_identity]\n";
    for (table, says) in [
        ("[google_metadata]\nscopes = [\"a b\"]".to_owned(), "give the scopes one by one"),
        ("[google_metadata]\naccount = \"a/b\"".to_owned(), "is no address"),
        ("[google_metadata]\nkey = \"a\"".to_owned(), "unknown field `key`"),
        (azure.to_owned(), "missing field `resource`"),
        (format!("{azure}resource = \"api://a/.default\""), "without `/.default`"),
        (
            format!("{azure}resource = \"a\"\nclient_id = \"b\"\nobject_id = \"c\""),
            "write only one of `client_id`, `object_id`, `resource_id`",
        ),
        (format!("{azure}resource = \"a\"\nendpoint = \"http://169.254.169.254/a\""), "plain http"),
    ] {
        let error = wrong(&table);
        assert!(error.contains(says), "{says}: {error}");
    }
    let no_api = toml::from_str::<Config>("[google_metadata]\n").unwrap_err().to_string();
    assert!(no_api.contains("`api`, the origin of the API, is missing"), "{no_api}");
}

#[test]
fn a_value_of_a_wrong_type_is_not_quoted() {
    let azure = "[azure_managed_identity]\nresource = \"a\"\n";
    for table in [
        "[google_metadata]\naccount = 47114711".to_owned(),
        "[google_metadata]\nscopes = 47114711".to_owned(),
        "[google_metadata]\nscopes = [47114711]".to_owned(),
        "[azure_managed_identity]\nresource = 47114711".to_owned(),
        format!("{azure}client_id = 47114711"),
        format!("{azure}object_id = 47114711"),
        format!("{azure}resource_id = 47114711"),
    ] {
        let file = format!("api = \"https://api.example\"\n{table}");
        let error = toml::from_str::<Config>(&file).unwrap_err();
        assert!(!error.message().contains("4711"), "{table}: {}", error.message());
    }
}

#[test]
fn the_built_in_client_of_a_file_needs_no_root_certificates() {
    let file = "api = \"https://api.example\"\nproxy = \"http://127.0.0.1:1\"\n[google_metadata]\n";
    AuthLayer::from_config(toml::from_str(file).unwrap()).unwrap();
}
