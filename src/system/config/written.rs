//! A file as it is written.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};

use crate::origin::Origin;
use crate::system::config::cloud::{WrittenAzureManagedIdentity, WrittenGoogleMetadata};
use crate::system::config::seconds::Seconds;
#[cfg(feature = "rotating")]
use crate::system::config::systems::WrittenRotating;
use crate::system::config::systems::{
    System, WrittenAtlas, WrittenClientCredentials, WrittenTokenFile, checked,
};
#[cfg(feature = "oauth")]
use crate::system::config::{entra::WrittenEntra, oauth::WrittenOAuth};
#[cfg(feature = "login")]
use crate::system::login::parts::Login;

/// All members of a file. It has no inner `enum` and no `flatten`, with which serde would lose the line of an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    #[serde(default)]
    pub(crate) api: Origins,
    #[serde(default)]
    pub(crate) exchange_timeout: Option<Seconds>,
    #[serde(default)]
    pub(crate) default_lifetime: Option<Seconds>,
    #[serde(default)]
    pub(crate) settling_time: Option<Seconds>,
    #[cfg(feature = "store")]
    pub(crate) store: Option<PathBuf>,
    #[cfg(feature = "store")]
    #[serde(default)]
    pub(crate) reuse_grace: Option<Seconds>,
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) proxy: Option<Proxy>,
    #[serde(default, deserialize_with = "checked::<WrittenClientCredentials, _>")]
    client_credentials: Option<System>,
    #[cfg(feature = "oauth")]
    #[serde(default, deserialize_with = "checked::<WrittenOAuth, _>")]
    oauth: Option<System>,
    #[cfg(feature = "oauth")]
    #[serde(default, deserialize_with = "checked::<WrittenEntra, _>")]
    entra: Option<System>,
    #[serde(default, deserialize_with = "checked::<WrittenAtlas, _>")]
    atlas: Option<System>,
    #[serde(default, deserialize_with = "checked::<WrittenTokenFile, _>")]
    token_file: Option<System>,
    #[serde(default, deserialize_with = "checked::<WrittenGoogleMetadata, _>")]
    google_metadata: Option<System>,
    #[serde(default, deserialize_with = "checked::<WrittenAzureManagedIdentity, _>")]
    azure_managed_identity: Option<System>,
    #[cfg(feature = "rotating")]
    #[serde(default, deserialize_with = "checked::<WrittenRotating, _>")]
    rotating: Option<System>,
    #[cfg(feature = "login")]
    #[serde(default, deserialize_with = "checked::<Login, _>")]
    login: Option<System>,
}

impl Written {
    /// The only system of the file.
    ///
    /// # Errors
    ///
    /// If there is none, or more than one.
    pub(crate) fn take_system(&mut self) -> Result<System, String> {
        let tables = [
            ("client_credentials", self.client_credentials.take()),
            #[cfg(feature = "oauth")]
            ("oauth", self.oauth.take()),
            #[cfg(feature = "oauth")]
            ("entra", self.entra.take()),
            ("atlas", self.atlas.take()),
            ("token_file", self.token_file.take()),
            ("google_metadata", self.google_metadata.take()),
            ("azure_managed_identity", self.azure_managed_identity.take()),
            #[cfg(feature = "rotating")]
            ("rotating", self.rotating.take()),
            #[cfg(feature = "login")]
            ("login", self.login.take()),
        ];
        let names =
            tables.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let mut systems = tables.into_iter().filter_map(|(_, system)| system);
        match (systems.next(), systems.next()) {
            (Some(system), None) => Ok(system),
            (None, _) => Err(format!("the system is missing: write one of the tables {names}")),
            (Some(_), Some(_)) => {
                Err(format!("there are two systems: write only one of the tables {names}"))
            }
        }
    }

    /// # Errors
    ///
    /// If the path of the store names no file, or if there is no login of which the grace says something.
    #[cfg(feature = "store")]
    pub(crate) fn check_store(&self, system: &System) -> Result<(), String> {
        match &self.store {
            Some(path) if path.file_name().is_none() => {
                let path = path.display().to_string();
                Err(format!("`store`, the path {path:?}, names no file: give the path of a file"))
            }
            None if self.reuse_grace.is_some() && !system.begins_with_a_refresh_token() => Err(
                "`reuse_grace` needs `store`, or a login by `grant = \"refresh_token\"`: it is about a refresh token that is kept"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }
}

/// `env`, or the URL of a proxy without a password.
pub(crate) struct Proxy(pub(crate) String);

impl<'de> Deserialize<'de> for Proxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Proxy, D::Error> {
        let proxy = String::deserialize(deserializer)?;
        match proxy.contains('@') {
            true => Err(D::Error::custom(
                "a proxy with a password does not belong into a file: put it into HTTPS_PROXY, and write `proxy = \"env\"`",
            )),
            false => Ok(Proxy(proxy)),
        }
    }
}

/// One origin, or a list of origins.
#[derive(Default)]
pub(crate) struct Origins(pub(crate) Vec<Origin>);

impl<'de> Deserialize<'de> for Origins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Origins, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Origins;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an origin such as `https://api.example`, or a list of origins")
            }

            fn visit_str<E: serde::de::Error>(self, origin: &str) -> Result<Origins, E> {
                let origin = Origin::parse(origin).map_err(E::custom)?;
                Ok(Origins(vec![origin]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Origins, A::Error> {
                let mut origins = Vec::new();
                while let Some(origin) = list.next_element()? {
                    origins.push(origin);
                }
                Ok(Origins(origins))
            }
        }

        deserializer.deserialize_any(Read)
    }
}
