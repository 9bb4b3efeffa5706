//! The size hints of a body. They decide its `content-length`.

use crate::replay::body::tests::*;

fn hint(lower: u64, upper: Option<u64>) -> SizeHint {
    let mut hint = SizeHint::new();
    hint.set_lower(lower);
    if let Some(upper) = upper {
        hint.set_upper(upper);
    }
    hint
}

fn says(body: &Reading) -> (u64, Option<u64>) {
    let hint = body.body.size_hint();
    (hint.lower(), hint.upper())
}

/// A body of six bytes, with a part of its length known.
fn six(lower: u64, upper: Option<u64>) -> Feed {
    let feed = Feed::default();
    feed.hint(hint(lower, upper)).data("one").data("two").end();
    feed
}

#[test]
fn an_exact_length_stays_exact_at_every_stage() {
    let (mut body, kept) = keeping(six(6, Some(6)).source(), CAP);
    assert_eq!(says(&body), (6, Some(6)));
    body.poll();
    assert_eq!(says(&body), (3, Some(3)));
    let mut second = again(kept);
    for left in [6, 3, 0] {
        assert_eq!(second.body.size_hint().exact(), Some(left), "{left} left");
        second.poll();
    }
    assert_eq!(says(&second), (0, Some(0)));
}

#[test]
fn a_range_of_lengths_stays_correct_at_every_stage() {
    let (mut body, kept) = keeping(six(4, Some(10)).source(), CAP);
    assert_eq!(says(&body), (4, Some(10)));
    body.poll();
    assert_eq!(says(&body), (1, Some(7)));
    let mut second = again(kept);
    assert_eq!(says(&second), (4, Some(10)));
    second.poll();
    assert_eq!(says(&second), (1, Some(7)));
}

#[test]
fn a_body_of_unknown_length_has_at_least_the_length_of_the_copy() {
    let (mut body, kept) = keeping(six(0, None).source(), CAP);
    assert_eq!(says(&body), (0, None));
    body.poll();
    assert_eq!(says(&again(kept)), (3, None));
}

#[test]
fn a_body_that_was_read_to_its_end_has_an_exact_length() {
    let (mut body, kept) = keeping(six(0, None).source(), CAP);
    body.rest();
    assert_eq!(says(&body), (0, Some(0)));
    assert_eq!(says(&again(kept)), (6, Some(6)));
}

#[test]
fn trailers_do_not_count_for_the_length() {
    let feed = Feed::default();
    feed.hint(hint(0, Some(0))).trailers("sum").end();
    let (mut body, kept) = keeping(feed.source(), CAP);
    body.poll();
    assert_eq!(says(&again(kept)), (0, Some(0)));
}

#[test]
fn a_frame_that_was_read_but_not_sent_counts_for_the_length() {
    let feed = Feed::default();
    feed.hint(hint(6, Some(6)));
    let (mut body, kept) = keeping(feed.source(), CAP);
    let kept = Arc::new(kept);
    let pause = kept.clone();
    feed.step(Step::Meanwhile(Box::new(move || assert!(pause.pause())))).data("one").data("two");
    assert_eq!(body.poll(), Got::Pending);
    assert_eq!(says(&body), (6, Some(6)));
    assert_eq!(says(&again(Arc::into_inner(kept).unwrap())), (6, Some(6)));
}

#[test]
fn a_body_ends_with_its_source() {
    let feed = six(6, Some(6));
    feed.state().says_end = true;
    let (mut body, kept) = keeping(feed.source(), CAP);
    body.poll();
    assert!(!body.body.is_end_stream());
    body.poll();
    assert!(body.body.is_end_stream());
    let mut second = again(kept);
    assert!(!body.body.is_end_stream(), "a body that lost its source has no end");
    for _ in 0..2 {
        assert!(!second.body.is_end_stream());
        second.poll();
    }
    assert!(second.body.is_end_stream());
}

#[test]
fn a_body_with_an_unsent_frame_is_not_at_its_end() {
    let feed = Feed::default();
    feed.state().says_end = true;
    let (mut body, kept) = keeping(feed.source(), CAP);
    let kept = Arc::new(kept);
    let pause = kept.clone();
    feed.step(Step::Meanwhile(Box::new(move || assert!(pause.pause())))).data("one").end();
    assert_eq!(body.poll(), Got::Pending);
    assert!(!body.body.is_end_stream());
    assert!(!again(Arc::into_inner(kept).unwrap()).body.is_end_stream());
}

#[test]
fn an_empty_body_is_at_its_end_and_is_not_polled() {
    let feed = Feed::default();
    feed.state().says_end = true;
    feed.end();
    let (mut body, kept) = keeping(feed.source(), CAP);
    assert!(body.body.is_end_stream());
    assert_eq!(body.poll(), Got::End);
    assert!(again(kept).body.is_end_stream());
}
