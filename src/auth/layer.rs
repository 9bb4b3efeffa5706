//! The layer.

use std::fmt;
use std::sync::Arc;

use http::{Extensions, Request, Uri};
use tower_layer::Layer;
use tower_service::Service;

use crate::auth::config::{Config, Shared};
use crate::auth::policy::{CallerHeader, Foreign};
use crate::auth::service::Auth;
use crate::origin::Origin;
use crate::replay::body::prefix::BufferQuota;
use crate::replay::methods::ReplayMethods;
use crate::replay::strategies::Same;
use crate::replay::strategy::Strategy;
use crate::scheme::judge::Judge;
use crate::scheme::presentation::Presentation;
use crate::scheme::request::RequestHead;
use crate::token::builder::SourceBuilder;
use crate::token::source::TokenSource;

/// Gives every request of the wrapped service a valid credential.
///
/// See the [crate's documentation](crate) for what it does to a request, and where in a stack it belongs.
///
/// A layer is made by one of the presets, or by [`new`](AuthLayer::new) from any [`TokenSource`]. Making
/// it only checks the arguments. It is cheap to clone. The layer, its clones and all their services
/// share one source, so they share one token, and at most one exchange runs at a time.
///
/// The parameter `P` is the presentation: `atlas` makes an `AuthLayer<Atlas>`. For a field or an argument of type
/// `AuthLayer`, use [`erased`](AuthLayer::erased).
///
/// | option | default | because |
/// |---|---|---|
/// | [`with_origin`](AuthLayer::with_origin) | the token endpoint's (presets), none (`new`) | no credential is sent to a wrong host by accident |
/// | [`with_foreign`](AuthLayer::with_foreign) | [`Foreign::Refuse`] | an error is better than a request that silently lacks its credential |
/// | [`with_caller_header`](AuthLayer::with_caller_header) | [`CallerHeader::Replace`] | this layer is responsible for the header |
/// | [`with_exempt_if`](AuthLayer::with_exempt_if) | nothing is exempt | |
/// | [`with_response_uri`](AuthLayer::with_response_uri) | the request's | redirects belong above this layer |
/// | [`with_judge`](AuthLayer::with_judge) | the presentation's | it knows its system |
/// | [`with_replay`](AuthLayer::with_replay) | [`Same`]: bodies in memory, boxed streams, the bodies of the [stacks](crate::adapter) | keeps the body type, copies nothing |
/// | [`with_replay_methods`](AuthLayer::with_replay_methods) | all | a server that answers 401 has not applied the request |
/// | [`with_buffer_quota`](AuthLayer::with_buffer_quota) | 64 MiB | enough for a thousand uploads at once, with 64 KiB each |
/// | [`rebuild_source`](AuthLayer::rebuild_source) | those of [`SourceBuilder`](crate::token::SourceBuilder) | |
///
/// # Switched off
///
/// If a setting says that there is no credential (in a test environment, say), keep the layer and exempt all
/// requests. The layer then needs no runtime and reads no secret, and the stack's type stays the same.
///
/// ```
/// # use tower_outbound_auth::{AuthLayer, TokenSource};
/// # use tower_outbound_auth::system::HeaderScheme;
/// # let (layer, off) = (AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?), true);
/// let layer = layer.with_exempt_if(move |_| off);
/// # let _ = layer;
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
///
/// `tower::util::option_layer` needs the same error type with and without the layer. So it fits only over a service
/// whose error is a [`BoxError`](crate::BoxError): `.option_layer(auth).map_err(BoxError::from).service(client)`.
pub struct AuthLayer<P: ?Sized = dyn Presentation, R = Same> {
    source: TokenSource<P>,
    pub(crate) config: Arc<Config>,
    replay: R,
}

impl<P: Presentation + ?Sized> AuthLayer<P> {
    /// A layer over a source of your own making. It is bound to no origin yet: without
    /// [`with_origin`](AuthLayer::with_origin), every request is foreign.
    #[must_use]
    pub fn new(source: TokenSource<P>) -> AuthLayer<P> {
        AuthLayer { source, config: Arc::default(), replay: Same::new() }
    }
}

