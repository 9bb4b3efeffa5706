//! Private keys and certificates in PEM (RFC 7468).
//!
//! Around the key there may be other text, certificates, and the parameters of a curve, as tools write them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::basics::pem::is_encrypted;
use crate::secret::Secret;
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::pair::Pair;
use crate::system::oauth::key::pkcs8;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// One part of a PEM.
struct Block<'a> {
    label: &'a str,
    body: &'a str,
}

/// The one private key in a text.
pub(crate) fn parse(text: &str) -> Result<Pair, Flaw> {
    let mended = mended(text);
    let blocks = blocks(&mended)?;
    let mut keys = blocks.iter().filter(|block| block.label.ends_with("PRIVATE KEY"));
    let Some(key) = keys.next() else {
        let has = |label| blocks.iter().any(|block| block.label.ends_with(label));
        return Err(match () {
            () if has("PUBLIC KEY") => Flaw::PublicKey,
            () if has("CERTIFICATE") => Flaw::Certificate,
            () => Flaw::NoKey,
        });
    };
    if keys.next().is_some() {
        return Err(Flaw::TwoKeys);
    }
    if is_encrypted(key.label) || is_encrypted(key.body) {
        return Err(Flaw::Encrypted);
    }
    let der = key.der()?;
    match key.label {
        "PRIVATE KEY" => pkcs8::pkcs8(&der),
        "RSA PRIVATE KEY" => pkcs8::rsa(&der),
        "EC PRIVATE KEY" => pkcs8::ec(&der, None),
        "OPENSSH PRIVATE KEY" => Err(Flaw::OpenSsh),
        _ => Err(Flaw::OtherKind),
    }
}

/// The PEM of a private key as PKCS#8.
pub(crate) fn of_pkcs8(der: &[u8]) -> Secret {
    // Allocated at full size: growing would copy the key and leave the old buffer unwiped.
    let mut pem = String::with_capacity(der.len() * 4 / 3 + 64);
    pem.push_str("-----BEGIN PRIVATE KEY-----\n");
    STANDARD.encode_string(der, &mut pem);
    pem.push_str("\n-----END PRIVATE KEY-----\n");
    Secret::from(pem)
}

/// The certificates in a text, as DER.
pub(crate) fn certificates(text: &str) -> Result<Vec<Zeroizing<Vec<u8>>>, Flaw> {
    let mended = mended(text);
    let blocks = blocks(&mended)?;
    blocks.iter().filter(|block| block.label == "CERTIFICATE").map(Block::der).collect()
}

/// Variables and JSON have line breaks as two characters.
fn mended(text: &str) -> Zeroizing<String> {
    let mended = Zeroizing::new(text.replace("\\r", ""));
    Zeroizing::new(mended.replace("\\n", "\n"))
}

fn blocks(mut text: &str) -> Result<Vec<Block<'_>>, Flaw> {
    let mut blocks = Vec::new();
    while let Some((_, rest)) = text.split_once(BEGIN) {
        let (label, rest) = rest.split_once(DASHES).ok_or(Flaw::FirstLineOnly)?;
        let end = format!("-----END {label}-----");
        let Some((body, rest)) = rest.split_once(&*end) else {
            return Err(match rest.trim() {
                "" => Flaw::FirstLineOnly,
                _ => Flaw::NoEnd,
            });
        };
        blocks.push(Block { label, body });
        text = rest;
    }
    Ok(blocks)
}

impl Block<'_> {
    /// The decoded body. It is allocated at full size: growing would copy the key and leave the old buffer unwiped.
    fn der(&self) -> Result<Zeroizing<Vec<u8>>, Flaw> {
        let mut base64 = Zeroizing::new(String::with_capacity(self.body.len()));
        base64.extend(self.body.split_whitespace());
        let mut der = Zeroizing::new(vec![0; base64.len()]);
        let length = STANDARD.decode_slice(&*base64, &mut der).map_err(|_| Flaw::Damaged)?;
        der.truncate(length);
        Ok(der)
    }
}
