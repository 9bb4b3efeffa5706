//! What follows an answer.

use crate::exchange::issued::Issued;

/// What follows an answer of the token endpoint.
#[derive(Debug)]
#[non_exhaustive]
pub enum Step {
    /// The exchange has succeeded.
    Issued(Issued),
    /// One more request is needed, such as the answer to a challenge. [`request`](super::Grant::request) builds it.
    /// There, [`RequestContext::step`](super::RequestContext::step) is this name, and
    /// [`RequestContext::answer`](super::RequestContext::answer) is the answer that was just read. The next answer
    /// has this [name](super::ExchangeAnswer::request_name) too, unless the request was
    /// [named](super::ExchangeRequest::named) otherwise. An exchange has at most eight requests.
    ///
    /// ```
    /// # use http::Request;
    /// # use tower_outbound_auth::exchange::*;
    /// # use tower_outbound_auth::endpoint::*;
    /// # const URL: &str = "https://auth.example/login";
    /// fn request(cx: &RequestContext) -> Result<ExchangeRequest, ExchangeError> {
    ///     let challenge = cx.answer().and_then(|answer| answer.headers().get("x-challenge"));
    ///     let body = challenge.map(|it| it.as_bytes().to_vec()).unwrap_or_default();
    ///     Ok(ExchangeRequest::new(Request::post(URL).body(body.into())?))
    /// }
    ///
    /// fn read(answer: ExchangeAnswer) -> Result<Step, ExchangeError> {
    ///     match (answer.status().as_u16(), answer.request_name()) {
    ///         (200, _) => Ok(Step::Issued(Issued::new(answer.text()?))),
    ///         (401, "") => Ok(Step::Again("challenge")), // the first request
    ///         _ => Err(answer.unavailable()),
    ///     }
    /// }
    /// # let _ = (request, read);
    /// ```
    Again(&'static str),
}
