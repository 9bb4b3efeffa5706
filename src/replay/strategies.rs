//! The strategies: what is kept of a request's body, and which body the inner service gets.

use std::convert::Infallible;
use std::fmt;

use http::Request;
use http_body::Body;
use tower_service::Service;

use crate::replay::body::prefix::BufferQuota;
use crate::replay::body::{Kept, ReplayBody};
use crate::replay::replayable::{Replayable, is_within};
use crate::replay::strategy::{Nothing, Replay, Strategy};

/// The default cap for one stream, in bytes.
const CAP: usize = 64 * 1024;

/// Keeps the body type. This is the default.
///
/// - Bodies in memory ([`InMemory`](super::InMemory)) are shared, whatever their size.
/// - `BoxBody` and `UnsyncBoxBody` of `Bytes` with a [`BoxError`](crate::BoxError) are streams. They are
///   copied up to the cap, as with [`Wrap`], and are boxed again, so that their type does not change.
/// - The same holds for the bodies of axum, reqwest and tonic, with the feature of that name. reqwest's bodies in
///   memory are shared.
///
/// For any other body, use [`Wrap`], [`Rewrap`] or [`Off`]. The compiler's message for [`assert_accepts`](crate::assert_accepts) says so.
///
/// ```
/// use tower_outbound_auth::replay::Same;
/// # use tower_outbound_auth::{AuthLayer, TokenSource};
/// # use tower_outbound_auth::system::HeaderScheme;
/// # let layer = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
///
/// let layer = layer.with_replay(Same::new().with_cap(1024 * 1024)); // for boxed uploads
/// # let _ = layer;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Same {
    cap: usize,
}

/// Can send any stream again. The inner service gets a [`ReplayBody`].
///
/// A request is sent twice at most. With DPoP, [`Same`] may send it a third time.
///
/// ```
/// use tower_outbound_auth::replay::Wrap;
/// # use tower_outbound_auth::{AuthLayer, TokenSource};
/// # use tower_outbound_auth::system::HeaderScheme;
/// # let layer = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
///
/// let layer = layer.with_replay(Wrap::new().with_cap(256 * 1024));
/// # let _ = layer;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Wrap {
    cap: usize,
}

/// Can send any stream again. The inner service gets what a function makes of the [`ReplayBody`].
///
/// A request is sent twice at most. With DPoP, [`Same`] may send it a third time.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
/// use tower_outbound_auth::BoxError;
/// use tower_outbound_auth::replay::{ReplayBody, Rewrap};
///
/// // The client takes boxed bodies. Callers send boxed bodies with their own error type.
/// type Upload = UnsyncBoxBody<Bytes, std::io::Error>;
/// let boxed = Rewrap::new(|body: ReplayBody<Upload>| body.boxed_unsync());
/// # let _ = boxed;
/// ```
#[derive(Clone, Copy)]
pub struct Rewrap<F> {
    cap: usize,
    rewrap: F,
}

/// Sends nothing again: the caller gets the refusal, and the token is renewed for the next request.
///
/// Nothing of the request is kept, so the future is at most 40 bytes larger than the inner one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Off;

impl Same {
    /// The default strategy.
    #[must_use]
    pub fn new() -> Same {
        Same { cap: CAP }
    }

    /// Sets how many bytes of a stream are kept. Default: 64 KiB. Most streamed requests are shorter, and most
    /// uploads have not sent more when an early refusal comes. Only bytes that were sent count: an upload of any
    /// length is sent again if it is refused before its body was read. Trailers count with their text, and an empty
    /// frame counts as one byte.
    #[must_use]
    pub fn with_cap(self, cap: usize) -> Same {
        Same { cap }
    }
}

impl Default for Same {
    fn default() -> Same {
        Same::new()
    }
}

impl Wrap {
    /// With a cap of 64 KiB.
    #[must_use]
    pub fn new() -> Wrap {
        Wrap { cap: CAP }
    }

    /// Sets how many bytes of a stream are kept; see [`Same::with_cap`].
    #[must_use]
    pub fn with_cap(self, cap: usize) -> Wrap {
        Wrap { cap }
    }
}

impl Default for Wrap {
    fn default() -> Wrap {
        Wrap::new()
    }
}

