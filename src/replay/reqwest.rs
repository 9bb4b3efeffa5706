//! reqwest's request bodies. One type holds bodies in memory and streams.

use std::fmt;
use std::mem;

use ::reqwest::Body;
use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::BodyExt;

use crate::error::BoxError;
use crate::replay::body::prefix::BufferQuota;
use crate::replay::body::{Kept, ReplayBody};
use crate::replay::replayable::{Replayable, is_within};

/// The copy of a body.
#[doc(hidden)]
pub enum KeptBody {
    Memory(Bytes),
    Stream(Kept<Body>),
}

impl fmt::Debug for KeptBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptBody(…)")
    }
}

impl Replayable for Body {
    type Kept = KeptBody;

    fn keep(&mut self, cap: usize, quota: &BufferQuota) -> Option<KeptBody> {
        let body = mem::take(self);
        if body.as_bytes().is_some() {
            let bytes = into_bytes(body);
            *self = Body::from(bytes.clone());
            return Some(KeptBody::Memory(bytes));
        }
        let (body, kept) = ReplayBody::new(body, cap, quota);
        *self = Body::wrap(body);
        Some(KeptBody::Stream(kept))
    }

    fn is_within(&self, cap: usize) -> bool {
        self.as_bytes().is_some() || is_within(self, cap)
    }

    fn pause(kept: &KeptBody) -> bool {
        match kept {
            KeptBody::Memory(_) => true,
            KeptBody::Stream(kept) => kept.pause(),
        }
    }

    fn again(kept: KeptBody) -> Body {
        match kept {
            KeptBody::Memory(bytes) => Body::from(bytes),
            KeptBody::Stream(kept) => Body::wrap(kept.again()),
        }
    }
}

/// Lets any stream go through [`Wrap`](super::Wrap) to reqwest.
impl<B> From<ReplayBody<B>> for Body
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn from(body: ReplayBody<B>) -> Body {
        Body::wrap(body)
    }
}

/// The bytes of a body in memory. reqwest gives them only as a slice, which would have to be copied. As a
/// stream, the body yields them at once, and at present in one frame. If it yields only a part, the rest is
/// copied.
fn into_bytes(mut body: Body) -> Bytes {
    let length = body.as_bytes().map_or(0, <[u8]>::len);
    let mut next = || {
        let frame = body.frame().now_or_never().flatten().and_then(Result::ok);
        frame.and_then(|frame| frame.into_data().ok())
    };
    let first = next().unwrap_or_default();
    if first.len() == length {
        return first;
    }
    let mut all = first.to_vec();
    while let Some(more) = next() {
        all.extend_from_slice(&more);
    }
    all.extend_from_slice(body.as_bytes().unwrap_or_default());
    all.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_in_memory_is_shared_whatever_its_length() {
        let bytes = Bytes::from(vec![7; 1 << 20]);
        let mut first = Body::from(bytes.clone());
        let kept = first.keep(1, &BufferQuota::default());
        let second = Body::again(kept.unwrap());
        for body in [first, second] {
            let slice = body.as_bytes().unwrap();
            assert_eq!(
                (slice.as_ptr(), slice.len()),
                (bytes.as_ptr(), bytes.len()),
                "the bytes are not copied"
            );
        }
        let mut empty = Body::default();
        let kept = empty.keep(1, &BufferQuota::default());
        assert_eq!(empty.as_bytes(), Some(&[][..]));
        assert_eq!(Body::again(kept.unwrap()).as_bytes(), Some(&[][..]));
    }

    #[tokio::test]
    async fn a_stream_is_sent_again_unless_too_much_of_it_was_sent() {
        let stream = || Body::wrap(http_body_util::Full::new(Bytes::from_static(b"0123456789")));
        for (cap, again) in [(9, false), (10, true)] {
            let mut body = stream();
            let kept = body.keep(cap, &BufferQuota::default()).unwrap();
            assert!(body.frame().await.is_some());
            assert_eq!(Body::pause(&kept), again);
            assert_eq!(format!("{kept:?}"), "KeptBody(…)");
        }
        let kept = Body::from("x").keep(0, &BufferQuota::default()).unwrap();
        assert!(Body::pause(&kept), "in memory");
        let wrapped = Body::from(ReplayBody::once(stream()));
        assert_eq!(wrapped.collect().await.unwrap().to_bytes(), "0123456789");
    }

    #[test]
    fn a_stream_is_within_its_cap_unless_its_known_length_is_longer() {
        let long = || Bytes::from_static(b"0123456789");
        assert!(Body::from(long()).is_within(9), "in memory");
        assert!(Body::wrap(http_body_util::Full::new(long())).is_within(10));
        assert!(!Body::wrap(http_body_util::Full::new(long())).is_within(9));
    }
}
