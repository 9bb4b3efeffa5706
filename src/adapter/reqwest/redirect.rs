//! Redirects that keep the credential at home.

use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};
use tower_layer::Layer;

use crate::adapter::reqwest::response::is_same_origin;
use crate::auth::layer::AuthLayer;
use crate::auth::policy::Guard;
use crate::auth::service::Auth;
use crate::error::Error;
use crate::origin::Origin;
use crate::origin::parts::is_this_machine;
use crate::scheme::presentation::Presentation;

/// As many as reqwest follows by itself.
const MAX_REDIRECTS: usize = 10;

/// What is known of the client below. It cannot be asked what its redirect policy and its proxies are. So a layer
/// remembers what it has done for a client, and that its user vouches for one. Clones of the layer share this.
#[derive(Clone, Default)]
pub(crate) struct Redirects(Arc<Known>);

#[derive(Default)]
struct Known {
    /// It follows no redirect to another origin.
    stays_home: AtomicBool,
    /// It reaches this machine past every proxy.
    past_proxies: AtomicBool,
}

impl Redirects {
    fn learn(&self, past_proxies: bool) {
        self.0.stays_home.store(true, Ordering::Relaxed);
        self.0.past_proxies.fetch_or(past_proxies, Ordering::Relaxed);
    }

    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the credential of a request to `url` might go
    /// elsewhere.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Error> {
        if !self.0.stays_home.load(Ordering::Relaxed) {
            return Err(Error::configuration(
                "the reqwest client may follow a redirect to another origin and carry the credential there: \
                 build it by AuthLayer::reqwest, or give its builder the policy of \
                 AuthLayer::reqwest_redirects. If it follows no redirects at all, say so: \
                 AuthLayer::danger_own_reqwest_client",
            ));
        }
        if !self.0.past_proxies.load(Ordering::Relaxed) && is_proxied_by_environment(url) {
            return Err(Error::configuration(
                "the environment names a proxy (http_proxy, say), and the reqwest client may send it this request, \
                 which is for this very machine, with the credential: set NO_PROXY=127.0.0.1,::1,localhost, or \
                 build the client by AuthLayer::reqwest. If it uses no proxy (ClientBuilder::no_proxy), say so: \
                 AuthLayer::danger_own_reqwest_client",
            ));
        }
        Ok(())
    }
}

/// Whether reqwest would, by itself, send a request for this machine to a proxy. The environment is read once, as a
/// client does when it is built.
fn is_proxied_by_environment(url: &Url) -> bool {
    static ENVIRONMENT: OnceLock<Matcher> = OnceLock::new();
    if !url.host_str().is_some_and(is_this_machine) {
        return false; // as nearly always
    }
    let proxies = ENVIRONMENT.get_or_init(Matcher::from_env);
    url.as_str().parse().is_ok_and(|uri| proxies.intercept(&uri).is_some())
}

impl fmt::Debug for Redirects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stays_home = self.0.stays_home.load(Ordering::Relaxed);
        f.write_str(if stays_home { "StayHome" } else { "Unknown" })
    }
}

impl<P: Presentation + ?Sized, R: Clone> AuthLayer<P, R> {
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
    pub fn reqwest(&self, builder: ClientBuilder) -> Result<Auth<Client, R>, Error> {
        let stays_here = self.config.guard.origins.iter().any(Origin::is_this_machine);
        let builder = if stays_here { builder.no_proxy() } else { builder };
        let client = built(builder.redirect(self.policy()))?;
        self.config.redirects.learn(stays_here);
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
        Policy::custom(move |attempt| {
            let from = attempt.previous().last();
            match from.is_some_and(|from| stays_home(&guard, from, attempt.url())) {
                true => limited.redirect(attempt),
                false => attempt.stop(),
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
    /// ([`no_proxy`](ClientBuilder::no_proxy)). Otherwise a `Token` or `X-Api-Key` goes along
    /// before anybody can notice; the call then fails with
    /// [`ErrorKind::ForeignOrigin`](crate::ErrorKind::ForeignOrigin).
    #[must_use]
    pub fn danger_own_reqwest_client(self) -> AuthLayer<P, R> {
        let redirects = Redirects::default();
        redirects.learn(true);
        self.configure(|config| config.redirects = redirects)
    }
}

/// The same origin implies the same scheme, so that nothing falls back to plain http.
fn stays_home(guard: &Guard, from: &Url, to: &Url) -> bool {
    let uri = to.as_str().parse::<Uri>();
    is_same_origin(from, to) && uri.is_ok_and(|uri| guard.is_ours(&uri))
}

pub(crate) fn built(builder: ClientBuilder) -> Result<Client, Error> {
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
