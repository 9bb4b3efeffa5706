//! The trait of a system.

use crate::endpoint::grant::Grant;
use crate::scheme::presentation::Presentation;

/// One system: how its token endpoint is asked ([`Grant`]), and how its tokens travel ([`Presentation`]). Every type
/// that is both is a `Scheme`. See the [module](super) for an example.
///
/// Object safe: `Arc<dyn Scheme>` is a `Scheme`.
pub trait Scheme: Grant + Presentation {}

impl<S: Grant + Presentation + ?Sized> Scheme for S {}
