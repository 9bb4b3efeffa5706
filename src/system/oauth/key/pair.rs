//! A private key of one of the kinds that can sign, with its public half.

use ring::pkcs8::Document;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
    RsaKeyPair,
};
use zeroize::Zeroizing;

use crate::system::oauth::key::algorithm::Algorithm;
use crate::system::oauth::key::flaw::Flaw;

/// The sizes of RSA keys, in bytes of the modulus. (RFC 7518 section 3.3 demands 2048 bits. ring supports 4096.)
const SMALLEST_RSA: usize = 2048 / 8;
const LARGEST_RSA: usize = 4096 / 8;

pub(crate) enum Pair {
    Rsa(RsaKeyPair),
    Ec(Curve, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
}

/// The numbers of an RSA key (RFC 8017 section 3.2): n, e, d, p, q, dP, dQ, qInv. Each in big-endian order.
pub(crate) type RsaNumbers<'a> = [&'a [u8]; 8];

impl Curve {
    /// The length of a coordinate, in bytes.
    pub(crate) fn length(self) -> usize {
        match self {
            Curve::P256 => 32,
            Curve::P384 => 48,
        }
    }

    fn signing(self) -> &'static EcdsaSigningAlgorithm {
        // `FIXED` is R and S, and not DER (RFC 7518 section 3.4).
        match self {
            Curve::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Curve::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        }
    }
}

impl Pair {
    pub(crate) fn rsa(numbers: RsaNumbers<'_>) -> Result<Pair, Flaw> {
        let [n, e, d, p, q, dp, dq, qi] = numbers.map(without_leading_zeros);
        match n.len() {
            ..SMALLEST_RSA => return Err(Flaw::RsaTooSmall),
            SMALLEST_RSA..=LARGEST_RSA => {}
            _ => return Err(Flaw::RsaTooLarge),
        }
        let public_key = PublicKeyComponents { n, e };
        let components = KeyPairComponents { public_key, d, p, q, dP: dp, dQ: dq, qInv: qi };
        RsaKeyPair::from_components(&components).map(Pair::Rsa).map_err(|_| Flaw::Contradictory)
    }

    /// `public` is the uncompressed point: 4, x, y (SEC 1 section 2.3.3).
    pub(crate) fn ec(curve: Curve, private: &[u8], public: &[u8]) -> Result<Pair, Flaw> {
        if public.len() != 1 + 2 * curve.length() || public[0] != 4 {
            return Err(Flaw::NoPublicHalf);
        }
        let short = without_leading_zeros(private);
        let missing = curve.length().checked_sub(short.len()).ok_or(Flaw::Contradictory)?;
        let mut private = Zeroizing::new(vec![0; curve.length()]);
        private[missing..].copy_from_slice(short);
        EcdsaKeyPair::from_private_key_and_public_key(
            curve.signing(),
            &private,
            public,
            &SystemRandom::new(),
        )
        .map(|pair| Pair::Ec(curve, pair))
        .map_err(|_| Flaw::Contradictory)
    }

    pub(crate) fn ed25519(seed: &[u8], public: Option<&[u8]>) -> Result<Pair, Flaw> {
        let pair = match public {
            Some(public) => Ed25519KeyPair::from_seed_and_public_key(seed, public),
            None => Ed25519KeyPair::from_seed_unchecked(seed),
        };
        pair.map(Pair::Ed25519).map_err(|_| Flaw::Contradictory)
    }

    /// A new key for ES256 or `EdDSA`, as PKCS#8. None for other algorithms, or if the system has no random numbers.
    pub(crate) fn generate(algorithm: Algorithm) -> Option<Document> {
        let random = SystemRandom::new();
        match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate_pkcs8(Curve::P256.signing(), &random).ok(),
            Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random).ok(),
            _ => None,
        }
    }

    /// The algorithm of this key, if none is chosen.
    pub(crate) fn algorithm(&self) -> Algorithm {
        match self {
            Pair::Rsa(_) => Algorithm::Rs256,
            Pair::Ec(Curve::P256, _) => Algorithm::Es256,
            Pair::Ec(Curve::P384, _) => Algorithm::Es384,
            Pair::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    pub(crate) fn can(&self, algorithm: Algorithm) -> bool {
        let is_pss = matches!(self, Pair::Rsa(_)) && algorithm == Algorithm::Ps256;
        is_pss || algorithm == self.algorithm()
    }

    /// The signature. `algorithm` matters for an RSA key alone. None if the numbers of an RSA key do not belong
    /// together, or if the system has no random numbers.
    pub(crate) fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Pair::Rsa(pair) => {
                let padding: &'static dyn RsaEncoding = match algorithm {
                    Algorithm::Ps256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ec(_, pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Some(pair.sign(message).as_ref().to_vec()),
        }
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    &number[start..]
}