impl<F> Rewrap<F> {
    /// With a cap of 64 KiB. `rewrap` makes the inner service's body. It is called once for each
    /// sending, and must not panic.
    pub fn new<B, B2>(rewrap: F) -> Rewrap<F>
    where
        F: Fn(ReplayBody<B>) -> B2 + Clone,
    {
        Rewrap { cap: CAP, rewrap }
    }

    /// Sets how many bytes of a stream are kept; see [`Same::with_cap`].
    #[must_use]
    pub fn with_cap(self, cap: usize) -> Rewrap<F> {
        Rewrap { cap, ..self }
    }
}

impl Strategy for Same {}
impl Strategy for Wrap {}
impl<F: Clone> Strategy for Rewrap<F> {}
impl Strategy for Off {}

impl<B: Replayable> Replay<B> for Same {
    type Body = B;
    type Kept = B::Kept;
    type Slot<T> = Option<T>;

    #[inline]
    fn keep(&self, body: &mut B, quota: &BufferQuota) -> Option<B::Kept> {
        body.keep(self.cap, quota)
    }

    #[inline]
    fn send<I: Service<Request<B>>>(
        &self,
        inner: &mut I,
        request: Request<B>,
        _: &BufferQuota,
        _: Option<&mut Option<B::Kept>>,
    ) -> I::Future {
        inner.call(request)
    }

    fn covers(&self, body: &B) -> bool {
        body.is_within(self.cap)
    }

    fn pause(kept: &B::Kept) -> bool {
        B::pause(kept)
    }

    fn again(kept: B::Kept) -> B {
        B::again(kept)
    }

    fn again_and_keep(&self, kept: B::Kept, quota: &BufferQuota) -> (B, Option<B::Kept>) {
        let mut body = B::again(kept);
        let kept = body.keep(self.cap, quota);
        (body, kept)
    }
}

impl<B: Body> Replay<B> for Wrap {
    type Body = ReplayBody<B>;
    type Kept = Kept<B>;
    type Slot<T> = Option<T>;

    fn send<I: Service<Request<ReplayBody<B>>>>(
        &self,
        inner: &mut I,
        request: Request<B>,
        quota: &BufferQuota,
        kept: Option<&mut Option<Kept<B>>>,
    ) -> I::Future {
        inner.call(request.map(|body| wrapped(body, self.cap, quota, kept)))
    }

    fn covers(&self, body: &B) -> bool {
        is_within(body, self.cap)
    }

    fn pause(kept: &Kept<B>) -> bool {
        kept.pause()
    }

    fn again(kept: Kept<B>) -> ReplayBody<B> {
        kept.again()
    }
}

impl<B: Body, B2, F> Replay<B> for Rewrap<F>
where
    F: Fn(ReplayBody<B>) -> B2 + Clone,
{
    type Body = B2;
    type Kept = (Kept<B>, F);
    type Slot<T> = Option<T>;

    fn send<I: Service<Request<B2>>>(
        &self,
        inner: &mut I,
        request: Request<B>,
        quota: &BufferQuota,
        kept: Option<&mut Option<Self::Kept>>,
    ) -> I::Future {
        let Rewrap { cap, rewrap } = self;
        let mut inside = None;
        let slot = kept.is_some().then_some(&mut inside);
        let request = request.map(|body| rewrap(wrapped(body, *cap, quota, slot)));
        if let Some(kept) = kept {
            *kept = inside.map(|inside| (inside, rewrap.clone()));
        }
        inner.call(request)
    }

    fn covers(&self, body: &B) -> bool {
        is_within(body, self.cap)
    }

    fn pause((kept, _): &Self::Kept) -> bool {
        kept.pause()
    }

    fn again((kept, rewrap): Self::Kept) -> B2 {
        rewrap(kept.again())
    }
}

impl<B> Replay<B> for Off {
    type Body = B;
    type Kept = Infallible;
    type Slot<T> = Nothing;

    const KEEPS: bool = false;

    #[inline]
    fn send<I: Service<Request<B>>>(
        &self,
        inner: &mut I,
        request: Request<B>,
        _: &BufferQuota,
        _: Option<&mut Option<Infallible>>,
    ) -> I::Future {
        inner.call(request)
    }

    fn covers(&self, _: &B) -> bool {
        false
    }

    fn again(kept: Infallible) -> B {
        match kept {}
    }
}

