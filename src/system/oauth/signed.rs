//! The assertions that a client signs, one for each request (RFC 7523 section 3).

use std::time::Duration;

use crate::credential::Credential;
use crate::error::Error;
use crate::system::client::flaw;
use crate::system::oauth::key::assertion::{Assertion, Signer};
use crate::system::oauth::key::claims::ClaimSet;
use crate::system::oauth::key::client_claims;

/// What a client signs, and what signs it. The id is read like any credential, because it is in the claims.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    signer: Signer,
    pub(crate) audience: Option<String>,
    pub(crate) typ: Option<Option<String>>,
    pub(crate) backdate: Duration,
}

impl Signed {
    pub(crate) fn new(signer: Signer) -> Signed {
        Signed { signer, audience: None, typ: None, backdate: Duration::ZERO }
    }

    /// # Errors
    ///
    /// If a value that is already known cannot sign.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &self.signer {
            Signer::Key(key) => key.check(),
            Signer::Secret(secret) => Ok(secret.check("client secret", flaw)?),
        }
    }

    /// What an exchange reads for the assertions, besides the id of the client.
    pub(crate) fn credentials(&self) -> &[Credential] {
        self.signer.credentials()
    }

    /// A credential with a new assertion of this client for each request on the wire. It is for `audience`, if no other one
    /// is set.
    ///
    /// # Errors
    ///
    /// If the assertion is set back by more than 120 s.
    pub(crate) fn assertion(&self, id: &Credential, audience: &str) -> Result<Credential, Error> {
        let signed = Signed {
            audience: Some(self.audience.clone().unwrap_or_else(|| audience.to_owned())),
            ..self.clone()
        };
        signed.claims("").with_backdate(self.backdate)?;
        let id = id.clone();
        Ok(Assertion::minted(move |values| {
            let claims = signed.claims(values(&id)?.expose());
            Ok(Assertion::new(signed.signer.clone(), claims))
        }))
    }

    fn claims(&self, client_id: &str) -> ClaimSet {
        let audience = self.audience.as_deref().unwrap_or_default();
        let claims = client_claims::client(client_id, audience).backdated(self.backdate.as_secs());
        match &self.typ {
            Some(typ) => claims.with_typ(typ.as_deref()),
            None => claims,
        }
    }
}
