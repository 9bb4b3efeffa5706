//! What a body says of its length, on which a `content-length` rests.

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

/// Six bytes, of which so much is known.
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
fn a_range_stays_a_range_of_the_whole() {
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
fn of_what_is_unknown_at_least_what_was_kept_is_known() {
    let (mut body, kept) = keeping(six(0, None).source(), CAP);
    assert_eq!(says(&body), (0, None));
    body.poll();
    assert_eq!(says(&again(kept)), (3, None));
}

#[test]
fn a_body_that_was_read_to_its_end_is_known_to_the_byte() {
    let (mut body, kept) = keeping(six(0, None).source(), CAP);
    body.rest();
    assert_eq!(says(&body), (0, Some(0)));
    assert_eq!(says(&again(kept)), (6, Some(6)));
}

#[test]
fn trailers_are_no_data() {
    let feed = Feed::default();
    feed.hint(hint(0, Some(0))).trailers("sum").end();
    let (mut body, kept) = keeping(feed.source(), CAP);
    body.poll();
    assert_eq!(says(&again(kept)), (0, Some(0)));
}

#[test]
fn what_was_read_and_not_sent_is_part_of_the_length() {
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
fn a_body_ends_where_the_source_says_that_it_ends() {
    let feed = six(6, Some(6));
    feed.state().says_end = true;
    let (mut body, kept) = keeping(feed.source(), CAP);
    body.poll();
    assert!(!body.body.is_end_stream());
    body.poll();
    assert!(body.body.is_end_stream());
    let mut second = again(kept);
    assert!(!body.body.is_end_stream(), "what lost its source has no end");
    for _ in 0..2 {
        assert!(!second.body.is_end_stream());
        second.poll();
    }
    assert!(second.body.is_end_stream());
}

#[test]
fn what_was_read_and_not_sent_is_no_end() {
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
