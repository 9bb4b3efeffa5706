//! `kube-client`: the layer that a configuration makes, for its two kinds of tokens that are renewed. It needs an
//! inner service with a boxed error.

use http::Request;
use kube_client::Config;
use kube_client::client::ConfigExt;
use kube_client::config::{AuthInfo, ExecConfig, ExecInteractiveMode};
use tower::{BoxError, Layer, Service};

use super::{inner, row};
use crate::common::{Body, token};
use crate::row::Row;

const BARE: &str = "bare: a boxed error";

pub(super) fn rows() -> Vec<Row> {
    vec![
        row(BARE, inner::<BoxError>),
        row("kube-client, token file (RwLock)", || service(token_file())).over(BARE),
        row("kube-client, exec plugin (Mutex)", || service(exec())).over(BARE),
    ]
}

fn service(auth_info: AuthInfo) -> impl Service<Request<Body>> + Clone + Send + Sync {
    let mut config = Config::new("https://api.example".parse().unwrap());
    config.auth_info = auth_info;
    config.auth_layer().unwrap().unwrap().layer(inner::<BoxError>())
}

/// The file is read again every fifty seconds.
fn token_file() -> AuthInfo {
    let path = std::env::temp_dir().join("peers.token");
    std::fs::write(&path, token()).unwrap();
    AuthInfo { token_file: Some(path.to_str().unwrap().to_owned()), ..AuthInfo::default() }
}

/// A program that prints the token.
fn exec() -> AuthInfo {
    let credential = serde_json::json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": { "token": token(), "expirationTimestamp": "2099-01-01T00:00:00Z" },
    });
    let exec = ExecConfig {
        api_version: Some("client.authentication.k8s.io/v1".to_owned()),
        command: Some("echo".to_owned()),
        args: Some(vec![credential.to_string()]),
        env: None,
        drop_env: None,
        install_hint: None,
        interactive_mode: Some(ExecInteractiveMode::Never),
        provide_cluster_info: false,
        cluster: None,
        other: Default::default(),
    };
    AuthInfo { exec: Some(exec), ..AuthInfo::default() }
}
