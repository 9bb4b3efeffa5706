//! Redirects that keep the credential at home.

use std::error::Error as StdError;

use http::Uri;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};
use tower_layer::Layer;

use super::http_service::is_same_origin;
use crate::guard::Guard;
use crate::{Auth, AuthLayer, Error, Scheme};

/// As many as reqwest follows by itself.
const MAX_REDIRECTS: usize = 10;

impl<S: Scheme, R: Clone> AuthLayer<S, R> {
    /// Builds a reqwest client whose redirects keep the credential at home, and puts this layer over it.
    ///
    /// The builder's redirect policy is replaced by [`reqwest_redirects`](AuthLayer::reqwest_redirects);
    /// everything else stays as it is.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if reqwest cannot build the client.
    pub fn reqwest(&self, builder: ClientBuilder) -> Result<Auth<Client, S, R>, Error> {
        let client = builder.redirect(self.reqwest_redirects()).build().map_err(|error| {
            Error::configuration(format!("reqwest cannot build the client: {}", texts(&error)))
        })?;
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
    /// ```
    /// # use tower_outbound_auth::{AuthLayer, TokenSource, scheme::HeaderScheme};
    /// # let layer = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
    /// let builder = reqwest::Client::builder().redirect(layer.reqwest_redirects());
    /// # let _ = builder;
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    #[must_use]
    pub fn reqwest_redirects(&self) -> Policy {
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

/// The same origin implies the same scheme, so that nothing falls back to plain http.
fn stays_home(guard: &Guard, from: &Url, to: &Url) -> bool {
    let uri = to.as_str().parse::<Uri>();
    is_same_origin(from, to) && uri.is_ok_and(|uri| guard.is_ours(&uri))
}

/// reqwest's errors leave the reason to their sources.
fn texts(error: &dyn StdError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", texts(source)),
        None => error.to_string(),
    }
}
