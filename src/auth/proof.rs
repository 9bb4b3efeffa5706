//! The headers that a request carries beside its token, if the presentation needs any.

use http::Request;

use crate::clock::Now;
use crate::error::{Error, ErrorKind, root_cause};
use crate::scheme::per_request::{PerRequest, RequestToSign};
use crate::scheme::request::RequestHead;
use crate::secret::Secret;

/// Adds these headers to a request that is about to be sent with `token`.
///
/// # Errors
///
/// [`ErrorKind::Proof`] if the headers cannot be made. The request must not be sent then.
#[cold]
#[inline(never)]
pub(crate) fn add<B>(
    maker: &dyn PerRequest,
    token: &Secret,
    now: Now,
    request: &mut Request<B>,
) -> Result<(), Error> {
    let head = RequestHead::of(request);
    let mut made = maker.headers(RequestToSign::new(head, token, now)).map_err(|error| {
        let cause = root_cause(&*error);
        Error::new(
            ErrorKind::Proof,
            format!("the request was not sent: its proof could not be made: {cause}"),
        )
    })?;
    // A proof is valid for a while, so no log may show it.
    made.values_mut().for_each(|value| value.set_sensitive(true));
    // Each header replaces the caller's header of that name.
    request.headers_mut().extend(made);
    Ok(())
}
