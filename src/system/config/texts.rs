//! One text, or a list of texts. The errors quote nothing, because a value in the wrong place may be a secret.

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::system::named::{Text, quotes_no};

/// One text, or a list of texts.
#[derive(Default)]
pub(crate) struct Texts(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Texts, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Texts;

            quotes_no!(number, "a text in quotation marks, or a list of texts");

            fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(Text(text)) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Texts(texts))
            }
        }

        deserializer.deserialize_any(Read)
    }
}
