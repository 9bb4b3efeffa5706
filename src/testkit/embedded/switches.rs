//! The switches that all embedded servers have.

use std::time::Duration;

use http::StatusCode;

use super::{EmbeddedProtocol, EmbeddedServer};
use crate::testkit::MalformedAnswer;

impl<P: EmbeddedProtocol> EmbeddedServer<P> {
    // ===== switches: the token endpoint =====

    /// Revokes all tokens issued so far.
    pub fn revoke_tokens(&self) {
        self.lock().issuer.mint.revoke_all();
    }

    /// From now on the credentials are refused, or accepted again.
    pub fn refuse_credentials(&self, refuse: bool) {
        self.lock().issuer.refuse_credentials = refuse;
    }

    /// From now on every exchange takes this long by the server's clock, counted from its arrival.
    pub fn delay_exchanges(&self, delay: Duration) {
        self.lock().exchange_delay = delay;
    }

    /// With `true`, each exchange gives the last token again until it expires, even if it is revoked. With `false`,
    /// each gives a new one.
    pub fn set_sticky(&self, sticky: bool) {
        self.lock().issuer.mint.set_sticky(sticky);
    }

    /// From now on every exchange gets this answer. With `None`, exchanges get tokens again.
    pub fn set_malformed(&self, answer: Option<MalformedAnswer>) {
        self.lock().malformed = answer;
    }

    /// From now on every exchange is answered with a 503, and with this `Retry-After` if there is one. The API still works.
    pub fn begin_outage(&self, retry_after: Option<Duration>) {
        self.lock().outage = Some(retry_after);
    }

    /// Ends the outage.
    pub fn end_outage(&self) {
        self.lock().outage = None;
    }

    // ===== switches: the API, and paths =====

    /// From now on the API sends its answers this long after the request arrived, by the server's clock. The token is checked when
    /// the request arrives.
    pub fn delay_requests(&self, delay: Duration) {
        self.lock().request_delay = delay;
    }

    /// From now on `path` of the API answers 401, even with a valid token.
    pub fn refuse_path(&self, path: &str) {
        self.lock().refusing.insert(path.to_owned());
    }

    /// From now on `path`, of the API or of the token endpoint, answers with this status, whatever the
    /// token or the credentials. `None` ends this.
    pub fn fail_path(&self, path: &str, status: Option<StatusCode>) {
        let mut state = self.lock();
        match status {
            Some(status) => state.failing.insert(path.to_owned(), status),
            None => state.failing.remove(path),
        };
    }

    /// From now on `path`, of the API or of the token endpoint, redirects to the URL `to`; `status` is
    /// 302, 307 or 308, say. It needs no credential.
    pub fn redirect_path(&self, path: &str, status: StatusCode, to: &str) {
        self.lock().redirects.insert(path.to_owned(), (status, to.to_owned()));
    }

    /// Ends the redirect of `path`.
    pub fn end_redirect(&self, path: &str) {
        self.lock().redirects.remove(path);
    }
}
