//! A client of an echo service, in the shape of generated ones. Its messages are bytes, and need no compiler.

use bytes::{Buf, BufMut, Bytes};
use futures::{Stream, TryStreamExt, stream};
use http::uri::PathAndQuery;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Request, Status, Streaming};
use tower_outbound_auth::BoxError;

pub(crate) struct EchoClient<T>(Grpc<T>);

impl<T> EchoClient<T>
where
    T: GrpcService<Body, Error: Into<BoxError>>,
    T::ResponseBody: http_body::Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static,
{
    pub(crate) fn new(service: T) -> EchoClient<T> {
        EchoClient(Grpc::new(service))
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.0.ready().await.map_err(|error| Status::unknown(error.into().to_string()))
    }

    /// A unary call of any method.
    pub(crate) async fn call(&mut self, method: &str, message: &str) -> Result<String, Status> {
        self.call_with(method, Request::new(Bytes::from(message.to_owned()))).await
    }

    pub(crate) async fn call_with(
        &mut self,
        method: &str,
        request: Request<Bytes>,
    ) -> Result<String, Status> {
        self.ready().await?;
        let answer = self.0.unary(request, path(method), BytesCodec).await?;
        Ok(text(&answer.into_inner()))
    }

    pub(crate) async fn server_stream(
        &mut self,
        method: &str,
        message: &str,
    ) -> Result<Vec<String>, Status> {
        self.ready().await?;
        let request = Request::new(Bytes::from(message.to_owned()));
        let answers = self.0.server_streaming(request, path(method), BytesCodec).await?;
        answers.into_inner().map_ok(|answer| text(&answer)).try_collect().await
    }

    pub(crate) async fn client_stream(&mut self, messages: &[String]) -> Result<String, Status> {
        self.ready().await?;
        let messages: Vec<_> = messages.iter().cloned().map(Bytes::from).collect();
        let request = Request::new(stream::iter(messages));
        let answer = self.0.client_streaming(request, path("ClientStream"), BytesCodec).await?;
        Ok(text(&answer.into_inner()))
    }

    pub(crate) async fn bidi(
        &mut self,
        messages: impl Stream<Item = Bytes> + Send + 'static,
    ) -> Result<Streaming<Bytes>, Status> {
        self.ready().await?;
        let answers = self.0.streaming(Request::new(messages), path("Bidi"), BytesCodec).await?;
        Ok(answers.into_inner())
    }
}

fn path(method: &str) -> PathAndQuery {
    format!("/test.Echo/{method}").parse().unwrap()
}

pub(crate) fn text(message: &Bytes) -> String {
    String::from_utf8(message.to_vec()).unwrap()
}

#[derive(Clone, Copy, Default)]
pub(crate) struct BytesCodec;

impl Codec for BytesCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = BytesCodec;
    type Decoder = BytesCodec;

    fn encoder(&mut self) -> BytesCodec {
        BytesCodec
    }

    fn decoder(&mut self) -> BytesCodec {
        BytesCodec
    }
}

impl Encoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, dst: &mut EncodeBuf<'_>) -> Result<(), Status> {
        dst.put(item);
        Ok(())
    }
}

impl Decoder for BytesCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(src.copy_to_bytes(src.remaining())))
    }
}
