//! What a judge makes of a body.

use http::header::CONTENT_LENGTH;
use tower::ServiceExt;
use tower_outbound_auth::{InspectBodyLayer, Recovery};

use crate::*;

/// Refuses `token-1` with this answer.
fn refusing(
    seen: &Seen,
    status: u16,
    body: &'static str,
) -> impl Service<Request<Body>, Response = Response<Answer>, Error = BoxError, Future: Send>
+ Clone
+ Send {
    api(seen, move |token| match token {
        "token-1" => response(status, body),
        _ => response(200, "your orders"),
    })
}

#[tokio::test(start_paused = true)]
async fn a_body_that_means_refused_renews_the_token_whatever_its_status() {
    for (status, body) in [
        (200, EXPIRED),
        (500, EXPIRED),
        (403, EXPIRED),
        (200, "\u{feff} {\"error\":\n{\"more\":[1], \"code\" : \"invalid_session\"}}\n\n"),
    ] {
        let (world, seen) = (world(), Seen::default());
        let inspect = InspectBodyLayer::new(|_| true).layer(refusing(&seen, status, body));
        let answer = world.layer.layer(inspect).oneshot(get()).await.unwrap();
        assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed), "{status} {body}");
        assert_eq!(text(answer).await, "your orders");
        let tokens: Vec<_> = seen.lock().unwrap().iter().map(|(token, _)| token.clone()).collect();
        assert_eq!(tokens, ["token-1", "token-2"]);
        let counters = world.source.status().counters;
        assert_eq!((counters.exchanges(), counters.refusals), (2, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn another_body_with_the_same_status_reaches_the_caller_unchanged() {
    for (status, body) in [
        (200, r#"{"error":{"code":"no_such_order"}}"#),
        (403, r#"{"error":"invalid_session"}"#),
        (500, "<p>invalid_session</p>"),
        (500, r#"{"error":{"code":"invalid_session"}"#),
        (200, ""),
    ] {
        let (world, seen) = (world(), Seen::default());
        let inspect = InspectBodyLayer::new(|_| true).layer(refusing(&seen, status, body));
        let answer = world.layer.layer(inspect).oneshot(get()).await.unwrap();
        assert_eq!(answer.status(), status);
        assert!(answer.extensions().get::<Recovery>().is_none());
        assert_eq!(text(answer).await, body);
        assert_eq!(seen.lock().unwrap().len(), 1);
        assert_eq!(world.exchange.exchanges(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_the_predicate_does_not_choose_is_judged_by_its_head_alone() {
    let (world, seen) = (world(), Seen::default());
    let inspect = InspectBodyLayer::new(|response| response.status == 403);
    let service = world.layer.layer(inspect.layer(refusing(&seen, 200, EXPIRED)));
    assert_eq!(text(service.oneshot(get()).await.unwrap()).await, EXPIRED);
    assert_eq!(world.exchange.exchanges(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_sent_again_with_its_whole_body() {
    let (world, seen) = (world(), Seen::default());
    let inspect = InspectBodyLayer::new(|_| true).layer(refusing(&seen, 200, EXPIRED));
    let answer = world.layer.layer(inspect).oneshot(post("an upload")).await.unwrap();
    assert_eq!(text(answer).await, "your orders");
    let sent = [("token-1", "an upload"), ("token-2", "an upload")];
    let sent = sent.map(|(token, body)| (token.to_owned(), Bytes::from(body)));
    assert_eq!(*seen.lock().unwrap(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_second_refusal_reaches_the_caller_with_its_body_and_its_head() {
    let (world, seen) = (world(), Seen::default());
    let always = api(&seen, |_| {
        let mut refusal = response(200, EXPIRED);
        refusal.headers_mut().insert(CONTENT_LENGTH, EXPIRED.len().into());
        refusal
    });
    let answer = world.layer.layer(InspectBodyLayer::new(|_| true).layer(always));
    let answer = answer.oneshot(get()).await.unwrap();
    assert_eq!(answer.headers()[CONTENT_LENGTH], EXPIRED.len().to_string());
    assert_eq!(answer.extensions().get(), Some(&Recovery::Replayed));
    assert_eq!(text(answer).await, EXPIRED);
    assert_eq!((seen.lock().unwrap().len(), world.exchange.exchanges()), (2, 2));
}

/// A judge of an inner layer and one of an outer layer read the same excerpt.
#[tokio::test(start_paused = true)]
async fn every_layer_above_can_read_the_excerpt() {
    let seen = Seen::default();
    let read = Arc::new(Mutex::new(Vec::new()));
    let reader = |name: &'static str| {
        let read = read.clone();
        Judge::new(move |response| {
            read.lock().unwrap().push((name, response.body_excerpt().map(<[u8]>::to_vec)));
            Verdict::Accepted
        })
    };
    let inspect = InspectBodyLayer::new(|_| true).layer(api(&seen, |_| response(200, "abc")));
    let inner: Auth<InspectBody<_>> = world().layer.with_judge(reader("inner")).layer(inspect);
    world().layer.with_judge(reader("outer")).layer(inner).oneshot(get()).await.unwrap();
    let abc = Some(b"abc".to_vec());
    assert_eq!(*read.lock().unwrap(), [("inner", abc.clone()), ("outer", abc)]);
}
