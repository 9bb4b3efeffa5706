//! What the layer knows about the redirects that a reqwest client below it follows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

use crate::error::Error;
use crate::origin::parts::is_this_machine;

/// What the layer knows about the client below. A reqwest client does not tell its redirect policy and its
/// proxies. So a layer remembers what it has set on a client, and whether the user has vouched for one. Clones of
/// the layer share this.
#[derive(Clone, Default)]
pub(crate) struct ClientRedirects(Arc<Known>);

#[derive(Default)]
struct Known {
    /// The client follows no redirect to another origin.
    same_origins_only: AtomicBool,
    /// The client sends requests for this machine through no proxy.
    past_proxies: AtomicBool,
}

impl ClientRedirects {
    pub(crate) fn learn(&self, past_proxies: bool) {
        self.0.same_origins_only.store(true, Ordering::Relaxed);
        self.0.past_proxies.fetch_or(past_proxies, Ordering::Relaxed);
    }

    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if the credential of a request to `url` might go
    /// elsewhere.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Error> {
        if !self.0.same_origins_only.load(Ordering::Relaxed) {
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
                 which is for this machine, with the credential: set NO_PROXY=127.0.0.1,::1,localhost, or \
                 build the client by AuthLayer::reqwest. If it uses no proxy (ClientBuilder::no_proxy), say so: \
                 AuthLayer::danger_own_reqwest_client",
            ));
        }
        Ok(())
    }
}

/// Whether reqwest's defaults would send a request for this machine to a proxy. The environment is read once, as by
/// a client when it is built.
fn is_proxied_by_environment(url: &Url) -> bool {
    static ENVIRONMENT: OnceLock<Matcher> = OnceLock::new();
    if !url.host_str().is_some_and(is_this_machine) {
        return false; // the case for almost every request
    }
    let proxies = ENVIRONMENT.get_or_init(Matcher::from_env);
    url.as_str().parse().is_ok_and(|uri| proxies.intercept(&uri).is_some())
}
