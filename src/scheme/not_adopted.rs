//! Why a token from a response was not adopted.

/// Why a token from a response was not adopted. The caller of the request does not see this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotAdopted {
    /// The response had several different tokens.
    Ambiguous,
    /// The response came from a shared cache: its `Age` is a second or more.
    FromCache,
    /// The token cannot be in the header, or it is no JWT although the exchanged token was one.
    Malformed,
    /// The token is longer than 16 KiB.
    TooLong,
    /// The token's `iss`, `sub` or `aud` differs from that of the exchanged token, or one of the
    /// two tokens has none.
    OtherClaims,
    /// The token was signed with another algorithm than the exchanged token, or its signature is
    /// wrong.
    BadSignature,
    /// The token has expired, or lives for less than a second.
    Ended,
    /// The token was issued more than 60 s in the future.
    NotYetIssued,
    /// The token would live more than 60 s longer than the exchanged token, or states no life.
    LivesTooLong,
    /// The request carried a token from before the last exchange.
    OtherLineage,
    /// A newer token is current.
    NotNewer,
}

impl NotAdopted {
    /// All reasons, for exporters. A later version may have more.
    pub const ALL: &'static [NotAdopted] = &[
        NotAdopted::Ambiguous,
        NotAdopted::FromCache,
        NotAdopted::Malformed,
        NotAdopted::TooLong,
        NotAdopted::OtherClaims,
        NotAdopted::BadSignature,
        NotAdopted::Ended,
        NotAdopted::NotYetIssued,
        NotAdopted::LivesTooLong,
        NotAdopted::OtherLineage,
        NotAdopted::NotNewer,
    ];
}

crate::basics::as_str::impl_as_str!(NotAdopted {
    Ambiguous => "ambiguous",
    FromCache => "from_cache",
    Malformed => "malformed",
    TooLong => "too_long",
    OtherClaims => "other_claims",
    BadSignature => "bad_signature",
    Ended => "ended",
    NotYetIssued => "not_yet_issued",
    LivesTooLong => "lives_too_long",
    OtherLineage => "other_lineage",
    NotNewer => "not_newer",
});
