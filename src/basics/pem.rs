//! Private keys in PEM that nobody can use without a passphrase.

/// What to do with such a key.
pub(crate) const ENCRYPTED: &str = "the private key is encrypted: write it without a passphrase (`openssl pkey -in old.pem -out \
                                    new.pem`) into a file that only this service can read";

/// Whether a text has an encrypted private key: as PKCS#8 (RFC 5958 section 3), or by a header of RFC 1421, which OpenSSL still
/// writes.
pub(crate) fn is_encrypted(text: &str) -> bool {
    text.contains("ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}
