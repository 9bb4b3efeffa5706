//! The layer: [`AuthLayer::for_tonic`].

use tower_layer::Layer;

use crate::adapter::tonic::service::TonicAuth;
use crate::auth::layer::{AuthLayer, Inner};
use crate::replay::strategies::Same;
use crate::scheme::presentation::Presentation;

impl<P: Presentation + ?Sized, R> AuthLayer<P, R> {
    /// The same layer, but its own errors are a [`tonic::Status`]: a generated client shows their code and their
    /// text.
    ///
    /// The codes are in [`adapter::tonic`](crate::adapter::tonic#codes). Without this method, such a
    /// client shows [`Code::Unknown`](tonic::Code::Unknown). Set all other options first: the new layer
    /// has no methods for them.
    ///
    /// ```
    /// use tonic::transport::Channel;
    /// use tonic_health::pb::health_client::HealthClient;
    /// use tower::Layer;
    /// use tower_outbound_auth::AuthLayer;
    /// use tower_outbound_auth::adapter::tonic::TonicAuth;
    ///
    /// fn client(auth: AuthLayer, channel: Channel) -> HealthClient<TonicAuth<Channel>> {
    ///     HealthClient::new(auth.for_tonic().layer(channel))
    /// }
    /// # let _ = client;
    /// ```
    #[must_use]
    pub fn for_tonic(self) -> TonicLayer<R> {
        TonicLayer { auth: self.erased() }
    }
}

/// An [`AuthLayer`] whose own errors are a [`tonic::Status`]; made by [`AuthLayer::for_tonic`].
///
/// It is cheap to clone. Its services share the source of the layer that it was made from.
#[derive(Clone, Debug)]
pub struct TonicLayer<R = Same> {
    auth: AuthLayer<dyn Presentation, R>,
}

impl<I: Inner, R: Clone> Layer<I> for TonicLayer<R> {
    type Service = TonicAuth<I, R>;

    fn layer(&self, inner: I) -> TonicAuth<I, R> {
        TonicAuth::new(self.auth.layer(inner))
    }
}