impl<P: Presentation + ?Sized, R> AuthLayer<P, R> {
    /// A handle to the same source with the same options. Its type does not name the presentation, so it fits
    /// fields and arguments of type `AuthLayer`.
    ///
    /// ```
    /// use tower_outbound_auth::{AuthLayer, Error, TokenSource, system::HeaderScheme};
    ///
    /// struct Settings {
    ///     auth: AuthLayer,
    /// }
    ///
    /// fn has_token(source: &TokenSource) -> bool {
    ///     source.status().expires_in.is_some()
    /// }
    ///
    /// let auth = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
    /// let settings = Settings { auth: auth.erased() };
    /// assert!(!has_token(settings.auth.source()), "a fixed token has no end");
    /// # Ok::<_, Error>(())
    /// ```
    #[must_use]
    pub fn erased(self) -> AuthLayer<dyn Presentation, R> {
        let AuthLayer { source, config, replay } = self;
        AuthLayer { source: source.erased(), config, replay }
    }

    /// Adds an origin that the credential may be sent to.
    #[must_use]
    pub fn with_origin(self, origin: Origin) -> AuthLayer<P, R> {
        self.configure(|config| config.guard.origins.push(origin))
    }

    /// What happens to requests to other origins. Default: [`Foreign::Refuse`].
    #[must_use]
    pub fn with_foreign(self, foreign: Foreign) -> AuthLayer<P, R> {
        self.configure(|config| config.guard.foreign = foreign)
    }

    /// What happens to a credential header that the caller set. Default: [`CallerHeader::Replace`].
    #[must_use]
    pub fn with_caller_header(self, caller_header: CallerHeader) -> AuthLayer<P, R> {
        self.configure(|config| config.guard.caller_header = caller_header)
    }

    /// Requests for which `exempt` returns true pass untouched, as do requests with the extension
    /// [`Exempt`](crate::Exempt). `exempt` is called once per request and must not panic.
    #[must_use]
    pub fn with_exempt_if(
        self,
        exempt: impl Fn(RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> AuthLayer<P, R> {
        self.configure(|config| config.guard.exempt_if = Some(Arc::new(exempt)))
    }

    /// Tells the layer which URI a response comes from, if something below the layer follows redirects:
    /// `find` takes that URI from the response's extensions. A response from a foreign origin is returned
    /// as it is: the layer neither renews a token because of it nor takes a token from it. Default: the
    /// response comes from the URI of the request.
    ///
    /// A layer or client that follows redirects belongs *above* this layer, where the origin of each hop
    /// is checked. Below it, the credential is sent before anybody can check; this option only prevents
    /// further harm from the answer.
    ///
    /// ```
    /// use tower_http::follow_redirect::RequestUri;
    /// # use tower_outbound_auth::{AuthLayer, TokenSource};
    /// # use tower_outbound_auth::system::HeaderScheme;
    /// # let layer = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
    ///
    /// let layer = layer.with_response_uri(|extensions| extensions.get::<RequestUri>().map(|it| it.0.clone()));
    /// # let _ = layer;
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    #[must_use]
    pub fn with_response_uri(
        self,
        find: impl Fn(&Extensions) -> Option<Uri> + Send + Sync + 'static,
    ) -> AuthLayer<P, R> {
        self.configure(|config| config.response_uri = Some(Arc::new(find)))
    }

    /// Reads the responses with another judge. Default: the judge of the source's presentation. The new judge
    /// replaces it completely, so it must also recognise the standard refusals ([`is_refusal`]). To judge by the body
    /// too, put an [`InspectBodyLayer`](crate::InspectBodyLayer) below this layer.
    ///
    /// [`is_refusal`]: crate::scheme::ResponseHead::is_refusal
    ///
    /// ```
    /// # use tower_outbound_auth::{AuthLayer, TokenSource, system::HeaderScheme};
    /// # let layer = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
    /// use tower_outbound_auth::scheme::{Judge, Verdict};
    ///
    /// // This API also answers 419.
    /// let layer = layer.with_judge(Judge::new(|response| {
    ///     match response.is_refusal() || response.status == 419 {
    ///         true => Verdict::Refused,
    ///         false => Verdict::Accepted,
    ///     }
    /// }));
    /// # let _ = layer;
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    #[must_use]
    pub fn with_judge(self, judge: Judge) -> AuthLayer<P, R> {
        self.configure(|config| config.judge = Some(judge))
    }

    /// Which methods are sent again after a refusal. Default: all.
    #[must_use]
    pub fn with_replay_methods(self, methods: ReplayMethods) -> AuthLayer<P, R> {
        self.configure(|config| config.methods = methods)
    }

    /// The memory for copies of bodies, in bytes, for all requests of this layer together. Default: 64 MiB, enough
    /// for a thousand uploads at once. A request that finds no room is sent, but cannot be sent again. See
    /// [`replay`](crate::replay#memory).
    #[must_use]
    pub fn with_buffer_quota(self, bytes: usize) -> AuthLayer<P, R> {
        self.configure(|config| config.quota = BufferQuota::of(bytes))
    }

    /// Another strategy of replay; see [`replay`](crate::replay).
    #[must_use]
    pub fn with_replay<R2: Strategy>(self, replay: R2) -> AuthLayer<P, R2> {
        AuthLayer { source: self.source, config: self.config, replay }
    }

    /// Replaces the source by another one, which `change` makes from a builder with the options of this one: for the
    /// options of a source that a preset has made. The new source has a token, a lock and counters of
    /// its own, and asks through the same exchange. So call this where the
    /// layer is made, before you clone it or take its [`source`](AuthLayer::source).
    ///
    /// ```
    /// # use tower_outbound_auth::{AuthLayer, TokenSource};
    /// # use tower_outbound_auth::system::HeaderScheme;
    /// # let layer = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
    /// use std::time::Duration;
    ///
    /// let layer = layer.rebuild_source(|source| source.exchange_timeout(Duration::from_secs(3)));
    /// # let _ = layer;
    /// # Ok::<_, tower_outbound_auth::Error>(())
    /// ```
    #[must_use]
    pub fn rebuild_source(
        self,
        change: impl FnOnce(SourceBuilder<P>) -> SourceBuilder<P>,
    ) -> AuthLayer<P, R> {
        let source = change(self.source.to_builder()).build();
        AuthLayer { source, ..self }
    }

    /// The source: for [`warm_up`](TokenSource::warm_up), [`status`](TokenSource::status) and other layers.
    #[must_use]
    pub fn source(&self) -> &TokenSource<P> {
        &self.source
    }

    pub(crate) fn configure(mut self, change: impl FnOnce(&mut Config)) -> AuthLayer<P, R> {
        change(Arc::make_mut(&mut self.config));
        self
    }
}

/// What a layer can wrap: anything that is `Clone`. It is a trait of its own so that the compiler shows the
/// text below. For `Clone`, the compiler would only say that it is missing.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`AuthLayer` needs a service that is `Clone`, and `{Self}` is not",
    label = "not `Clone`",
    note = "a refused request is sent again by a clone of the service; put a buffer below the layer \
            (`ServiceBuilder::buffer`), or box with `BoxCloneSyncService` instead of `BoxService`"
)]
pub trait Inner: Clone {}

