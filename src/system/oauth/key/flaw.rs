//! Why a text is no private key that can sign, or no certificate of the key. Each message says what to do. None has anything of
//! the text.

use std::borrow::Cow;

use crate::basics::pem::ENCRYPTED;
use crate::error::Error;
use crate::system::oauth::key::algorithm::Algorithm;

/// Why a text is no private key that can sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    NoKey,
    PublicKey,
    Certificate,
    Encrypted,
    OpenSsh,
    FirstLineOnly,
    NoEnd,
    Damaged,
    TwoKeys,
    RsaTooSmall,
    RsaTooLarge,
    /// For a key of which each request needs a signature.
    RsaTooSlow,
    Contradictory,
    NoPublicHalf,
    P521,
    Secp256k1,
    OtherKind,
    JwkDamaged,
    JwkSet,
    JwkPublic,
    JwkWithoutPrimes,
    JwkSecret,
    JwkAlgorithm,
    NoCertificate,
    CertificateDamaged,
    OtherCertificate,
    /// The key makes signatures of the first algorithm. The second one was asked for.
    Algorithm(Algorithm, Algorithm),
    /// The key makes signatures of the first algorithm. The provider accepts only the second one.
    NotAccepted(Algorithm, Algorithm),
}

impl Flaw {
    pub(crate) fn message(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Flaw::NoKey => {
                "the text has no private key: give a PEM, which begins with `-----BEGIN `, or a JWK, which begins \
                 with `{`; for the path of a file, use `Credential::file`"
            }
            Flaw::PublicKey => {
                "this is a public key, which cannot sign: give the private key that belongs to it"
            }
            Flaw::Certificate => {
                "this is a certificate, which cannot sign: give the private key that belongs to it"
            }
            Flaw::Encrypted => ENCRYPTED,
            Flaw::OpenSsh => {
                "the private key has OpenSSH's own format: write it as PKCS#8 (`ssh-keygen -p -m PKCS8 -f key`, for \
                 RSA and ECDSA)"
            }
            Flaw::FirstLineOnly => {
                "the PEM has only its first line: give the whole text; where a value ends at the first line break, \
                 write the line breaks as `\\n`"
            }
            Flaw::NoEnd => "the PEM has no line `-----END ..`: give the whole text",
            Flaw::Damaged => {
                "the content of the PEM cannot be read: give the file as the tool wrote it that made the key"
            }
            Flaw::TwoKeys => "the text has more than one private key: give one key in each file",
            Flaw::RsaTooSmall => {
                "the RSA key has fewer than 2048 bits: make a new key (`openssl genpkey -algorithm RSA -pkeyopt \
                 rsa_keygen_bits:2048`)"
            }
            Flaw::RsaTooLarge => {
                "the RSA key has more than 4096 bits: make a new key of 2048 to 4096 bits, or a P-256 key"
            }
            Flaw::RsaTooSlow => {
                "an RSA key is too slow for DPoP, because each request needs a signature: use a P-256 or an Ed25519 key"
            }
            Flaw::Contradictory => {
                "the private key is not valid: its numbers do not belong together, or have sizes that no usual key \
                 has; make a new key"
            }
            Flaw::NoPublicHalf => {
                "the EC key has no public half, or a compressed one (Java writes such keys): add it (`openssl ec -in \
                 old.pem -conv_form uncompressed -out new.pem`; in a JWK, `x` and `y`)"
            }
            Flaw::P521 => {
                "the key is for P-521 (ES512), which is not supported: use a P-256 or a P-384 key"
            }
            Flaw::Secp256k1 => {
                "the key is for secp256k1 (ES256K), which is not supported: use a P-256 key"
            }
            Flaw::OtherKind => {
                "keys of this kind are not supported: use an RSA, P-256, P-384 or Ed25519 key"
            }
            Flaw::JwkDamaged => {
                "the JSON is no JWK that can be read: give an object with `kty` and the members of that kind (RFC \
                 7517), each once"
            }
            Flaw::JwkSet => "this is a JWK set: give one private key of it",
            Flaw::JwkPublic => {
                "the JWK is a public key (it has no `d`), which cannot sign: give the private key"
            }
            Flaw::JwkWithoutPrimes => {
                "the RSA JWK has no `p`, `q`, `dp`, `dq` and `qi`: give the key with these members"
            }
            Flaw::JwkSecret => {
                "the JWK is a shared secret (`oct`): give a private key; a client secret is no key file"
            }
            Flaw::JwkAlgorithm => {
                "the `alg` of the JWK does not belong to its key: RS256 or PS256 for RSA, ES256 for P-256, ES384 for \
                 P-384, EdDSA for Ed25519"
            }
            Flaw::NoCertificate => {
                "the text has no certificate: give a PEM with `-----BEGIN CERTIFICATE-----`"
            }
            Flaw::CertificateDamaged => {
                "the certificate cannot be read: give it in PEM, as the tool wrote it that made it"
            }
            Flaw::OtherCertificate => {
                "the certificate and the private key do not belong together: give the certificate that was made for this key"
            }
            Flaw::Algorithm(own, asked) => {
                return Cow::Owned(format!(
                    "the private key makes {own} signatures, and {asked} was asked for: give a key of the other kind, \
                     or set no algorithm"
                ));
            }
            Flaw::NotAccepted(own, only) => {
                let kind = only.key_kind();
                return Cow::Owned(format!(
                    "the provider accepts only {kind} keys ({only}), and this one makes {own} signatures: make an {kind} \
                     key, and register it at the provider"
                ));
            }
        })
    }
}

impl From<Flaw> for Error {
    fn from(flaw: Flaw) -> Error {
        Error::configuration(flaw.message())
    }
}
