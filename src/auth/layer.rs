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
/// A layer is made by one of the presets, or by [`new`](AuthLayer::new) from any [`TokenSource`]; making
/// it does nothing but check what it was given. It is cheap to clone, and all services that come from it
/// and its clones share one source: one token, and never more than one exchange.
///
/// The parameter `P` is the presentation: what `atlas` makes is an `AuthLayer<Atlas>`. For a field or an argument of type
/// `AuthLayer`, say [`erased`](AuthLayer::erased).
///
/// | option | default | because |
/// |---|---|---|
/// | [`with_origin`](AuthLayer::with_origin) | the token endpoint's (presets), none (`new`) | a credential goes nowhere by accident |
/// | [`with_foreign`](AuthLayer::with_foreign) | [`Foreign::Refuse`] | a request without its credential is not what was asked for |
/// | [`with_caller_header`](AuthLayer::with_caller_header) | [`CallerHeader::Replace`] | this layer is responsible for the header |
/// | [`with_exempt_if`](AuthLayer::with_exempt_if) | nothing is exempt | |
/// | [`with_response_uri`](AuthLayer::with_response_uri) | the request's | redirects belong above this layer |
/// | [`with_judge`](AuthLayer::with_judge) | the presentation's | it knows its system |
/// | [`with_replay`](AuthLayer::with_replay) | [`Same`]: bodies in memory, boxed streams, those of the [stacks](crate::adapter) | keeps the body type, copies nothing |
/// | [`with_replay_methods`](AuthLayer::with_replay_methods) | all | a server that answers 401 has not applied the request |
/// | [`with_buffer_quota`](AuthLayer::with_buffer_quota) | 64 MiB | a thousand uploads at once, of which 64 KiB each are kept |
/// | [`rebuild_source`](AuthLayer::rebuild_source) | those of [`SourceBuilder`](crate::token::SourceBuilder) | |
///
/// # Switched off
///
/// Where a setting says that there is no credential (in a test environment, say), let the layer be and exempt all
/// requests: it then neither needs a runtime nor reads a secret, and the stack's type stays the same.
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
/// `tower::util::option_layer` puts the layer and the bare client side by side, and asks them for one type of error.
/// So it fits only over a service whose error is a [`BoxError`](crate::BoxError):
/// `.option_layer(auth).map_err(BoxError::from).service(client)`.
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
    /// A handle to the same source with the same options, whose type does not name the presentation: for fields and
    /// arguments.
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

    /// One more origin that the credential may be sent to.
    #[must_use]
    pub fn with_origin(self, origin: Origin) -> AuthLayer<P, R> {
        self.configure(|config| config.guard.origins.push(origin))
    }

    /// What becomes of requests to other origins. Default: [`Foreign::Refuse`].
    #[must_use]
    pub fn with_foreign(self, foreign: Foreign) -> AuthLayer<P, R> {
        self.configure(|config| config.guard.foreign = foreign)
    }

    /// What becomes of a credential header that the caller set. Default: [`CallerHeader::Replace`].
    #[must_use]
    pub fn with_caller_header(self, caller_header: CallerHeader) -> AuthLayer<P, R> {
        self.configure(|config| config.guard.caller_header = caller_header)
    }

    /// Requests for which `exempt` says true pass untouched, as those with the extension
    /// [`Exempt`](crate::Exempt) do. It is called once per request and must not panic.
    #[must_use]
    pub fn with_exempt_if(
        self,
        exempt: impl Fn(RequestHead<'_>) -> bool + Send + Sync + 'static,
    ) -> AuthLayer<P, R> {
        self.configure(|config| config.guard.exempt_if = Some(Arc::new(exempt)))
    }

    /// Tells the layer where a response is really from, if something below it follows redirects: `find`
    /// looks that URI up among the response's extensions. A response from a foreign origin is then handed
    /// on as it came: it neither renews a token nor hands one out. Default: the response is from where the
    /// request went.
    ///
    /// A layer or client that follows redirects belongs *above* this layer, where the origin guard sees
    /// each hop. Below it, the credential has left before anybody can look; this option keeps the answer
    /// from doing further harm.
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

    /// Reads the responses with another judge. Default: the one of the source's presentation. It takes the place of the
    /// standard judge: what that one takes for a refusal, this one has to say as well ([`is_refusal`]).
    ///
    /// [`is_refusal`]: crate::scheme::ResponseHead::is_refusal
    ///
    /// ```
    /// # use tower_outbound_auth::{AuthLayer, TokenSource, system::HeaderScheme};
    /// # let layer = AuthLayer::new(TokenSource::fixed(HeaderScheme::bearer(), "abc")?);
    /// use tower_outbound_auth::scheme::{Judge, Verdict};
    ///
    /// // This API also says 419.
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

    /// The memory for copies of bodies, in bytes, for all requests of this layer together. Default: 64 MiB, for a thousand
    /// uploads at once. A request that finds no room is sent all the same, and cannot be sent again. See
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
    /// options of a source that a preset has made. The new source shares nothing with the old one. So call this where the
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

/// What a layer can wrap: anything that is `Clone`. A trait of its own, because the compiler says of it what
/// is said here, and of `Clone` only that it is missing.
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

/// The bounds of the service stand here too, so that a stack which cannot work says why where it is
/// built.
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

/// By hand: a derive would ask for `P: Clone`.
impl<P: ?Sized, R: Clone> Clone for AuthLayer<P, R> {
    fn clone(&self) -> AuthLayer<P, R> {
        AuthLayer {
            source: self.source.clone(),
            config: self.config.clone(),
            replay: self.replay.clone(),
        }
    }
}

/// Does nothing, and compiles only if `service` takes requests with a body of type `B`. When a stack does
/// not fit together, the compiler's complaint about this call names the part that does not.
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
