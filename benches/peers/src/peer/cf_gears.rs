//! `cf-gears-toolkit-auth`: both of its layers, over a provider with a token from a loopback endpoint. They need
//! an inner service with this crate's error.

use toolkit_auth::{
    BearerAuthAutoRefreshLayer, BearerAuthLayer, OAuthClientConfig, SecretString, TokenProvider,
};
use toolkit_http::{HttpClientConfig, HttpError};
use tower::Layer;

use super::{endpoint, inner, row, runtime};
use crate::row::Row;

const BARE: &str = "bare: cf-gears' error";

pub(super) fn rows() -> Vec<Row> {
    let bearer = || BearerAuthLayer::new(provider()).layer(inner::<HttpError>());
    let auto_refresh = || BearerAuthAutoRefreshLayer::new(provider()).layer(inner::<HttpError>());
    vec![
        row(BARE, inner::<HttpError>),
        row("cf-gears BearerAuth", bearer).over(BARE),
        row("cf-gears AutoRefresh", auto_refresh).over(BARE),
    ]
}

fn provider() -> TokenProvider {
    let config = OAuthClientConfig {
        token_endpoint: Some(endpoint::start().parse().unwrap()),
        client_id: "id".to_owned(),
        client_secret: SecretString::new("secret"),
        http_config: Some(HttpClientConfig::for_testing()),
        ..OAuthClientConfig::default()
    };
    runtime().block_on(async {
        let provider = TokenProvider::new(config).unwrap();
        provider.get().await.unwrap();
        provider
    })
}
