//! How the tokens of an OAuth system are sent.

#[cfg(feature = "oauth")]
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};

use crate::scheme::judge::Judge;
#[cfg(feature = "oauth")]
use crate::scheme::key_binding::KeyBinding;
#[cfg(feature = "oauth")]
use crate::scheme::per_request::PerRequest;
use crate::scheme::presentation::Presentation;
use crate::scheme::value::{InvalidToken, bearer_value, prefixed_value};
use crate::secret::Secret;
#[cfg(feature = "oauth")]
use crate::system::oauth::dpop::maker::Maker;
use crate::system::oauth::system::OAuth;

impl Presentation for OAuth {
    fn header_name(&self) -> &HeaderName {
        &AUTHORIZATION
    }

    /// Only a system with DPoP accepts tokens of the type `dpop`.
    fn header_value(
        &self,
        token: &Secret,
        token_type: Option<&str>,
    ) -> Result<HeaderValue, InvalidToken> {
        match token_type {
            Some("dpop") => prefixed_value("DPoP ", token),
            _ => bearer_value(token),
        }
    }

    #[cfg(feature = "oauth")]
    fn per_request(&self, token: &Secret) -> Option<Arc<dyn PerRequest>> {
        Some(Arc::new(Maker::of(self.dpop.as_ref()?, token)?))
    }

    #[cfg(feature = "oauth")]
    fn key_binding(&self) -> Option<&dyn KeyBinding> {
        self.dpop.as_deref().map(|dpop| dpop as &dyn KeyBinding)
    }

    fn judge(&self) -> Judge {
        self.claims.clone().map_or_else(Judge::standard, Judge::answering)
    }
}
