//! What the built-in client tells of the certificate that it has shown.

use std::sync::Arc;
use std::time::Duration;

use crate::endpoint::certificate::client_certificate::ClientCertificate;
use crate::endpoint::certificate::pair::Pair;
use crate::secret::Secret;

/// The certificate of the connection that brought an answer. It is an extension of the response.
#[derive(Clone)]
pub(crate) struct ShownCertificate {
    certificate: ClientCertificate,
    pair: Arc<Pair>,
}

impl ShownCertificate {
    pub(crate) fn new(certificate: ClientCertificate, pair: Arc<Pair>) -> ShownCertificate {
        ShownCertificate { certificate, pair }
    }

    /// `x5t#S256`.
    pub(crate) fn thumbprint(&self) -> &str {
        &self.pair.thumbprint
    }

    /// The last second in which it is valid, since the epoch.
    pub(crate) fn ends(&self) -> Duration {
        self.pair.validity.ends
    }

    /// The answer has brought this token. Requests with it go over connections that show this certificate.
    pub(crate) fn brought(&self, token: &Secret) {
        self.certificate.remember(token, &self.pair);
    }
}
