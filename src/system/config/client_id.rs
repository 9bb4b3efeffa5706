//! The id of a client: a text, or the place of one.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::credential::Credential;

/// The id of a client.
pub(crate) struct ClientId(pub(crate) Credential);

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ClientId, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            from: Credential,
        }

        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = ClientId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id, or its place as `{ from = \"env:NAME\" }`")
            }

            fn visit_str<E>(self, id: &str) -> Result<ClientId, E> {
                Ok(ClientId(id.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ClientId, A::Error> {
                Written::deserialize(MapAccessDeserializer::new(map))
                    .map(|written| ClientId(written.from))
            }
        }

        deserializer.deserialize_any(Read)
    }
}
