//! No byte is sent where others might read a credential.

use tower_outbound_auth::{ErrorKind, Origin};

use super::*;

/// `localhost` is a name, and a name can resolve to another address.
#[tokio::test]
async fn over_plain_http_no_connection_is_made_to_a_name() {
    let setup = Setup::new().await;
    let (port, address) = (setup.proxy.address().port(), setup.proxy.address());
    setup.source.token().await.unwrap();
    until(|| setup.proxy.open_connections() == 0).await;
    let before = (setup.proxy.connections(), setup.proxy.request_bytes());

    let named = format!("http://localhost:{port}");
    let endpoint = format!("{named}{TOKEN_PATH}");
    let error = AuthLayer::client_credentials(endpoint, "id", "secret", setup.server.origin());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Configuration);

    let origin = Origin::parse(&format!("http://{address}")).unwrap();
    let api = AuthLayer::new(setup.source.clone()).with_origin(origin).layer(http());
    for url in [
        format!("{named}/documents"),
        format!("http://127.0.0.1.:{port}/documents"),
        format!("http://127.0.0.2:{port}/documents"),
        format!("http://id:secret@{address}/documents"),
        format!("https://{address}/documents"),
    ] {
        let error = get(&api, &url).await.unwrap_err();
        assert_eq!(Error::find(&*error).unwrap().kind(), ErrorKind::ForeignOrigin, "{url}");
    }
    assert_eq!((setup.proxy.connections(), setup.proxy.request_bytes()), before);
    let url = format!("http://{address}/documents");
    assert_eq!(
        get(&api, &url).await.unwrap().status(),
        StatusCode::OK,
        "a request to a bound origin is sent"
    );
}
