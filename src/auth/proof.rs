//! The headers that a request carries beside its token, if the presentation needs any, and what its response says about
//! them.

use http::{HeaderMap, Request, Response, Uri};

use crate::auth::config::Config;
use crate::clock::Now;
use crate::error::{Error, ErrorKind, root_cause};
use crate::origin::Origin;
use crate::scheme::per_request::{ProofVerdict, RequestToSign, SignedRequest};
use crate::scheme::request::RequestHead;
use crate::scheme::response::ResponseHead;
use crate::token::published::AccessToken;

/// The headers of a request that is under way. A request that is sent again for new headers has the same token and the
/// same maker.
pub(crate) struct Proof<R> {
    pub(crate) token: AccessToken,
    /// For a further sending. None if the request was first sent with a token that has no maker.
    pub(crate) replay: Option<R>,
    uri: Uri,
    made: HeaderMap,
}

impl<R: Clone> Proof<R> {
    /// Adds the headers to a request that is about to be sent with `token`. None if the token has no maker of headers.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Proof`] if the headers cannot be made. The request must not be sent then.
    pub(crate) fn add<B>(
        token: &AccessToken,
        now: Now,
        request: &mut Request<B>,
        replay: Option<&R>,
    ) -> Result<Option<Proof<R>>, Error> {
        let Some((maker, secret)) = token.per_request() else { return Ok(None) };
        let head = RequestHead::of(request);
        let mut made = maker.headers(RequestToSign::new(head, secret, now)).map_err(|error| {
            let cause = root_cause(&*error);
            Error::new(
                ErrorKind::Proof,
                format!("the request was not sent: its proof could not be made: {cause}"),
            )
        })?;
        // A proof is valid for a while, so no log may show it.
        made.values_mut().for_each(|value| value.set_sensitive(true));
        // Each header replaces the caller's header of that name.
        request.headers_mut().extend(made.clone());
        let (token, replay, uri) = (token.clone(), replay.cloned(), request.uri().clone());
        Ok(Some(Proof { token, replay, uri, made }))
    }
}

impl<R> Proof<R> {
    /// What a response says about the headers. A response of another origin says nothing.
    #[cold]
    #[inline(never)]
    pub(crate) fn verdict<RB>(&self, config: &Config, response: &Response<RB>) -> ProofVerdict {
        let Some((maker, _)) = self.token.per_request() else { return ProofVerdict::Accepted };
        let answered = config.response_uri.as_ref().and_then(|find| find(response.extensions()));
        if answered.is_some_and(|uri| Origin::of_uri(&uri) != Origin::of_uri(&self.uri)) {
            return ProofVerdict::Accepted;
        }
        maker.response(SignedRequest::new(&self.uri, &self.made), ResponseHead::of(response))
    }
}
