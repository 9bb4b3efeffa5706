//! Redirects that keep the credential at home.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Uri;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};
use tower_layer::Layer;

use super::response::is_same_origin;
use crate::guard::Guard;
use crate::{Auth, AuthLayer, Error, Origin, Scheme};

/// As many as reqwest follows by itself.
const MAX_REDIRECTS: usize = 10;

/// Whether the client below is known to keep the credential at home. It cannot be asked what its redirect
/// policy is. So a layer remembers that it has given its own policy away, or that its user vouches for the
/// client's. Clones of the layer share this.
#[derive(Clone, Default)]
pub(crate) struct Redirects {
    stay_home: Arc<AtomicBool>,
}

impl Redirects {
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if nothing is known.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.stay_home.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(Error::configuration(
                "the reqwest client may follow a redirect to another origin and carry the credential there: \
                 build it by AuthLayer::reqwest, or give its builder the policy of \
                 AuthLayer::reqwest_redirects. If it follows no redirects at all, say so: \
                 AuthLayer::danger_own_reqwest_redirects",
            )),
        }
    }
}

impl fmt::Debug for Redirects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.check().is_ok() { "StayHome" } else { "Unknown" })
    }
}

impl<S: Scheme, R: Clone> AuthLayer<S, R> {
    /// Builds a reqwest client whose redirects keep the credential at home, and puts this layer over it.
    ///
    /// The builder's redirect policy is replaced by [`reqwest_redirects`](AuthLayer::reqwest_redirects). If one of
    /// the layer's origins is a loopback address, the client uses no proxy, neither the builder's nor that of
    /// the environment (`http_proxy`): a request over plain http to this very machine would go to the
    /// proxy with its credential. Everything else stays as it is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if reqwest cannot build the client.
    pub fn reqwest(&self, builder: ClientBuilder) -> Result<Auth<Client, S, R>, Error> {
        let stays_here = self.config.guard.origins.iter().any(Origin::is_this_machine);
        let builder = if stays_here { builder.no_proxy() } else { builder };
        let client = built(builder.redirect(self.policy()))?;
        self.config.redirects.stay_home.store(true, Ordering::Relaxed);
        Ok(self.layer(client))
    }

    /// The redirect policy of a client that this layer is put over, or that its middleware is used with: it
    /// never carries the credential to another origin.
    ///
    /// At most 10 redirects are followed, each to the origin that it came from, and only where that is one of
    /// this layer's. Any other is not followed, and the caller gets the 3xx answer: even between two origins
    /// of the layer's, since reqwest would take an `Authorization` off the request, and the refusal that
    /// follows would pass for one of the token. Origins that are given to the layer after this are not known
    /// to the policy.
    ///
    /// Until this (or [`reqwest`](AuthLayer::reqwest)) has been called on the layer or a clone of it, the layer refuses
    /// to send through a reqwest client, with [`ErrorKind::Configuration`](crate::ErrorKind::Configuration): the
    /// policy of a client cannot be read. So give the policy to each client that goes below the layer.
    ///
    /// ```
    /// # use tower_outbound_auth::{AuthLayer, TokenSource, scheme::HeaderScheme};
    /// # let layer = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
    /// let builder = reqwest::Client::builder().redirect(layer.reqwest_redirects());
    /// # let _ = builder;
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    #[must_use]
    pub fn reqwest_redirects(&self) -> Policy {
        self.config.redirects.stay_home.store(true, Ordering::Relaxed);
        self.policy()
    }

    fn policy(&self) -> Policy {
        let guard = self.config.guard.clone();
        let limited = Policy::limited(MAX_REDIRECTS);
        Policy::custom(move |attempt| {
            let from = attempt.previous().last();
            match from.is_some_and(|from| stays_home(&guard, from, attempt.url())) {
                true => limited.redirect(attempt),
                false => attempt.stop(),
            }
        })
    }
}

impl<S: Scheme, R: Clone> AuthLayer<S, R> {
    /// Trusts a reqwest client that was not built with the policy of
    /// [`reqwest_redirects`](AuthLayer::reqwest_redirects).
    ///
    /// The client must not follow a redirect to another origin
    /// ([`Policy::none`](reqwest::redirect::Policy::none), say). Otherwise a `Token` or `X-Api-Key` goes along
    /// before anybody can notice; the call then fails with
    /// [`ErrorKind::ForeignOrigin`](crate::ErrorKind::ForeignOrigin).
    #[must_use]
    pub fn danger_own_reqwest_redirects(self) -> AuthLayer<S, R> {
        let redirects = Redirects { stay_home: Arc::new(AtomicBool::new(true)) };
        self.configure(|config| config.redirects = redirects)
    }
}

/// The same origin implies the same scheme, so that nothing falls back to plain http.
fn stays_home(guard: &Guard, from: &Url, to: &Url) -> bool {
    let uri = to.as_str().parse::<Uri>();
    is_same_origin(from, to) && uri.is_ok_and(|uri| guard.is_ours(&uri))
}

pub(super) fn built(builder: ClientBuilder) -> Result<Client, Error> {
    builder.build().map_err(|error| {
        Error::configuration(format!("reqwest cannot build the client: {}", texts(&error)))
    })
}

/// reqwest's errors leave the reason to their sources.
fn texts(error: &dyn StdError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", texts(source)),
        None => error.to_string(),
    }
}
