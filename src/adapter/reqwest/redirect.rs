//! Redirects that send the credential to its own origins only.

use std::error::Error as StdError;
use std::sync::Arc;

use http::Uri;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};
use tower_layer::Layer;

use crate::adapter::reqwest::response::is_same_origin;
use crate::auth::client_redirects::ClientRedirects;
use crate::auth::layer::AuthLayer;
use crate::auth::policy::Guard;
use crate::auth::service::Auth;
use crate::error::Error;
use crate::origin::Origin;
use crate::scheme::presentation::Presentation;

/// As many as reqwest follows by default.
const MAX_REDIRECTS: usize = 10;

impl<P: Presentation + ?Sized, R: Clone> AuthLayer<P, R> {
    /// Builds a reqwest client, and puts this layer over it. Its redirects send the credential to the layer's origins only.
    ///
    /// The builder's redirect policy is replaced by [`reqwest_redirects`](AuthLayer::reqwest_redirects). If one of
    /// the layer's origins is a loopback address, the client uses no proxy, neither the builder's nor the
    /// environment's (`http_proxy`). Otherwise a request over plain http to this machine would show its credential to
    /// the proxy. Everything else of the builder is used.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if reqwest cannot build the client.
    pub fn reqwest(&self, builder: ClientBuilder) -> Result<Auth<Client, R>, Error> {
        Ok(self.layer(self.safe_client(builder)?))
    }

    /// A client that sends the credential to the layer's origins only.
    pub(crate) fn safe_client(&self, builder: ClientBuilder) -> Result<Client, Error> {
        let stays_here = self.config.guard.origins.iter().any(Origin::is_this_machine);
        let builder = if stays_here { builder.no_proxy() } else { builder };
        let client = built(builder.redirect(self.policy()))?;
        self.config.redirects.learn(stays_here);
        Ok(client)
    }

    /// The redirect policy for a client below this layer or its middleware. The client then never sends the credential to another
    /// origin.
    ///
    /// At most 10 redirects are followed, each to the origin that it came from, and only if that is one of this layer's. Other
    /// redirects are not followed, and the caller gets the 3xx answer. This includes redirects between two origins of the layer:
    /// reqwest would remove an `Authorization` from the request, and the 401 that follows would look like a refusal of the token.
    /// The policy does not know origins that the layer gets later. While the token of the source needs headers that are made for
    /// each request ([`PerRequest`](crate::scheme::PerRequest), such as a DPoP proof), no redirect is followed: these headers are for one
    /// URL.
    ///
    /// Before this (or [`reqwest`](AuthLayer::reqwest)) was called on the layer or a clone of it, the layer sends nothing through
    /// a reqwest client: the error is [`ErrorKind::Configuration`](crate::ErrorKind::Configuration), because the policy of a client
    /// cannot be read. So give this policy to each client below the layer.
    ///
    /// ```
    /// # use tower_outbound_auth::{AuthLayer, TokenSource};
    /// # use tower_outbound_auth::system::HeaderScheme;
    /// # let layer = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
    /// let builder = reqwest::Client::builder().redirect(layer.reqwest_redirects());
    /// # let _ = builder;
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    #[must_use]
    pub fn reqwest_redirects(&self) -> Policy {
        self.config.redirects.learn(false);
        self.policy()
    }

    fn policy(&self) -> Policy {
        let guard = self.config.guard.clone();
        let limited = Policy::limited(MAX_REDIRECTS);
        // Weak, because this source's own exchange may use a client with this policy.
        let core = Arc::downgrade(self.source().core());
        Policy::custom(move |sent_request| {
            let from = sent_request.previous().last();
            let stays = |from| stays_within_origins(&guard, from, sent_request.url());
            // reqwest would send the same headers again, and a proof is for one URL.
            let has_proof = core.upgrade().is_some_and(|core| core.makes_headers_per_request());
            match !has_proof && from.is_some_and(stays) {
                true => limited.redirect(sent_request),
                false => sent_request.stop(),
            }
        })
    }
}

impl<P: Presentation + ?Sized, R: Clone> AuthLayer<P, R> {
    /// Trusts a reqwest client that was not built with the policy of
    /// [`reqwest_redirects`](AuthLayer::reqwest_redirects).
    ///
    /// The client must not follow a redirect to another origin
    /// ([`Policy::none`](reqwest::redirect::Policy::none), say), and must not reach this machine through a proxy
    /// ([`no_proxy`](ClientBuilder::no_proxy)). Otherwise a `Token` or `X-Api-Key` is sent there before the layer can notice. The
    /// call then fails with [`ErrorKind::SentElsewhere`](crate::ErrorKind::SentElsewhere).
    #[must_use]
    pub fn danger_own_reqwest_client(self) -> AuthLayer<P, R> {
        let redirects = ClientRedirects::default();
        redirects.learn(true);
        self.configure(|config| config.redirects = redirects)
    }
}

/// Whether a redirect stays at one origin, which is the layer's. The same origin has the same scheme, so no request is sent
/// over plain http instead of https.
fn stays_within_origins(guard: &Guard, from: &Url, to: &Url) -> bool {
    let uri = to.as_str().parse::<Uri>();
    is_same_origin(from, to) && uri.is_ok_and(|uri| guard.is_ours(&uri))
}

pub(crate) fn built(builder: ClientBuilder) -> Result<Client, Error> {
    builder.build().map_err(|error| {
        Error::configuration(format!("reqwest cannot build the client: {}", texts(&error)))
    })
}

/// The texts of an error and its sources. reqwest gives the reason in the sources only.
fn texts(error: &dyn StdError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", texts(source)),
        None => error.to_string(),
    }
}
