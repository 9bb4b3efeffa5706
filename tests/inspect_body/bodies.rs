//! Random bodies: the caller gets exactly what the body yields, and a judge gets its beginning.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;

use bytes::Buf;
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use tower_outbound_auth::scheme::ResponseHead;
use tower_outbound_auth::{InspectBodyLayer, Peeked};

use crate::scripted::{Data, Says, Scripted, Step, data, says, scripts, split};
use crate::*;

/// What a body yields, and what it said of itself just before.
#[derive(Debug, PartialEq)]
struct Read {
    is_end_stream: bool,
    hint: (u64, Option<u64>),
    item: Item,
}

#[derive(Debug, PartialEq)]
enum Item {
    /// Its two parts.
    Data(Bytes, Bytes),
    Trailers(http::HeaderMap),
    Error(String),
    End,
}

/// All that a body yields, and one step more.
async fn all<B>(mut body: B) -> Vec<Read>
where
    B: http_body::Body<Data = Data, Error = String> + Unpin,
{
    let mut read = Vec::new();
    let mut ends = 0;
    while ends < 2 {
        // A body may learn of its end while it is polled without a result.
        let mut said = None;
        let item = poll_fn(|cx| {
            said = Some((body.is_end_stream(), body.size_hint()));
            Pin::new(&mut body).poll_frame(cx)
        });
        let item = match item.await {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    let (one, two) = data.into_inner();
                    Item::Data(one, two)
                }
                Err(frame) => Item::Trailers(frame.into_trailers().unwrap()),
            },
            Some(Err(error)) => Item::Error(error),
            None => Item::End,
        };
        let (is_end_stream, hint) = said.unwrap();
        ends += usize::from(item == Item::End);
        read.push(Read { is_end_stream, hint: (hint.lower(), hint.upper()), item });
    }
    read
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

async fn inspected(layer: InspectBodyLayer, body: Scripted) -> Response<Peeked<Scripted>> {
    let body = Mutex::new(Some(body));
    let api = service_fn(move |_: ()| {
        ready(Ok::<_, Infallible>(Response::new(body.lock().unwrap().take().unwrap())))
    });
    layer.layer(api).oneshot(()).await.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_caller_gets_every_frame_trailer_error_and_size_hint_as_without_the_layer(
        script in scripts(),
        says in says(),
        limit in prop_oneof![2 => Just(4_096_usize), 1 => 0..200_usize],
    ) {
        runtime().block_on(async {
            let layer = InspectBodyLayer::new(|_| true).with_limit(limit);
            let start = now();
            let response = inspected(layer, Scripted::new(&script, says)).await;
            let took = start.elapsed();
            prop_assert!(took < millis(52), "{:?}", took);
            let whole = data(script.iter());
            let excerpt = ResponseHead::of(&response).body_excerpt().unwrap_or_default().to_vec();
            prop_assert!(whole.starts_with(&excerpt) && excerpt.len() <= limit);
            let pauses: u64 = script.iter().map(|it| match it {
                Step::Pause(pause) => pause + 1,
                _ => 0,
            }).sum();
            if pauses < 49 {
                prop_assert_eq!(excerpt.len(), whole.len().min(limit));
            }
            let expected = all(Scripted::new(&script, says)).await;
            prop_assert_eq!(all(response.into_body()).await, expected);
            Ok(())
        })?;
    }

    #[test]
    fn a_refusal_is_understood_however_its_body_is_split(
        script in split(EXPIRED),
        says in says(),
    ) {
        runtime().block_on(async {
            let world = world();
            let api = service_fn(|request: Request<Body>| {
                let body = match token_of(request.headers()) == "token-1" {
                    true => Scripted::new(&script, says),
                    false => Scripted::new(&[Step::Data(b"your ".into(), b"orders".into())], says),
                };
                ready(Ok::<_, Infallible>(Response::new(body)))
            });
            let service = world.layer.layer(InspectBodyLayer::new(|_| true).layer(api));
            let response = service.oneshot(get()).await.unwrap();
            prop_assert_eq!(world.exchange.exchanges(), 2);
            let mut body = response.into_body().collect().await.unwrap().aggregate();
            let length = body.remaining();
            prop_assert_eq!(body.copy_to_bytes(length), "your orders");
            Ok(())
        })?;
    }
}

/// The test of random bodies compares two readings; this is what they have in common.
#[test]
fn a_scripted_body_is_read_to_its_end() {
    runtime().block_on(async {
        let script = [Step::Data(b"a".into(), b"bc".into()), Step::Trailers, Step::Error];
        let read = all(Scripted::new(&script, Says::All)).await;
        let hints: Vec<_> = read.iter().map(|it| (it.is_end_stream, it.hint.0)).collect();
        assert_eq!(hints, [(false, 3), (false, 0), (false, 0), (true, 0), (true, 0)]);
        assert_eq!(read[0].item, Item::Data("a".into(), "bc".into()));
        assert_eq!(read[2].item, Item::Error("broken".into()));
    });
}
