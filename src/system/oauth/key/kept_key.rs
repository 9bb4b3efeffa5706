//! The last good key of a text that may change. It is parsed once for each text.

use std::borrow::Cow;

use crate::secret::Secret;
use crate::system::oauth::key::flaw::Flaw;
use crate::system::oauth::key::signing_key::SigningKey;

/// A key, alone or with what belongs to it.
pub(crate) trait HasKey: Clone {
    fn key(&self) -> &SigningKey;
}

impl HasKey for SigningKey {
    fn key(&self) -> &SigningKey {
        self
    }
}

/// What has been read so far.
pub(crate) struct KeptKey<K = SigningKey> {
    /// The last text.
    seen: Option<Secret>,
    /// The key of the last good text.
    good: Option<K>,
    /// The flaw of the last text.
    flaw: Option<Flaw>,
}

/// What an operator must know about a new text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The text has no usable key. The last good key stays in use.
    KeptLastGood(Cow<'static, str>),
    /// The new key has the id of the old one, so a server may not notice the change.
    SameKeyId(String),
}

impl<K> Default for KeptKey<K> {
    fn default() -> KeptKey<K> {
        KeptKey { seen: None, good: None, flaw: None }
    }
}

impl<K: HasKey> KeptKey<K> {
    /// Why the last text is not used. None if it is.
    pub(crate) fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// The key to use for this text.
    ///
    /// # Errors
    ///
    /// If the text has no usable key, and no earlier text had one.
    pub(crate) fn look(
        &mut self,
        text: &Secret,
        parse: impl FnOnce(&str) -> Result<K, Flaw>,
    ) -> (Result<K, Flaw>, Option<Notice>) {
        let mut notice = None;
        if self.seen.as_ref().is_none_or(|seen| seen.expose() != text.expose()) {
            match parse(text.expose()) {
                Ok(key) => {
                    notice = self.good.as_ref().and_then(|old| same_key_id(old.key(), key.key()));
                    (self.good, self.flaw) = (Some(key), None);
                }
                Err(flaw) => {
                    let is_first = self.flaw.replace(flaw).is_none();
                    if is_first && self.good.is_some() {
                        notice = Some(Notice::KeptLastGood(flaw.message()));
                    }
                }
            }
            self.seen = Some(text.clone());
        }
        let key = match (&self.good, self.flaw) {
            (Some(key), _) => Ok(key.clone()),
            (None, flaw) => Err(flaw.unwrap_or(Flaw::NoKey)),
        };
        (key, notice)
    }
}

fn same_key_id(old: &SigningKey, new: &SigningKey) -> Option<Notice> {
    let key_id = new.key_id().filter(|it| Some(*it) == old.key_id())?;
    let is_other = old.thumbprint() != new.thumbprint();
    is_other.then(|| Notice::SameKeyId(key_id.to_owned()))
}
