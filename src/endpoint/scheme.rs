//! The two halves of a system in one trait.

use crate::endpoint::grant::Grant;
use crate::scheme::presentation::Presentation;

/// One system: the requests to its token endpoint ([`Grant`]), and the header of its tokens ([`Presentation`]). Every
/// type that implements both is a `Scheme`. See the [module](super) for an example.
///
/// Object safe: `Arc<dyn Scheme>` is a `Scheme`.
pub trait Scheme: Grant + Presentation {}

impl<S: Grant + Presentation + ?Sized> Scheme for S {}
