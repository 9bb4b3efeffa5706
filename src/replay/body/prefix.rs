//! The part of a body that was sent, kept for a second sending. One cap holds for each body, and another for all
//! bodies of a layer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::Frame;

/// The default cap for all bodies of a layer together, in bytes.
const ALL: usize = 64 * 1024 * 1024;

/// The memory that a part needs besides its data: a place in a queue, which may be half empty, and an
/// allocation.
const OVERHEAD: usize = 2 * size_of::<Part>() + 32;

/// How many bytes all bodies of a layer keep together. Clones of a layer share it.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct BufferQuota(Arc<Quota>);

#[derive(Debug)]
struct Quota {
    /// In bytes, as is `all`.
    taken: AtomicUsize,
    all: usize,
}

impl Default for BufferQuota {
    fn default() -> BufferQuota {
        BufferQuota::of(ALL)
    }
}

impl BufferQuota {
    pub(crate) fn of(all: usize) -> BufferQuota {
        BufferQuota(Arc::new(Quota { taken: AtomicUsize::new(0), all }))
    }

    pub(crate) fn take(&self, bytes: usize) -> bool {
        let fits = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= self.0.all);
        self.0.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.0.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }
}

/// A frame of the stream, as it is kept.
pub(crate) enum Part {
    Data(Bytes),
    /// Boxed, so that the other parts stay small.
    Trailers(Box<HeaderMap>),
}

impl Part {
    /// Copies nothing if the data is already `Bytes`. `None` for an unknown kind of frame.
    pub(crate) fn of(frame: Frame<impl Buf>) -> Option<Part> {
        match frame.into_data() {
            Ok(mut data) => Some(Part::Data(data.copy_to_bytes(data.remaining()))),
            Err(frame) => frame.into_trailers().ok().map(|it| Part::Trailers(Box::new(it))),
        }
    }

    pub(crate) fn into_frame(self) -> Frame<Bytes> {
        match self {
            Part::Data(data) => Frame::data(data),
            Part::Trailers(trailers) => Frame::trailers(*trailers),
        }
    }

    /// Trailers have no data.
    pub(crate) fn data_len(&self) -> u64 {
        match self {
            Part::Data(data) => data.len() as u64,
            Part::Trailers(_) => 0,
        }
    }

    /// The size that counts for the cap. An empty frame counts as one byte, so that a body of empty
    /// frames reaches the cap too.
    fn counted(&self) -> usize {
        let len = match self {
            Part::Data(data) => data.len(),
            Part::Trailers(trailers) => {
                trailers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
            }
        };
        len.max(1)
    }

    /// The size that counts for the quota: the data, and the memory to keep the part.
    fn cost(&self) -> usize {
        self.counted() + OVERHEAD
    }

    /// A copy of the part. A reference to a small slice would keep a large buffer in memory.
    fn copied(&self) -> Part {
        match self {
            Part::Data(data) => Part::Data(Bytes::copy_from_slice(data)),
            Part::Trailers(trailers) => Part::Trailers(trailers.clone()),
        }
    }
}

/// The parts that were sent, in order.
pub(crate) struct Prefix {
    parts: VecDeque<Part>,
    counted: usize,
    cap: usize,
    quota: BufferQuota,
}

impl Prefix {
    pub(crate) fn new(cap: usize, quota: BufferQuota) -> Prefix {
        Prefix { parts: VecDeque::new(), counted: 0, cap, quota }
    }

    /// Adds a part, if there is room for it.
    pub(crate) fn push(&mut self, part: &Part) -> bool {
        let counted = self.counted.saturating_add(part.counted());
        let fits = counted <= self.cap && self.quota.take(part.cost());
        if fits {
            self.counted = counted;
            self.parts.push_back(part.copied());
        }
        fits
    }

    pub(crate) fn pop(&mut self) -> Option<Part> {
        let part = self.parts.pop_front()?;
        self.quota.give_back(part.cost());
        Some(part)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(crate) fn data_len(&self) -> u64 {
        self.parts.iter().map(Part::data_len).sum()
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        self.quota.give_back(self.parts.iter().map(Part::cost).sum());
    }
}
