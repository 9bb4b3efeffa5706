//! The bytes of the requests.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower_outbound_auth::TokenSource;
use tower_outbound_auth::endpoint::{HttpClient, Scheme};
use tower_outbound_auth::system::{AzureManagedIdentity, GoogleMetadata};

/// All that the built-in client sends for a token, with `HOST` for the address.
async fn sent<S: Scheme>(scheme: impl FnOnce(String) -> S) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let source =
        TokenSource::over_http(scheme(format!("http://{address}")), HttpClient::plain().unwrap());
    let server = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n") {
            read.push(connection.read_u8().await.unwrap());
        }
        let answer = b"HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        connection.write_all(answer).await.unwrap();
        // Nothing follows the head.
        connection.read_to_end(&mut read).await.unwrap();
        String::from_utf8(read).unwrap()
    };
    let (sent, token) = tokio::join!(server, source.token());
    token.unwrap_err();
    sent.replace(&address, "HOST")
}

#[tokio::test]
async fn the_request_to_google_s_server_has_one_header_and_nothing_else() {
    let scopes = ["https://www.googleapis.com/auth/pubsub"];
    let sent =
        sent(|root| GoogleMetadata::new(&scopes).unwrap().with_endpoint(root).unwrap()).await;
    let expected = "GET /computeMetadata/v1/instance/service-accounts/default/token?\
                    scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fpubsub HTTP/1.1\r\n\
                    metadata-flavor: Google\r\nhost: HOST\r\n\r\n";
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn the_request_to_azure_s_server_has_one_header_and_nothing_else() {
    let sent = sent(|root| {
        let identity = AzureManagedIdentity::new("https://vault.azure.net").unwrap();
        identity.with_endpoint(format!("{root}/metadata/identity/oauth2/token")).unwrap()
    })
    .await;
    let expected = "GET /metadata/identity/oauth2/token?api-version=2018-02-01&\
                    resource=https%3A%2F%2Fvault.azure.net HTTP/1.1\r\n\
                    metadata: true\r\nhost: HOST\r\n\r\n";
    assert_eq!(sent, expected);
}
