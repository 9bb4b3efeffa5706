//! A server resets streams and closes connections, at a request and in the middle of an answer.
//! None of this is a refusal. The caller gets the same result as from the client alone, unwrapped, and the token
//! stays valid.
//!
//! The built-in client of token endpoints uses only HTTP/1.1. Here the user's own client uses HTTP/2.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use http::header::AUTHORIZATION;
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, ServiceBuilder};
use tower_outbound_auth::exchange::ExchangeErrorKind::Unreachable;
use tower_outbound_auth::system::HeaderScheme;
use tower_outbound_auth::testkit::ScriptedExchange;
use tower_outbound_auth::{Origin, Recovery};

use super::*;
use crate::frames::{
    ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, STATUS_200,
    STATUS_401, open, read, write,
};
use crate::hpack::Decoder;

const NO_ERROR: u32 = 0;
const INTERNAL_ERROR: u32 = 2;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

/// How much of an answer is sent before it breaks off, if it does.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    None,
    Half,
    Whole,
    /// A 401.
    Refusal,
}

/// How the server breaks it off, with the error code.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Break {
    None,
    Reset(u32),
    /// The connection ends. The server says whether it has processed this request.
    GoAway(u32, Looked),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Looked {
    At,
    NotAt,
}

type Act = (Answer, Break);

const WELL: Act = (Answer::Whole, Break::None);

/// Follows its script, one line for each request. After the script it answers normally.
#[derive(Clone)]
struct Stage {
    url: String,
    script: Arc<Mutex<VecDeque<Act>>>,
    /// The credential of each request.
    requests: Arc<Mutex<Vec<String>>>,
    body: &'static str,
}

impl Stage {
    async fn start(script: impl IntoIterator<Item = Act>, body: &'static str) -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        let stage = Stage { url, script, requests: Arc::default(), body };
        let server = stage.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.serve(socket).await });
            }
        });
        stage
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    async fn serve(self, mut socket: TcpStream) -> Option<()> {
        open(&mut socket).await?;
        let mut decoder = Decoder::default();
        loop {
            let (kind, flags, stream, payload) = read(&mut socket).await?;
            match kind {
                SETTINGS if flags & ACK == 0 => {
                    write(&mut socket, (SETTINGS, ACK, 0), b"").await?;
                }
                HEADERS => {
                    let fields = decoder.decode(&payload);
                    let credential = fields.into_iter().find(|it| it.name == "authorization");
                    self.requests.lock().unwrap().push(credential.unwrap().value);
                    let act = self.script.lock().unwrap().pop_front().unwrap_or(WELL);
                    self.answer(&mut socket, stream, act).await?;
                }
                _ => {}
            }
        }
    }

    /// None if the connection ends.
    async fn answer(&self, socket: &mut TcpStream, stream: u32, act: Act) -> Option<()> {
        let (answer, breaks) = act;
        let ends = if answer == Answer::Half { 0 } else { END_STREAM };
        match answer {
            Answer::None => {}
            Answer::Half | Answer::Whole => {
                write(socket, (HEADERS, END_HEADERS, stream), STATUS_200).await?;
                write(socket, (DATA, ends, stream), self.body.as_bytes()).await?;
            }
            Answer::Refusal => {
                write(socket, (HEADERS, END_HEADERS | ends, stream), STATUS_401).await?;
            }
        }
        match breaks {
            Break::None => Some(()),
            Break::Reset(code) => write(socket, (RST_STREAM, 0, stream), &code.to_be_bytes()).await,
            Break::GoAway(code, looked) => {
                let last = if looked == Looked::At { stream } else { stream - 1 };
                let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
                write(socket, (GOAWAY, 0, 0), &payload).await?;
                // If a client waits for the answer to a processed request, it waits until the
                // connection ends.
                None
            }
        }
    }
}

