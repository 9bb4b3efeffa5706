//! The address of a metadata server: allowed for the endpoint, and for nothing else.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{Layer, ServiceExt, service_fn};
use tower_outbound_auth::endpoint::TokenEndpoint;
use tower_outbound_auth::{AuthLayer, BoxError, Error, ErrorKind, Origin};

#[test]
fn the_metadata_server_is_one_address_whatever_the_path_says() {
    for (path, shown) in [
        ("/", "http://169.254.169.254/"),
        ("/a/b?c=d", "http://169.254.169.254/a/b"),
        ("//evil.example/a", "http://169.254.169.254//evil.example/a"),
        ("/@evil.example", "http://169.254.169.254/@evil.example"),
        ("/a?b=http://evil.example@x", "http://169.254.169.254/a"),
    ] {
        let endpoint = TokenEndpoint::link_local_metadata(path).unwrap();
        assert_eq!(endpoint.to_string(), shown);
        assert_eq!(endpoint.uri().authority().unwrap(), "169.254.169.254");
        assert_eq!(endpoint.origin().to_string(), "http://169.254.169.254");
    }
    for wrong in ["", "a", "@evil.example/", ":81/", ".evil.example/", "/a#b", "/a b", "?a"] {
        let error = TokenEndpoint::link_local_metadata(wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{wrong}");
    }
}

#[test]
fn the_address_is_no_safe_url_by_itself_neither_of_an_endpoint_nor_of_an_api() {
    let url = "http://169.254.169.254";
    for made in [
        TokenEndpoint::parse(url).map(drop),
        Origin::parse(url).map(drop),
        AuthLayer::google_metadata(url).map(drop),
        AuthLayer::azure_managed_identity("https://vault.azure.net", url).map(drop),
    ] {
        let error = made.unwrap_err().to_string();
        assert!(error.contains("plain http"), "{error}");
    }
}

#[tokio::test]
async fn a_layer_sends_no_token_to_the_metadata_server() {
    let api = service_fn(|_: Request<Full<Bytes>>| async {
        Ok::<_, BoxError>(Response::new(Full::<Bytes>::default()))
    });
    let layers = [
        AuthLayer::google_metadata("https://api.example").unwrap().erased(),
        AuthLayer::azure_managed_identity("api://x", "https://api.example").unwrap().erased(),
    ];
    for layer in layers {
        let request = Request::get("http://169.254.169.254/documents").body(Full::default());
        let error = layer.layer(api).oneshot(request.unwrap()).await.unwrap_err();
        let error = *error.downcast::<Error>().unwrap();
        assert_eq!(error.kind(), ErrorKind::ForeignOrigin);
        assert_eq!(layer.source().status().counters.exchanges(), 0);
    }
}
