//! Private keys in DER: PKCS#8 (RFC 5958), PKCS#1 (RFC 8017 appendix A.1.2) and SEC 1 (RFC 5915).

use ring::signature::Ed25519KeyPair;

use crate::basics::der::{BIT_STRING, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE};
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::pair::{Curve, Pair};

pub(crate) const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
pub(crate) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
pub(crate) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 4, 0, 0x23];
const SECP256K1: &[u8] = &[0x2b, 0x81, 4, 0, 0x0a];

/// The tags of the optional parts of a SEC 1 key.
const CURVE: u8 = 0xa0;
const PUBLIC_HALF: u8 = 0xa1;

/// The OID of a curve.
pub(crate) fn oid(curve: Curve) -> &'static [u8] {
    match curve {
        Curve::P256 => P256,
        Curve::P384 => P384,
    }
}

fn curve(oid: &[u8]) -> Result<Curve, Flaw> {
    match oid {
        P256 => Ok(Curve::P256),
        P384 => Ok(Curve::P384),
        P521 => Err(Flaw::P521),
        SECP256K1 => Err(Flaw::Secp256k1),
        _ => Err(Flaw::OtherKind),
    }
}

/// A key of any kind: `PRIVATE KEY`.
pub(crate) fn pkcs8(der: &[u8]) -> Result<Pair, Flaw> {
    let parts = || {
        let mut info = Reader::new(der).enter(SEQUENCE)?;
        info.expect(INTEGER)?;
        let mut kind = info.enter(SEQUENCE)?;
        Some((kind.expect(OID)?, kind.next(), info.expect(OCTET_STRING)?))
    };
    let (kind, parameters, key) = parts().ok_or(Flaw::Damaged)?;
    match kind {
        RSA_ENCRYPTION => rsa(key),
        EC_PUBLIC_KEY => match parameters {
            Some((OID, oid)) => ec(key, Some(curve(oid)?)),
            _ => Err(Flaw::OtherKind), // a curve that is written out
        },
        // OpenSSL leaves the public half out.
        ED25519 => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der)
            .map(Pair::Ed25519)
            .map_err(|_| Flaw::Damaged),
        _ => Err(Flaw::OtherKind),
    }
}

/// `RSA PRIVATE KEY`.
pub(crate) fn rsa(der: &[u8]) -> Result<Pair, Flaw> {
    let numbers = || {
        let mut key = Reader::new(der).enter(SEQUENCE)?;
        key.expect(INTEGER)?; // the version
        let mut numbers: [&[u8]; 8] = [&[]; 8];
        for number in &mut numbers {
            *number = key.expect(INTEGER)?;
        }
        Some(numbers)
    };
    Pair::rsa(numbers().ok_or(Flaw::Damaged)?)
}

/// `EC PRIVATE KEY`. Within PKCS#8, the curve stands outside.
pub(crate) fn ec(der: &[u8], outer: Option<Curve>) -> Result<Pair, Flaw> {
    let open = || {
        let mut key = Reader::new(der).enter(SEQUENCE)?;
        key.expect(INTEGER)?; // the version
        Some((key.expect(OCTET_STRING)?, key))
    };
    let (private, mut rest) = open().ok_or(Flaw::Damaged)?;
    let (mut inner, mut public) = (None, None);
    while let Some((tag, content)) = rest.next() {
        let mut content = Reader::new(content);
        match tag {
            CURVE => inner = Some(curve(content.expect(OID).ok_or(Flaw::OtherKind)?)?),
            // The first byte counts the unused bits, of which there are none.
            PUBLIC_HALF => public = content.expect(BIT_STRING).and_then(|bits| bits.get(1..)),
            _ => {}
        }
    }
    let curve = match (outer, inner) {
        (Some(outer), Some(inner)) if outer != inner => return Err(Flaw::Contradictory),
        (outer, inner) => outer.or(inner).ok_or(Flaw::OtherKind)?,
    };
    Pair::ec(curve, private, public.ok_or(Flaw::NoPublicHalf)?)
}
