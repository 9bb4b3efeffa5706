//! Bytes on a socket, as hyper's client reads them.

use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tower::{ServiceBuilder, ServiceExt};
use tower_outbound_auth::InspectBodyLayer;

use crate::*;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/// Reads a request up to the end of its head and of its body.
async fn read_request(socket: &mut TcpStream, body: &str) -> String {
    let mut read = Vec::new();
    let end = format!("\r\n\r\n{body}");
    while !read.ends_with(end.as_bytes()) {
        assert_ne!(socket.read_buf(&mut read).await.unwrap(), 0, "the client has closed");
    }
    String::from_utf8(read).unwrap()
}

/// Writes parts that arrive one by one.
async fn write(socket: &mut TcpStream, parts: &[&str]) {
    socket.set_nodelay(true).unwrap();
    for part in parts {
        socket.write_all(part.as_bytes()).await.unwrap();
        tokio::time::sleep(millis(3)).await;
    }
}

async fn listen() -> (TcpListener, AuthLayer<HeaderScheme>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let source = TokenSource::new(HeaderScheme::bearer(), ScriptedExchange::new());
    let layer = AuthLayer::new(source).with_origin(Origin::parse(&url).unwrap());
    (listener, layer.with_judge(judge()), url)
}

fn client(
    layer: AuthLayer<HeaderScheme>,
    inspect: InspectBodyLayer,
) -> impl Service<
    Request<Body>,
    Response = Response<tower_outbound_auth::Peeked<hyper::body::Incoming>>,
    Error = BoxError,
    Future: Send,
> + Clone
+ Send {
    let hyper = Client::builder(TokioExecutor::new()).build_http::<Body>();
    ServiceBuilder::new().layer(layer).layer(inspect).service(hyper)
}

#[tokio::test]
async fn a_refusal_in_chunks_renews_the_token_and_the_upload_is_sent_again_on_the_same_connection()
{
    let (listener, layer, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let first = read_request(&mut socket, "an upload").await;
        let chunks = [
            "transfer-encoding: chunked\r\n\r\n",
            "c\r\n{\"error\":{\"c",
            "\r\n18\r\node\":\"invalid_",
            "session\"}}\r\n",
            "0\r\n\r\n",
        ];
        write(&mut socket, &[&[HEAD], &chunks[..]].concat()).await;
        let second = read_request(&mut socket, "an upload").await;
        write(&mut socket, &["HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\n", "do", "ne"])
            .await;
        (first, second)
    });
    // The parts take 15 ms on an idle machine.
    let inspect = InspectBodyLayer::new(|_| true).with_wait(Duration::from_secs(20));
    let request = Request::post(format!("{url}/orders")).body(Body::from("an upload")).unwrap();
    let answer = client(layer, inspect).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 201);
    assert_eq!(text(answer).await, "done");
    let (first, second) = server.await.unwrap();
    assert!(first.contains("authorization: Bearer token-1\r\n"), "{first}");
    assert!(second.contains("authorization: Bearer token-2\r\n"), "{second}");
}

#[tokio::test]
async fn every_byte_and_trailer_of_a_long_answer_arrives() {
    let (listener, layer, url) = listen().await;
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket, "").await;
        let chunk = format!("400\r\n{}\r\n", "x".repeat(1_024));
        let head = format!("{HEAD}transfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n");
        write(&mut socket, &[&head, &chunk.repeat(3), &chunk.repeat(9), "0\r\nx-sum: 7\r\n\r\n"])
            .await;
    });
    let request = Request::get(format!("{url}/orders")).body(Body::default()).unwrap();
    let answer = client(layer, InspectBodyLayer::new(|_| true)).oneshot(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-sum"], "7");
    assert_eq!(body.to_bytes(), "x".repeat(12 * 1_024));
}

#[tokio::test]
async fn a_response_that_is_dropped_while_its_body_is_read_closes_its_connection() {
    let (listener, layer, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        read_request(&mut socket, "").await;
        write(&mut socket, &[HEAD, "content-length: 100\r\n\r\n", "half"]).await;
        let mut rest = [0; 16];
        socket.read(&mut rest).await.unwrap_or(0)
    });
    let chosen = Arc::new(tokio::sync::Notify::new());
    let choose = chosen.clone();
    let inspect = InspectBodyLayer::new(move |_| {
        choose.notify_one();
        true
    });
    let inspect = inspect.with_wait(Duration::from_secs(600));
    let request = Request::get(format!("{url}/orders")).body(Body::default()).unwrap();
    let call = tokio::spawn(client(layer, inspect).oneshot(request));
    chosen.notified().await;
    call.abort();
    assert_eq!(server.await.unwrap(), 0, "the client has closed");
}
