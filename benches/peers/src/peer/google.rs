//! `google-cloud-auth`: a user account's credentials. Only this kind has both the token cache and an endpoint that
//! can be set without a key. The headers are requested as by its own clients.

use google_cloud_auth::credentials::user_account::Builder;
use google_cloud_auth::credentials::{CacheableResource, Credentials};
use google_cloud_auth::errors::CredentialsError;
use http::{Extensions, Request};
use tower::filter::AsyncFilterLayer;
use tower::{Layer, Service};

use super::{endpoint, row, runtime};
use crate::common::{Api, Body};
use crate::row::Row;

pub(super) fn rows() -> Vec<Row> {
    vec![row("google-cloud-auth", service)]
}

fn service() -> impl Service<Request<Body>> + Clone + Send + Sync {
    let credentials = runtime().block_on(credentials());
    let with_headers = move |mut request: Request<Body>| {
        let credentials = credentials.clone();
        async move {
            if let CacheableResource::New { data, .. } =
                credentials.headers(Extensions::new()).await?
            {
                request.headers_mut().extend(data);
            }
            Ok::<_, CredentialsError>(request)
        }
    };
    AsyncFilterLayer::new(with_headers).layer(Api)
}

async fn credentials() -> Credentials {
    let user = serde_json::json!({
        "type": "authorized_user", "client_id": "id", "client_secret": "secret", "refresh_token": "refresh",
    });
    let credentials = Builder::new(user).with_token_uri(endpoint::start()).build().unwrap();
    credentials.headers(Extensions::new()).await.unwrap();
    credentials
}
