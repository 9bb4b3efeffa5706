//! What a JWT says: its header and its claims (RFC 7519 section 4.1), before the time and the key are known.

use std::time::Duration;

use crate::clock::Now;
use crate::error::Error;
use crate::exchange::identity::Identity;
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::jws::{HeaderMember, quoted};

/// The most that `iat` may be set back.
const LONGEST_BACKDATE: Duration = Duration::from_secs(120);

/// The members of a header and the claims, in the order in which they are written.
#[derive(Clone, Debug)]
pub(crate) struct ClaimSet {
    header: Vec<HeaderMember>,
    claims: Vec<(&'static str, Claim)>,
    /// From `iat` to `exp`, in seconds.
    life: u64,
    /// From `iat` to now, in seconds.
    backdate: u64,
    algorithm: Option<Algorithm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    Text(String),
    /// This text, a dot, and the fingerprint of the key.
    WithFingerprint(String),
    /// 128 random bits.
    JwtId,
    /// `iat`, and `nbf` where a provider wants it.
    Begin,
    /// `exp`.
    End,
}

impl ClaimSet {
    /// `life` is the time from `iat` to `exp`, in seconds.
    pub(crate) fn new(
        header: Vec<HeaderMember>,
        claims: Vec<(&'static str, Claim)>,
        life: u64,
    ) -> ClaimSet {
        ClaimSet { header, claims, life, backdate: 0, algorithm: None }
    }

    /// The one algorithm that the provider accepts. An RSA key uses it without being told.
    pub(crate) fn only(self, algorithm: Algorithm) -> ClaimSet {
        ClaimSet { algorithm: Some(algorithm), ..self }
    }

    /// Sets `typ` in the header. None: without it.
    pub(crate) fn with_typ(mut self, typ: Option<&str>) -> ClaimSet {
        self.header.retain(|member| !matches!(member, HeaderMember::Text("typ", _)));
        let member = typ.map(|typ| HeaderMember::Text("typ", typ.to_owned()));
        self.header.splice(0..0, member);
        self
    }

    /// Sets back `iat`, and `exp` with it, for a server whose clock is slow.
    ///
    /// # Errors
    ///
    /// If it is more than 120 s.
    pub(crate) fn with_backdate(self, backdate: Duration) -> Result<ClaimSet, Error> {
        match backdate <= LONGEST_BACKDATE {
            true => Ok(ClaimSet { backdate: backdate.as_secs(), ..self }),
            false => Err(Error::configuration(
                "an assertion can be backdated by 120 s at most: correct the clock of this machine or of the server",
            )),
        }
    }

    /// Sets back `iat` by as many seconds as the provider advises.
    pub(crate) fn backdated(self, backdate: u64) -> ClaimSet {
        ClaimSet { backdate, ..self }
    }

    /// Adds a claim whose value is a text.
    ///
    /// # Errors
    ///
    /// If the set has this claim.
    pub(crate) fn with_claim(
        mut self,
        name: &'static str,
        text: impl Into<String>,
    ) -> Result<ClaimSet, Error> {
        if self.claims.iter().any(|(known, _)| *known == name) {
            return Err(Error::configuration(format!("the claim `{name}` is set already")));
        }
        self.claims.push((name, Claim::Text(text.into())));
        Ok(self)
    }

    pub(crate) fn header(&self) -> &[HeaderMember] {
        &self.header
    }

    /// The one algorithm that the provider accepts.
    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        self.algorithm
    }

    /// The time from now to `exp`, by our clock.
    pub(crate) fn left(&self, now: Now) -> Duration {
        Duration::from_secs(self.begin(now).saturating_add(self.life))
            .saturating_sub(now.since_epoch())
    }

    /// Adds the texts of the claims. The issuer is the client.
    pub(crate) fn identify(&self, identity: Identity) -> Identity {
        self.claims.iter().fold(identity, |identity, (name, claim)| match claim {
            Claim::Text(text) | Claim::WithFingerprint(text) => match *name {
                "iss" => identity.with("client", text.clone()),
                name => identity.with("claim", name).with("value", text.clone()),
            },
            Claim::JwtId | Claim::Begin | Claim::End => identity,
        })
    }

    fn begin(&self, now: Now) -> u64 {
        now.since_epoch().as_secs().saturating_sub(self.backdate)
    }

    /// The claims as JSON. Times are whole seconds.
    pub(crate) fn json(&self, now: Now, jwt_id: &str, fingerprint: impl Fn() -> String) -> String {
        let begin = self.begin(now);
        let claim = |(name, claim): &(&str, Claim)| {
            let value = match claim {
                Claim::Text(text) => quoted(text),
                Claim::WithFingerprint(text) => quoted(&format!("{text}.{}", fingerprint())),
                Claim::JwtId => quoted(jwt_id),
                Claim::Begin => begin.to_string(),
                Claim::End => begin.saturating_add(self.life).to_string(),
            };
            format!("{}:{value}", quoted(name))
        };
        let claims: Vec<_> = self.claims.iter().map(claim).collect();
        format!("{{{}}}", claims.join(","))
    }
}
