//! What the file of a login has: the carry's members, the key, and the token.

use crate::secret::Secret;
use crate::store::document::Document;
use crate::store::key::Key;
use crate::store::lease::{Entry, Fence, Stored};

/// The member with the key of the login.
const KEY: &str = "key";
/// The member with the last token: an object.
const ACCESS: &str = "access";
/// The member of the token with its fence.
const FENCE: &str = "fence";

/// The contents of the file. All members that this crate does not know are kept.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// The members of the carry. They are at the top, so that a person finds them.
    carry: Document,
    /// The key of the login. A file that a person wrote has none.
    key: Option<String>,
    access: Option<(Fence, Document)>,
    is_there: bool,
}

impl Contents {
    /// None if the text is not what this crate writes.
    pub(crate) fn parse(text: &str) -> Option<Contents> {
        let mut carry = Document::parse(text)?;
        let key = carry.read(KEY)?;
        let access = match carry.json(ACCESS) {
            Some(json) => {
                let mut access = Document::parse(json.expose())?;
                let fence = Fence::new(access.read(FENCE)??).filter(|fence| fence.can_grow())?;
                access.take(FENCE);
                Some((fence, access))
            }
            None => None,
        };
        carry.take(KEY);
        carry.take(ACCESS);
        Some(Contents { carry, key, access, is_there: true })
    }

    pub(crate) fn is_of(&self, key: &Key) -> bool {
        self.key.as_ref().is_none_or(|it| *it == key.to_string())
    }

    pub(crate) fn fence(&self) -> Option<Fence> {
        self.access.as_ref().map(|(fence, _)| *fence)
    }

    pub(crate) fn entry(&self) -> Option<Entry> {
        self.access.as_ref().map(|(fence, access)| Entry::new(*fence, access.to_json()))
    }

    pub(crate) fn stored(&self) -> Stored {
        Stored::new(self.entry(), self.is_there.then(|| self.carry.to_json()))
    }

    /// Sets the carry. None if it is no object.
    pub(crate) fn set_carry(&mut self, key: &Key, carry: &Secret) -> Option<()> {
        let mut carry = Document::parse(carry.expose())?;
        carry.take(KEY);
        carry.take(ACCESS);
        (self.carry, self.key) = (carry, Some(key.to_string()));
        Some(())
    }

    /// Sets the token. Members of the old one that the new one does not have are kept. None if it is no object.
    pub(crate) fn set_token(&mut self, fence: Fence, token: &Secret) -> Option<()> {
        let token = Document::parse(token.expose())?;
        let mut access = self.access.take().map(|(_, access)| access).unwrap_or_default();
        access.extend(token);
        access.take(FENCE);
        self.access = Some((fence, access));
        Some(())
    }

    /// The text of the file.
    pub(crate) fn to_json(&self) -> Secret {
        let mut document = self.carry.clone();
        document.set_text(KEY, self.key.as_deref());
        let access = self.access.as_ref().map(|(fence, access)| {
            let mut access = access.clone();
            access.set_number(FENCE, Some(fence.number()));
            access.to_json()
        });
        document.set_json(ACCESS, access);
        document.to_json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_split_into_carry_and_token_and_put_together_again() {
        let key = Key::new([7; 16]);
        let text = r#"{"note": {"by": "ops"}, "token": "r1", "access": {"fence": 3, "token": "a1", "x": [1]}}"#;
        let mut contents = Contents::parse(text).unwrap();
        assert!(
            contents.is_of(&key),
            "a file without a key belongs to the first login that uses it"
        );
        let stored = contents.stored();
        assert_eq!(stored.fence(), Fence::new(3));
        let carry = stored.carry.unwrap();
        assert_eq!(carry.expose(), "{\n  \"note\": {\"by\": \"ops\"},\n  \"token\": \"r1\"\n}");

        contents
            .set_carry(&key, &r#"{"note": 1, "token": "r2", "key": "x", "access": 2}"#.into())
            .unwrap();
        contents
            .set_token(Fence::new(4).unwrap(), &r#"{"token": "a2", "fence": 9}"#.into())
            .unwrap();
        let again = Contents::parse(contents.to_json().expose()).unwrap();
        assert!(again.is_of(&key) && !again.is_of(&Key::new([8; 16])));
        assert_eq!(again.fence(), Fence::new(4));
        assert_eq!(
            again.entry().unwrap().token.expose(),
            "{\n  \"token\": \"a2\",\n  \"x\": [1]\n}"
        );
        assert_eq!(
            again.stored().carry.unwrap().expose(),
            "{\n  \"note\": 1,\n  \"token\": \"r2\"\n}"
        );
    }

    #[test]
    fn what_this_crate_does_not_write_is_refused() {
        for wrong in [
            "",
            "null",
            "{\"key\": 7}",
            "{\"access\": 7}",
            "{\"access\": {}}",
            "{\"access\": {\"fence\": 0}}",
            "{\"access\": {\"fence\": -1}}",
            "{\"access\": {\"fence\": 18446744073709551615}}",
        ] {
            assert!(Contents::parse(wrong).is_none(), "{wrong}");
        }
        assert!(Contents::parse("{}").is_some());
    }
}
