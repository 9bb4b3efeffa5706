//! Private keys as JSON: a JWK (RFC 7517, RFC 7518 section 6, RFC 8037 section 2), or the file of a Google service account.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::pair::{Curve, Pair};
use crate::system::oauth::key::pem;

/// The members that count. serde's own errors would quote the text, so they are not shown.
#[derive(Deserialize)]
struct Members {
    kty: Option<String>,
    crv: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    n: Option<Secret>,
    e: Option<Secret>,
    d: Option<Secret>,
    p: Option<Secret>,
    q: Option<Secret>,
    dp: Option<Secret>,
    dq: Option<Secret>,
    qi: Option<Secret>,
    x: Option<Secret>,
    y: Option<Secret>,
    /// A set has this member.
    keys: Option<IgnoredAny>,
    /// The file of a service account has these members. The key is a PEM.
    private_key: Option<Secret>,
    private_key_id: Option<String>,
}

/// A key, and what its JWK says of it.
pub(crate) struct Jwk {
    pub(crate) pair: Pair,
    pub(crate) key_id: Option<String>,
    pub(crate) algorithm: Option<Algorithm>,
}

pub(crate) fn parse(text: &str) -> Result<Jwk, Flaw> {
    let members: Members = serde_json::from_str(text).map_err(|_| Flaw::JwkDamaged)?;
    if let (None, Some(private_key)) = (&members.kty, &members.private_key) {
        let pair = pem::parse(private_key.expose())?;
        return Ok(Jwk { pair, key_id: members.private_key_id, algorithm: None });
    }
    let pair = members.pair()?;
    let algorithm = match members.alg.as_deref() {
        None => None,
        Some("Ed25519") => Some(Algorithm::EdDsa), // RFC 9864
        Some(name) => Some(Algorithm::named(name).ok_or(Flaw::JwkAlgorithm)?),
    };
    if algorithm.is_some_and(|it| !pair.can(it)) {
        return Err(Flaw::JwkAlgorithm);
    }
    Ok(Jwk { pair, key_id: members.kid, algorithm })
}

impl Members {
    fn pair(&self) -> Result<Pair, Flaw> {
        match (self.kty.as_deref(), self.crv.as_deref()) {
            (None, _) if self.keys.is_some() => Err(Flaw::JwkSet),
            (None, _) => Err(Flaw::JwkDamaged),
            (Some("oct"), _) => Err(Flaw::JwkSecret),
            (Some("EC"), Some("P-521")) => Err(Flaw::P521),
            (Some("EC"), Some("secp256k1")) => Err(Flaw::Secp256k1),
            (Some("RSA" | "EC" | "OKP"), _) if self.d.is_none() => Err(Flaw::JwkPublic),
            (Some("RSA"), _) => self.rsa(),
            (Some("EC"), Some("P-256")) => self.ec(Curve::P256),
            (Some("EC"), Some("P-384")) => self.ec(Curve::P384),
            (Some("OKP"), Some("Ed25519")) => {
                let public = self.x.as_ref().map(|x| bytes(Some(x))).transpose()?;
                Pair::ed25519(&bytes(self.d.as_ref())?, public.as_ref().map(|it| &***it))
            }
            _ => Err(Flaw::OtherKind),
        }
    }

    fn rsa(&self) -> Result<Pair, Flaw> {
        let primes = [&self.p, &self.q, &self.dp, &self.dq, &self.qi];
        if primes.into_iter().any(Option::is_none) {
            return Err(Flaw::JwkWithoutPrimes);
        }
        let [p, q, dp, dq, qi] = primes.map(|it| bytes(it.as_ref()));
        let [n, e, d] = [&self.n, &self.e, &self.d].map(|it| bytes(it.as_ref()));
        Pair::rsa([&n?, &e?, &d?, &p?, &q?, &dp?, &dq?, &qi?])
    }

    fn ec(&self, curve: Curve) -> Result<Pair, Flaw> {
        let (Some(x), Some(y)) = (&self.x, &self.y) else {
            return Err(Flaw::NoPublicHalf);
        };
        let (x, y) = (bytes(Some(x))?, bytes(Some(y))?);
        // RFC 7518 section 6.2.1.2: a coordinate has its full length.
        if x.len() != curve.length() || y.len() != curve.length() {
            return Err(Flaw::JwkDamaged);
        }
        Pair::ec(curve, &bytes(self.d.as_ref())?, &[&[4], &**x, &**y].concat())
    }
}

/// The bytes of a member. It is allocated at full size, as in a PEM.
fn bytes(member: Option<&Secret>) -> Result<Zeroizing<Vec<u8>>, Flaw> {
    let text = member.ok_or(Flaw::JwkDamaged)?.expose();
    let mut bytes = Zeroizing::new(vec![0; text.len()]);
    let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).map_err(|_| Flaw::JwkDamaged)?;
    bytes.truncate(length);
    Ok(bytes)
}
