//! What an operator sees of a kept login.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::store::error::StoreError;
use crate::store::kept::login::Login;

/// The state of a kept login: a part of [`Status`](crate::token::Status). It is what the last exchange has seen. It contains no
/// secret.
///
/// ```
/// use tower_outbound_auth::store::MemoryStore;
/// use tower_outbound_auth::system::HeaderScheme;
/// use tower_outbound_auth::{TokenSource, exchange};
///
/// # tokio::runtime::Runtime::new()?.block_on(async {
/// let login = exchange::from_fn(|| async { Ok(exchange::Issued::new("abc").with_refresh_token("def")) });
/// let source = TokenSource::builder(HeaderScheme::bearer(), login).store(MemoryStore::new()).build();
/// source.token().await?;
/// let login = source.status().login.expect("the source has a store");
/// assert!(login.has_refresh_token && login.is_saved && login.in_doubt_since.is_none());
/// # Ok::<_, tower_outbound_auth::Error>(()) })?;
/// # Ok::<_, tower_outbound_auth::BoxError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoginStatus {
    /// Whether there is a refresh token for the next exchange. False before the first exchange.
    pub has_refresh_token: bool,
    /// The refresh token was sent first at this time, and no answer tells whether it is spent.
    pub in_doubt_since: Option<SystemTime>,
    /// The endpoint has refused the last refresh token, and there is no newer one.
    pub is_refused: bool,
    /// Whether the store has the newest refresh token. If not, it is lost when the process ends.
    pub is_saved: bool,
    /// The last error of the store. None after a success.
    pub store_error: Option<StoreError>,
}

/// Before the first exchange.
impl Default for LoginStatus {
    fn default() -> LoginStatus {
        LoginStatus {
            has_refresh_token: false,
            in_doubt_since: None,
            is_refused: false,
            is_saved: true,
            store_error: None,
        }
    }
}

impl LoginStatus {
    pub(crate) fn note(&mut self, login: &Login) {
        self.has_refresh_token = login.token.is_some();
        let since = login.in_doubt_since.map(Duration::from_secs);
        self.in_doubt_since = since.and_then(|since| UNIX_EPOCH.checked_add(since));
        self.is_refused = login.token.is_none() && login.rejected.is_some();
    }
}

/// `in_doubt_since` is a number of seconds since 1970, and `store_error` is its text.
impl Serialize for LoginStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seconds = |at: SystemTime| at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("has_refresh_token", &self.has_refresh_token)?;
        map.serialize_entry("in_doubt_since", &self.in_doubt_since.map(seconds))?;
        map.serialize_entry("is_refused", &self.is_refused)?;
        map.serialize_entry("is_saved", &self.is_saved)?;
        let error = self.store_error.as_ref().map(ToString::to_string);
        map.serialize_entry("store_error", &error)?;
        map.end()
    }
}
