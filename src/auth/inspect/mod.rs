//! An opt-in layer below ours: it reads the beginning of a body, so that a judge can read it.

pub(crate) mod future;
pub(crate) mod layer;
pub(crate) mod options;
pub(crate) mod peeked;
pub(crate) mod reading;

pub use self::future::InspectFuture;
pub use self::layer::{InspectBody, InspectBodyLayer};
pub use self::peeked::Peeked;
