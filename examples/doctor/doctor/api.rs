//! What an API says about itself (RFC 9728). It is asked without a credential. The servers that it names are not asked.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::Value;
use tokio::time::timeout;
use tower::{Service, ServiceExt};
use tower_outbound_auth::endpoint::HttpClient;
use tower_outbound_auth::{BoxError, Error};

use super::facts::{Api, Described, Metadata};

const PATIENCE: Duration = Duration::from_secs(10);
const MAX_ANSWER: usize = 256 * 1024;
/// The most characters of a text of the API that are shown.
const MAX_SHOWN: usize = 200;

/// Asks the API with this URL for its metadata. Call this before the exchange: then no answer can repeat a credential.
pub(crate) async fn look_at(url: &str, client: Result<HttpClient, Error>) -> Api {
    let place = place_of(url);
    let metadata = match client {
        Ok(client) => match timeout(PATIENCE, fetch(url, &place, client)).await {
            Ok(Ok(metadata)) => metadata,
            Ok(Err(error)) => Metadata::Unreachable(visible(&root_cause(&*error))),
            Err(_) => Metadata::Unreachable("no answer within 10 s".to_owned()),
        },
        Err(error) => Metadata::Unreachable(error.to_string()),
    };
    Api { url: url.to_owned(), place, metadata }
}

/// The well-known path stands between the host and the path. A slash alone counts as no path (RFC 9728 section 3.1).
fn place_of(url: &str) -> String {
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url[host..].find('/').map_or(url.len(), |at| host + at);
    let (root, path) = url.split_at(path);
    let path = if path == "/" { "" } else { path };
    format!("{root}/.well-known/oauth-protected-resource{path}")
}

async fn fetch(url: &str, place: &str, mut client: HttpClient) -> Result<Metadata, BoxError> {
    let request = Request::get(place).header("accept", "application/json");
    let answer = client.ready().await?.call(request.body(Full::<Bytes>::default())?).await?;
    if answer.status() != StatusCode::OK {
        return Ok(Metadata::Status(answer.status().as_u16()));
    }
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
    let json = body.ok().and_then(|body| serde_json::from_slice(&body.to_bytes()).ok());
    Ok(json
        .filter(Value::is_object)
        .map_or(Metadata::Unreadable, |it| Metadata::Read(read(&it, url))))
}

fn read(metadata: &Value, url: &str) -> Described {
    let resource = metadata.get("resource").and_then(Value::as_str);
    let texts = |name: &str| {
        let list = metadata.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(visible).collect()
    };
    Described {
        resource: resource.map(visible),
        is_for_the_url: resource == Some(url),
        servers: texts("authorization_servers"),
        scopes: texts("scopes_supported"),
    }
}

fn visible(text: &str) -> String {
    let visible = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '_' };
    text.chars().take(MAX_SHOWN).map(visible).collect()
}

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), root_cause)
}
