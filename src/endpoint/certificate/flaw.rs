//! Why texts are no certificate with its key.

use crate::basics::pem::ENCRYPTED;

/// What is wrong with the texts of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    NoCertificate,
    CertificateDamaged,
    NoKey,
    KeyEncrypted,
    KeyOfOtherKind,
    /// The key is where the certificate should be, and the certificate is where the key should be.
    Swapped,
    NotOfEachOther,
    NoDates,
}

impl Flaw {
    /// What is wrong. `certificate` and `key` say where the two are. It contains nothing of the texts.
    pub(crate) fn message(self, certificate: &str, key: &str) -> String {
        match self {
            Flaw::NoCertificate => format!("there is no certificate in {certificate}"),
            Flaw::CertificateDamaged => {
                format!("a certificate in {certificate} is no readable PEM")
            }
            Flaw::NoKey => format!("there is no private key in {key}, as PEM without a password"),
            Flaw::KeyEncrypted => ENCRYPTED.to_owned(),
            Flaw::KeyOfOtherKind => {
                format!("the private key in {key} is of a kind that cannot be used")
            }
            Flaw::Swapped => format!(
                "{certificate} has a private key, and {key} has a certificate: the two may be swapped"
            ),
            Flaw::NotOfEachOther => {
                "the certificate and the private key do not belong together".to_owned()
            }
            Flaw::NoDates => format!("the certificate in {certificate} has no readable dates"),
        }
    }
}
