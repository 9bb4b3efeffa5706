//! Why a token that a response handed out was not adopted.

/// Why a token that a response handed out was not adopted. The caller of the request does not see this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotAdopted {
    /// The response carried several different ones.
    Ambiguous,
    /// The response came from a shared cache: it has an `Age` of a second or more.
    FromCache,
    /// It cannot stand in the header, or it is no JWT and the exchanged token was.
    Malformed,
    /// It is longer than 16 KiB.
    TooLong,
    /// Its `iss`, `sub` or `aud` is not that of the exchanged token, or one of the two has none.
    OtherClaims,
    /// It was signed with another algorithm than the exchanged token, or its signature is wrong.
    BadSignature,
    /// It has ended, or lives for less than a second.
    Ended,
    /// It was issued more than 60 s from now.
    NotYetIssued,
    /// It would live more than 60 s longer than the exchanged token did, or does not say how long.
    LivesTooLong,
    /// The request carried a token from before the last exchange.
    OtherLineage,
    /// A newer one is current.
    NotNewer,
}

impl NotAdopted {
    /// All of them, for exporters. A later version may have more.
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
