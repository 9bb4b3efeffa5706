//! Headers that each single request carries beside its token.

use std::fmt;

use http::{HeaderMap, Uri};

use crate::basics::BoxError;
use crate::clock::Now;
use crate::scheme::request::RequestHead;
use crate::scheme::response::ResponseHead;
use crate::secret::Secret;

/// Makes headers for each single request, in addition to the header with the token.
///
/// [`Presentation::per_request`](super::Presentation::per_request) gives the maker to the source. The maker is called
/// each time that a request is sent with the token, just before the request goes to the inner service. This includes
/// each further sending. The maker also sees each response ([`response`](PerRequest::response)). A request without a credential has none of these headers. Their values are
/// marked sensitive.
///
/// A client that follows redirects sends the same headers to the next URL, where a signature of the first URL is
/// wrong. Put redirects above the layer ([`FollowRedirect`]), or switch them off in the client. The redirect policy for reqwest
/// ([`adapter`](crate::adapter)) follows none for such requests.
///
/// [`FollowRedirect`]: https://docs.rs/tower-http/latest/tower_http/follow_redirect/
///
/// ```
/// use http::{HeaderMap, HeaderName, HeaderValue};
/// use tower_outbound_auth::scheme::{PerRequest, RequestToSign};
/// use tower_outbound_auth::{BoxError, Secret};
///
/// static SIGNATURE: HeaderName = HeaderName::from_static("x-signature");
///
/// /// An API that needs a MAC of the method, the path and the time.
/// struct Signer {
///     key: Secret,
/// }
///
/// impl PerRequest for Signer {
///     fn headers(&self, request: RequestToSign<'_>) -> Result<HeaderMap, BoxError> {
///         let (head, seconds) = (request.head, request.now.since_epoch().as_secs());
///         let text = format!("{} {} {seconds}", head.method, head.uri.path());
///         let signature = format!("{seconds};{}", mac(&self.key, &text));
///         Ok(HeaderMap::from_iter([(SIGNATURE.clone(), HeaderValue::try_from(signature)?)]))
///     }
/// }
/// # fn mac(_: &Secret, text: &str) -> usize { text.len() }
/// # let _ = Signer { key: Secret::from("key") };
/// ```
pub trait PerRequest: Send + Sync + 'static {
    /// The headers of this request. Each header replaces the caller's header of the same name.
    ///
    /// It runs on the task of the request, so it must not block. A panic reaches the caller of the request.
    ///
    /// # Errors
    ///
    /// The request is then not sent. Its caller gets [`ErrorKind::Proof`](crate::ErrorKind::Proof), or, if this was
    /// the second sending, the refusal with [`Recovery::ResendFailed`](crate::Recovery::ResendFailed). Operators see
    /// the text of the error.
    fn headers(&self, request: RequestToSign<'_>) -> Result<HeaderMap, BoxError>;

    /// What a response says about the headers that this maker made for its request. Default: nothing.
    ///
    /// The layer calls this for each response to a request that was sent with these headers, also for successes. So a maker can
    /// learn what the server wants next, such as a nonce (RFC 9449 section 8.2). If the response comes from another origin, after a
    /// redirect that the client followed, the layer does not call it.
    ///
    /// It runs on the task of the request, so it must not block. A panic reaches the caller of the request.
    fn response(&self, request: SignedRequest<'_>, response: ResponseHead<'_>) -> ProofVerdict {
        let _ = (request, response);
        ProofVerdict::Accepted
    }
}

/// What a response says about the headers of a [`PerRequest`].
///
/// A request is sent once more at most because of its headers, beside the second sending because of its token. So a request is
/// sent three times at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofVerdict {
    /// It accepts them, or says nothing about them. The [`Judge`](super::Judge) then reads the response.
    Accepted,
    /// It refuses them, and may accept new ones. The request is sent again with new headers and the same token. The token is not
    /// renewed. If the request was already sent again for this reason, or cannot be sent again, its caller gets the response with
    /// [`Recovery::ProofRefused`](crate::Recovery::ProofRefused).
    SendAgain,
    /// It refuses them, and would refuse new ones too. The caller gets the response, with
    /// [`Recovery::ProofRefused`](crate::Recovery::ProofRefused).
    Refused,
}

crate::basics::as_str::impl_as_str!(ProofVerdict {
    Accepted => "accepted",
    SendAgain => "send_again",
    Refused => "refused",
});

/// A request that was sent with the headers of a [`PerRequest`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct SignedRequest<'a> {
    /// Where it was sent.
    pub uri: &'a Uri,
    /// The headers that the maker made for it.
    pub headers: &'a HeaderMap,
}

impl<'a> SignedRequest<'a> {
    /// Makes a request for tests of a [`PerRequest`]. The layer does this by itself.
    #[must_use]
    pub fn new(uri: &'a Uri, headers: &'a HeaderMap) -> SignedRequest<'a> {
        SignedRequest { uri, headers }
    }
}

/// Shows neither the query nor the values of the headers.
impl fmt::Debug for SignedRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest")
            .field("path", &self.uri.path())
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// A request that is about to be sent with a token.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct RequestToSign<'a> {
    /// The request without its body. It already has the credential's header.
    pub head: RequestHead<'a>,
    /// The token of the request.
    pub token: &'a Secret,
    /// The time by the source's clock.
    pub now: Now,
}

impl<'a> RequestToSign<'a> {
    /// Makes a request for tests of a [`PerRequest`]. The layer does this by itself.
    #[must_use]
    pub fn new(head: RequestHead<'a>, token: &'a Secret, now: Now) -> RequestToSign<'a> {
        RequestToSign { head, token, now }
    }
}

impl fmt::Debug for RequestToSign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestToSign").field("head", &self.head).finish_non_exhaustive()
    }
}
