//! A login in a file that an operator writes.

use serde_json::{Value, json};
use tower_outbound_auth::AuthLayer;
use tower_outbound_auth::system::Config;

use super::Setup;

fn config(setup: &Setup, change: impl FnOnce(&mut Value)) -> Result<Config, String> {
    let seed = setup.folder.0.join("seed");
    let mut config = json!({
        "api": setup.server.origin().to_string(),
        "store": setup.folder.file(),
        "reuse_grace": 25,
        "oauth": {
            "endpoint": setup.server.endpoint(),
            "client_id": setup.server.client_id(),
            "client_secret": format!("file:{}", setup.folder.0.join("secret").display()),
            "grant": "refresh_token",
            "refresh_token": format!("file:{}", seed.display()),
        }
    });
    change(&mut config);
    serde_json::from_value(config).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_file_can_describe_a_login_and_its_store() {
    let setup = Setup::new().await;
    std::fs::write(setup.folder.0.join("seed"), setup.log_in().await).unwrap();
    std::fs::write(setup.folder.0.join("secret"), setup.server.client_secret()).unwrap();
    for _ in 0..2 {
        let layer = AuthLayer::from_config(config(&setup, |_| {}).unwrap()).unwrap();
        let layer = layer.rebuild_source(|source| source.clock(setup.clock.clone()));
        layer.source().token().await.unwrap();
        assert!(layer.source().status().login.unwrap().is_saved);
    }
    assert_eq!(setup.refreshes(), (1, 0));
    assert!(setup.folder.login()["token"].is_string());
}

#[tokio::test]
async fn a_store_without_a_name_and_a_grace_without_a_login_are_errors_at_once() {
    let setup = Setup::new().await;
    let text = config(&setup, |it| it["store"] = json!("")).unwrap_err();
    assert_eq!(text, "`store`, the path \"\", names no file: give the path of a file");
    let without_a_store = |it: &mut Value| drop(it.as_object_mut().unwrap().remove("store"));
    // The login is in memory, so the grace means something.
    config(&setup, without_a_store).unwrap();
    let text = config(&setup, |it| {
        without_a_store(it);
        let oauth = it["oauth"].as_object_mut().unwrap();
        oauth.remove("grant");
        oauth.remove("refresh_token");
    });
    let needs = "`reuse_grace` needs `store`, or a login by `grant = \"refresh_token\"`";
    assert!(text.unwrap_err().starts_with(needs));
}

#[tokio::test]
async fn a_refresh_token_and_its_grant_belong_together() {
    let setup = Setup::new().await;
    let wrong = |change: fn(&mut Value)| config(&setup, change).unwrap_err();
    let text = wrong(|config| drop(config["oauth"].as_object_mut().unwrap().remove("grant")));
    assert!(text.contains("`refresh_token` belongs to `grant = \"refresh_token\"`"), "{text}");
    let text =
        wrong(|config| drop(config["oauth"].as_object_mut().unwrap().remove("refresh_token")));
    assert!(text.contains("`grant = \"refresh_token\"` needs `refresh_token`"), "{text}");
}
