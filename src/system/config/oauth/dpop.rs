//! The member `dpop` of the table `oauth`.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::credential::Credential;
use crate::error::Error;
use crate::origin::Origin;
use crate::system::named::{Named, Text};
use crate::system::oauth::dpop::Dpop;

/// `true`, `false`, or a table. None: no DPoP.
#[derive(Default)]
pub(crate) struct WrittenDpop(Option<Written>);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    key: Option<Credential>,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    htu_base: Named<Text>,
    #[serde(default)]
    decoded_path: bool,
}

impl WrittenDpop {
    /// # Errors
    ///
    /// If a name in `htu_base` is no origin, if its value is no base, or if no key can be made.
    pub(crate) fn dpop(self) -> Result<Option<Dpop>, Error> {
        let Some(it) = self.0 else { return Ok(None) };
        let mut dpop = match it.key {
            Some(key) => Dpop::key_from(key)?,
            None => Dpop::new()?,
        };
        for (origin, Text(base)) in it.htu_base.0 {
            dpop = dpop.htu_base(Origin::parse(&origin)?, &base)?;
        }
        if it.optional {
            dpop = dpop.optional();
        }
        Ok(Some(if it.decoded_path { dpop.decoded_path() } else { dpop }))
    }
}

impl<'de> Deserialize<'de> for WrittenDpop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<WrittenDpop, D::Error> {
        struct Read;

        const EXPECTED: &str =
            "expected `true`, or a table such as `{ key = \"file:/run/secrets/dpop.pem\" }`";

        /// A value in the wrong place may be a secret, so the errors quote nothing.
        impl<'de> Visitor<'de> for Read {
            type Value = WrittenDpop;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, or a table")
            }

            fn visit_bool<E>(self, is_on: bool) -> Result<WrittenDpop, E> {
                Ok(WrittenDpop(is_on.then(Written::default)))
            }

            fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<WrittenDpop, E> {
                Err(E::custom(EXPECTED))
            }

            fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<WrittenDpop, E> {
                Err(E::custom(EXPECTED))
            }

            fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<WrittenDpop, E> {
                Err(E::custom(EXPECTED))
            }

            fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<WrittenDpop, E> {
                Err(E::custom(EXPECTED))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenDpop, A::Error> {
                Written::deserialize(MapAccessDeserializer::new(map))
                    .map(|it| WrittenDpop(Some(it)))
            }
        }

        deserializer.deserialize_any(Read)
    }
}