fn client() -> Http {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

/// What a caller gets: the status and the body, or the client's error.
async fn call<S, B>(service: S, url: &str) -> Result<(u16, bool, usize), String>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: http_body::Body<Error = hyper::Error>,
{
    let request = Request::get(url).body(Full::default()).unwrap();
    let error = |error: BoxError| {
        assert!(Error::find(&*error).is_none(), "{error:?}");
        let unwrapped =
            error.is::<hyper_util::client::legacy::Error>() || error.is::<hyper::Error>();
        assert!(unwrapped, "{error:?}");
        format!("{error:?}")
    };
    let response = timeout(secs(10), service.oneshot(request)).await.unwrap();
    let response = response.map_err(|it| error(it.into()))?;
    let (status, recovery) = (response.status(), response.extensions().get().copied());
    let body = timeout(secs(10), response.into_body().collect()).await.unwrap();
    let body = body.map_err(|it| error(it.into()))?.to_bytes();
    Ok((status.as_u16(), recovery == Some(Recovery::Replayed), body.len()))
}

struct Layered {
    stage: Stage,
    exchange: ScriptedExchange,
    api: Auth<Http>,
}

impl Layered {
    async fn start(script: impl IntoIterator<Item = Act>) -> Layered {
        let stage = Stage::start(script, "a body").await;
        let exchange = ScriptedExchange::new();
        let source = TokenSource::new(HeaderScheme::bearer(), exchange.clone());
        let layer = AuthLayer::new(source).with_origin(Origin::parse(&stage.url).unwrap());
        Layered { stage, exchange, api: layer.layer(client()) }
    }

    async fn call(&self) -> Result<(u16, bool, usize), String> {
        call(self.api.clone(), &self.stage.url).await
    }

    /// The tokens of all requests, by their numbers.
    fn tokens(&self) -> Vec<u32> {
        let number = |it: String| it.strip_prefix("Bearer token-").unwrap().parse().unwrap();
        self.stage.requests().into_iter().map(number).collect()
    }
}

/// The second of three calls fails in this way. The layer changes nothing.
async fn is_as_without_the_layer(act: Act) {
    let script = [WELL, act];
    let layered = Layered::start(script).await;
    let bare = Stage::start(script, "a body").await;
    let alone = ServiceBuilder::new()
        .map_request(|mut request: Request<Full<Bytes>>| {
            request.headers_mut().insert(AUTHORIZATION, "Bearer token-1".parse().unwrap());
            request
        })
        .service(client());
    for nth in 0..3 {
        let (with, without) = (layered.call().await, call(alone.clone(), &bare.url).await);
        assert_eq!(with, without, "{act:?} {nth}");
        // Or the client has sent it again, because the server says that it was not processed.
        let breaks = nth == 1 && act.0 == Answer::None && bare.requests().len() == 2;
        assert!(with.is_err() || !breaks, "{act:?}: {with:?}");
        assert!(with.is_ok() || nth == 1, "{act:?} {nth}: {with:?}");
    }
    assert_eq!(layered.tokens().len(), bare.requests().len(), "{act:?}");
    assert!(layered.tokens().iter().all(|token| *token == 1), "{act:?}");
    assert_eq!(layered.exchange.exchanges(), 1, "{act:?}");
}

#[tokio::test]
async fn a_stream_that_is_reset_costs_neither_a_token_nor_an_exchange() {
    for answer in [Answer::None, Answer::Half, Answer::Whole] {
        for code in [NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM] {
            is_as_without_the_layer((answer, Break::Reset(code))).await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_going_away_costs_neither_a_token_nor_an_exchange() {
    for answer in [Answer::None, Answer::Half, Answer::Whole] {
        for looked in [Looked::At, Looked::NotAt] {
            for code in [NO_ERROR, INTERNAL_ERROR, ENHANCE_YOUR_CALM] {
                is_as_without_the_layer((answer, Break::GoAway(code, looked))).await;
            }
        }
    }
}

/// After a 401, a server need not read the rest of a request, and says so (RFC 9113 section 8.1). Or it
/// closes the connection, and the second sending uses another one.
#[tokio::test]
async fn a_refusal_after_which_the_stream_or_the_connection_ends_is_followed_by_a_second_sending() {
    for breaks in [
        Break::Reset(NO_ERROR),
        Break::Reset(CANCEL),
        Break::GoAway(NO_ERROR, Looked::At),
        Break::GoAway(INTERNAL_ERROR, Looked::At),
    ] {
        let layered = Layered::start([WELL, (Answer::Refusal, breaks)]).await;
        layered.call().await.unwrap();
        assert_eq!(layered.call().await, Ok((200, true, 6)), "{breaks:?}");
        assert_eq!(layered.call().await, Ok((200, false, 6)), "{breaks:?}");
        assert_eq!(layered.tokens(), [1, 1, 2, 2], "{breaks:?}");
        assert_eq!(layered.exchange.exchanges(), 2, "{breaks:?}");
    }
}

#[tokio::test]
async fn a_second_sending_that_is_reset_is_the_last_and_its_renewal_is_not_in_vain() {
    let refusal = (Answer::Refusal, Break::None);
    for act in [
        (Answer::None, Break::Reset(CANCEL)),
        (Answer::None, Break::Reset(INTERNAL_ERROR)),
        (Answer::Half, Break::Reset(CANCEL)),
        (Answer::None, Break::GoAway(NO_ERROR, Looked::At)),
        (Answer::Half, Break::GoAway(INTERNAL_ERROR, Looked::At)),
    ] {
        let layered = Layered::start([WELL, refusal, act]).await;
        layered.call().await.unwrap();
        let outcome = layered.call().await;
        match act.0 {
            Answer::None => assert_eq!(outcome, Ok((401, false, 0)), "{act:?}"),
            _ => assert!(outcome.is_err(), "{act:?}: a response had begun"),
        }
        assert_eq!(layered.tokens(), [1, 1, 2], "{act:?}");
        assert_eq!(layered.call().await, Ok((200, false, 6)), "{act:?}");
        assert_eq!(layered.tokens(), [1, 1, 2, 2], "{act:?}");
        assert_eq!(layered.exchange.exchanges(), 2, "{act:?}");
    }
}

#[tokio::test]
async fn an_exchange_whose_stream_or_connection_ends_is_one_failed_exchange() {
    const ISSUED: &str = r#"{"access_token":"a-token","expires_in":3600}"#;
    let answers = [Answer::None, Answer::Half];
    let breaks = [
        Break::Reset(REFUSED_STREAM),
        Break::Reset(CANCEL),
        Break::GoAway(NO_ERROR, Looked::At),
        Break::GoAway(ENHANCE_YOUR_CALM, Looked::At),
    ];
    for act in answers.into_iter().flat_map(|answer| breaks.map(|it| (answer, it))) {
        let stage = Stage::start([act], ISSUED).await;
        let scheme = ClientCredentials::new(format!("{}/token", stage.url), "id", "a-secret");
        let clock = ManualClock::new();
        let source =
            TokenSource::builder_over_http(scheme.unwrap(), client()).clock(clock.clone()).build();
        let callers = (0..20).map(|_| source.token());
        for outcome in futures::future::join_all(callers).await {
            assert_eq!(kind(&outcome.unwrap_err()), Unreachable, "{act:?}");
        }
        assert_eq!(kind(&source.token().await.unwrap_err()), Unreachable, "the pause is kept");
        assert_eq!(stage.requests().len(), 1, "{act:?}");
        clock.advance(secs(1));
        assert_eq!(source.token().await.unwrap().expose(), "a-token", "{act:?}");
        assert_eq!(stage.requests().len(), 2, "{act:?}");
    }
}