/// The body that the inner service gets.
fn wrapped<B: Body>(
    body: B,
    cap: usize,
    quota: &BufferQuota,
    kept: Option<&mut Option<Kept<B>>>,
) -> ReplayBody<B> {
    let Some(slot) = kept else { return ReplayBody::once(body) };
    let (body, kept) = ReplayBody::new(body, cap, quota);
    *slot = Some(kept);
    body
}

impl<F> fmt::Debug for Rewrap<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewrap").field("cap", &self.cap).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::combinators::BoxBody;
    use http_body_util::{BodyExt, Full};

    use super::*;
    use crate::error::BoxError;

    type Boxed = BoxBody<Bytes, BoxError>;

    type Boxing = fn(ReplayBody<Boxed>) -> Boxed;

    fn full() -> Full<Bytes> {
        Full::from("0123456789")
    }

    fn boxed() -> Boxed {
        full().map_err(|never| match never {}).boxed()
    }

    fn rewrap() -> Rewrap<Boxing> {
        Rewrap::new(BodyExt::boxed)
    }

    #[test]
    fn the_default_cap_of_a_stream_is_64_kib() {
        assert_eq!(format!("{:?}", Same::new()), "Same { cap: 65536 }");
        assert_eq!(format!("{:?}", Wrap::default()), "Wrap { cap: 65536 }");
        assert_eq!(format!("{:?}", rewrap()), "Rewrap { cap: 65536, .. }");
        assert_eq!(format!("{:?}", Same::default().with_cap(7)), "Same { cap: 7 }");
        assert_eq!(format!("{:?}", Wrap::new().with_cap(7)), "Wrap { cap: 7 }");
        assert_eq!(format!("{:?}", rewrap().with_cap(7)), "Rewrap { cap: 7, .. }");
    }

    #[test]
    fn a_body_in_memory_is_always_covered_and_a_stream_unless_it_is_known_to_be_too_long() {
        for (cap, covered) in [(9, false), (10, true)] {
            assert_eq!(Same::new().with_cap(cap).covers(&boxed()), covered);
            assert_eq!(Wrap::new().with_cap(cap).covers(&boxed()), covered);
            assert_eq!(rewrap().with_cap(cap).covers(&boxed()), covered);
            assert!(Same::new().with_cap(cap).covers(&full()));
            assert!(!Off.covers(&full()));
        }
    }

    /// What the slot contains after `strategy` has sent a request with `body`.
    fn kept<B: Body, R: Replay<B>>(strategy: &R, body: B) -> Option<R::Kept> {
        let (quota, mut slot) = (BufferQuota::default(), None);
        let mut inner = tower::service_fn(|request: Request<R::Body>| {
            drop(request);
            std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(())))
        });
        drop(strategy.send(&mut inner, Request::new(body), &quota, Some(&mut slot)));
        slot
    }

    #[test]
    fn a_body_that_can_be_sent_again_is_paused() {
        let kept_of_full = Same::new().keep(&mut full(), &BufferQuota::default()).unwrap();
        assert!(<Same as Replay<Full<Bytes>>>::pause(&kept_of_full));
        let mut body = boxed();
        let kept_of_boxed = Same::new().keep(&mut body, &BufferQuota::default()).unwrap();
        assert!(<Same as Replay<Boxed>>::pause(&kept_of_boxed));
        assert!(<Wrap as Replay<Boxed>>::pause(&kept(&Wrap::new(), boxed()).unwrap()));
        assert!(
            Replay::<Boxed>::keep(&Wrap::new(), &mut boxed(), &BufferQuota::default()).is_none()
        );
        let kept = kept(&rewrap(), boxed()).unwrap();
        assert!(<Rewrap<Boxing> as Replay<Boxed>>::pause(&kept));
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_cannot_be_sent_again() {
        let mut body = boxed();
        let kept = Same::new().with_cap(9).keep(&mut body, &BufferQuota::default()).unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "0123456789");
        assert!(!<Same as Replay<Boxed>>::pause(&kept));
        let (mut body, kept) = ReplayBody::new(boxed(), 9, &BufferQuota::default());
        assert!(body.frame().await.is_some());
        assert!(!<Wrap as Replay<Boxed>>::pause(&kept));
        let kept: (_, Boxing) = (kept, BodyExt::boxed);
        assert!(!<Rewrap<Boxing> as Replay<Boxed>>::pause(&kept));
    }
}
