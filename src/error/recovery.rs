//! What the layer did after a refusal.

/// What the layer did after a refusal. A response that was refused or [doubted](crate::scheme::Verdict::Doubted), or
/// that answers a replay, carries this in its extensions; every other response is untouched. Of a doubted response, "the
/// refusal" below is that response.
///
/// ```
/// use tower_outbound_auth::Recovery;
///
/// # let response = http::Response::builder().extension(Recovery::Replayed).body(())?;
/// if let Some(Recovery::NotReplayable) = response.extensions().get() {
///     println!("send it again: the token is being renewed");
/// }
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Recovery {
    /// The request was sent again with another token; this is the answer to that.
    Replayed,
    /// This is the refusal: the request cannot be sent again (its body, its method, or a replay
    /// elsewhere in the stack forbids it). The token is renewed for the next one.
    NotReplayable,
    /// This is the refusal: too many renewals in a row did not help, so none was made.
    BudgetSpent,
    /// This is the refusal: the token could not be renewed. A doubted response waits for its renewal for one second at
    /// most, so that renewal may still be running.
    RenewalFailed,
    /// This is a doubted response, and nothing was done: an earlier doubted response has made the
    /// source renew its token, or try to, less than a minute ago.
    RenewedLately,
    /// This is the refusal: the source has a fixed token, which cannot be renewed.
    FixedToken,
    /// This is the refusal: the token endpoint handed out the refused token once more.
    SameToken,
    /// This is the refusal: the caller's deadline (gRPC's `grpc-timeout`) ended before the request could
    /// be sent again. The renewal goes on.
    OutOfTime,
    /// This is the refusal: the token was renewed, but the service below failed before it had a second response
    /// (a connection was reset, or a limit was reached). An event at level debug quotes that failure.
    ///
    /// The layer has read the body of this response. It is empty now, and `Content-Length` and
    /// `Content-Encoding` are removed. A body that is longer than 16 KiB, or takes longer than 50 ms, is not read
    /// to its end; the caller then gets the error of the service below instead.
    ResendFailed,
}

crate::basics::as_str::impl_as_str!(Recovery {
    Replayed => "replayed",
    NotReplayable => "not_replayable",
    BudgetSpent => "budget_spent",
    RenewalFailed => "renewal_failed",
    RenewedLately => "renewed_lately",
    FixedToken => "fixed_token",
    SameToken => "same_token",
    OutOfTime => "out_of_time",
    ResendFailed => "resend_failed",
});
