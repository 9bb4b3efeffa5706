//! What the layer did after a refusal.

/// What the layer did after a refusal. A response that was refused or [doubted](crate::scheme::Verdict::Doubted), or
/// that answers a replay, carries this in its extensions. Other responses are untouched. For a doubted response, "the
/// refusal" below means that response.
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
///
/// If our clock and the API's differ, the refusal also carries a [`ClockDifference`](crate::ClockDifference).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Recovery {
    /// The request was sent again with another token, or with the same one within its
    /// [settling time](crate::token::SourceBuilder::settling_time), or with new headers of its own
    /// ([`ProofVerdict::SendAgain`](crate::scheme::ProofVerdict::SendAgain)). This is the response to the last sending.
    Replayed,
    /// This is the refusal: the request cannot be sent again (because of its body, its method, or a
    /// second sending elsewhere in the stack). The token is renewed for the next request.
    NotReplayable,
    /// This is the refusal: too many renewals in a row did not help, so the token was not renewed.
    BudgetSpent,
    /// This is the refusal: the token could not be renewed. A doubted response waits for its renewal for one second at
    /// most, so that renewal may still be running.
    RenewalFailed,
    /// This is a doubted response, and nothing was done: less than a minute ago, an earlier doubted
    /// response made the source renew its token or try to.
    RenewedLately,
    /// This is the refusal: the source has a fixed token, which cannot be renewed.
    FixedToken,
    /// This is the refusal: the token endpoint issued the refused token again.
    SameToken,
    /// This is the refusal: the caller's deadline (gRPC's `grpc-timeout`) ended before the request could
    /// be sent again. The renewal continues.
    OutOfTime,
    /// This is the refusal: the token was renewed, but the service below failed before it had a second response
    /// (a connection was reset, or a limit was reached). A debug event quotes that failure.
    ///
    /// The layer has read the body of this response. It is empty now, and `Content-Length` and
    /// `Content-Encoding` are removed. A body that is longer than 16 KiB, or takes longer than 50 ms, is not read
    /// to its end; the caller then gets the error of the service below instead.
    ResendFailed,
    /// This is the response that refuses the headers of the request ([`PerRequest`](crate::scheme::PerRequest)), such as a DPoP
    /// proof. New headers would not help, or did not help, or the request cannot be sent again. The token was not renewed.
    ProofRefused,
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
    ProofRefused => "proof_refused",
});