#[diagnostic::do_not_recommend]
impl<I: Clone> Inner for I {}

/// The bounds of the service are also here, so that the compiler reports a stack that cannot work
/// at the place where it is built.
impl<I: Inner, P: Presentation + ?Sized, R: Clone> Layer<I> for AuthLayer<P, R> {
    type Service = Auth<I, R>;

    fn layer(&self, inner: I) -> Auth<I, R> {
        let (core, config) = (self.source.core().clone(), (*self.config).clone());
        let judge = config.judge.clone().unwrap_or_else(|| core.judge.clone());
        let shared = Shared { core, config, judge };
        Auth::new(inner, Arc::new(shared), self.replay.clone())
    }
}

impl<P: ?Sized, R: fmt::Debug> fmt::Debug for AuthLayer<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer")
            .field("source", &self.source)
            .field("config", &self.config)
            .field("replay", &self.replay)
            .finish()
    }
}

/// Not derived, because a derive would need `P: Clone`.
impl<P: ?Sized, R: Clone> Clone for AuthLayer<P, R> {
    fn clone(&self) -> AuthLayer<P, R> {
        AuthLayer {
            source: self.source.clone(),
            config: self.config.clone(),
            replay: self.replay.clone(),
        }
    }
}

/// Does nothing, and compiles only if `service` takes requests with a body of type `B`. If a stack does
/// not fit together, the compiler's error at this call names the wrong part.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use tower::{ServiceBuilder, service_fn};
/// use tower_outbound_auth::{AuthLayer, TokenSource, assert_accepts};
/// use tower_outbound_auth::system::HeaderScheme;
///
/// let layer = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
/// let api = service_fn(|_: http::Request<Full<Bytes>>| async {
///     Ok::<_, std::io::Error>(http::Response::new(Full::<Bytes>::default()))
/// });
/// let service = ServiceBuilder::new().layer(layer).service(api);
/// assert_accepts::<Full<Bytes>>(&service);
/// # Ok::<_, tower_outbound_auth::Error>(())
/// ```
pub fn assert_accepts<B>(service: &impl Service<Request<B>>) {
    let _ = service;
}
