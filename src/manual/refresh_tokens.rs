//! A login that a person has made: how its refresh token is kept, and what that protects against.
//!
//! Some APIs have no credentials for a machine. A person logs in once, in a browser, and gets a *refresh token*. From then on a
//! service can work for that person. Many providers accept each refresh token once, and answer with the next one. So the newest
//! refresh token must outlive the process: if it is lost, the person must log in again.
//!
//! # In code
//!
//! The first refresh token is a [`Credential`](crate::Credential). It is the *seed*: it is only read. The newest refresh token is in
//! the *store*.
//!
//! ```
//! # #[cfg(feature = "client")] {
//! use tower_outbound_auth::store::FileStore;
//! use tower_outbound_auth::system::{OAuth, OAuthClient, OAuthGrant};
//! use tower_outbound_auth::{AuthLayer, Credential, Error};
//!
//! fn calendar() -> Result<AuthLayer, Error> {
//!     let seed = Credential::file("/run/secrets/calendar/refresh-token");
//!     let system = OAuth::builder("https://idp.example/token")
//!         .client(OAuthClient::with_secret("calendar", Credential::file("/run/secrets/calendar/client-secret")))
//!         .grant(OAuthGrant::RefreshToken(seed))
//!         .build()?;
//!     let auth = AuthLayer::oauth(system, "https://api.example")?;
//!     let store = FileStore::new("/var/lib/calendar/login.json");
//!     Ok(auth.rebuild_source(|source| source.store(store)).erased())
//! }
//! # let _ = calendar;
//! # }
//! ```
//!
//! A public client is `OAuthClient::public("calendar")`. If scopes are set, they are sent with each refresh token; they must not be wider
//! than those of the login (RFC 6749 section 6).
//!
//! A store also works beside client credentials with
//! [`refresh_tokens`](crate::system::OAuthBuilder::refresh_tokens). Then the client's own credentials are the *primary credential*, and
//! no login can be lost.
//!
//! # In a file that an operator writes
//!
//! The same in a [`Config`](crate::system::Config) (features `client` and `oauth`):
//!
//! ```toml
//! api = "https://api.example"
//! store = "/var/lib/calendar/login.json"
//! reuse_grace = 25          # seconds; default 0; 3e9 for a provider that does not rotate
//!
//! [oauth]
//! endpoint = "https://idp.example/token"
//! client_id = "calendar"
//! client_secret = "file:/run/secrets/calendar/client-secret"
//! grant = "refresh_token"
//! refresh_token = "file:/run/secrets/calendar/refresh-token"
//! ```
//!
//! # As a deployment
//!
//! A Secret has the seed, and a volume has the store. The Secret may be read-only. To log in again, give the Secret another refresh
//! token: the source reads it before each exchange, and uses the new login. An old seed does not come back, although a process may
//! still have it.
//!
//! ```yaml
//! spec:
//!   replicas: 1
//!   strategy: { type: Recreate }    # the lock of a file does not hold between machines
//!   template:
//!     spec:
//!       securityContext: { runAsUser: 10001 }
//!       containers:
//!         - name: calendar
//!           volumeMounts:
//!             - { name: seed, mountPath: /run/secrets/calendar, readOnly: true }
//!             - { name: state, mountPath: /var/lib/calendar }
//!       volumes:
//!         - name: seed
//!           secret: { secretName: calendar-login }
//!         - name: state
//!           persistentVolumeClaim: { claimName: calendar-state }
//! ```
//!
//! A volume may have an `fsGroup`, so that a process which is not root can write there. Kubernetes then lets the group read the file at
//! each start (this is from memory), and the next write takes that right away.
//!
//! # What it protects against
//!
//! | what happens | what follows |
//! |---|---|
//! | the process is restarted | it uses the access token of the store, or the newest refresh token |
//! | several processes of one machine share the file | one exchange for all; a refresh token is sent by one of them |
//! | the process dies before it has sent the refresh token | nothing is lost |
//! | the process dies, or the answer is lost, after it has sent the refresh token | the token is *in doubt*: see below |
//! | the machine loses its power | the file is the old one or the new one, never a part of one |
//! | the disk is full, or the folder is read-only | nothing is sent, and the error names the file |
//! | the new refresh token cannot be written | it is used from memory; a `WARN` event and the status say so; the next exchange writes it before it sends anything |
//! | the connection is not made, or the endpoint answers with a 429 or refuses the client | the token is not in doubt |
//! | a refresh token is refused | the store is read again, because another process may have renewed it; then the token is set aside in the member `rejected`, and is not sent again |
//!
//! What it does not protect against:
//!
//! - Whoever can read the file has the login. The file is plain text, with the mode 0600. (With DPoP and a key of yours, the key is
//!   needed too.)
//! - Two machines with one file, on NFS say, can send the same refresh token. The lock does not hold between them.
//! - Another program that uses the same login. Give each program a login of its own.
//! - A provider that revokes the login, or lets it end because nobody has used it for some time.
//! - A restored backup of the file: its refresh token is probably spent.
//!
//! # A refresh token in doubt
//!
//! Between the request and the answer nobody knows whether the provider has spent the token. If it has, a second use looks like
//! theft, and many providers then end the login. The source decides:
//!
//! 1. Within the [`reuse_grace`](crate::token::SourceBuilder::reuse_grace) of the provider, it sends the token again.
//! 2. Otherwise it uses the primary credential, if there is one.
//! 3. Otherwise it waits until the last access token has ended, because a provider that sees a theft also ends the access tokens. Then it
//!    sends the token once more.
//! 4. If no answer comes again, it sends nothing more. The error says when the token was sent first, and that a person must log in
//!    again.
//!
//! The grace is zero by default, because the wrong number costs the login. Look up the setting of your provider:
//!
//! | provider | a second use of a rotated refresh token | `reuse_grace` |
//! |---|---|---|
//! | Okta | accepted for 0 to 60 s, by default 30 s; after that, the newest refresh token and all access tokens end | the setting, less some seconds |
//! | Auth0 | accepted within the "overlap period", by default 0; after that, the login ends | the setting, less some seconds |
//! | Amazon Cognito | accepted within a grace of 0 to 60 s | the setting, less some seconds |
//! | Keycloak | rotation is off by default; with it, a number of uses is set, by default 0 | [`Duration::MAX`](std::time::Duration::MAX) without rotation, else zero |
//! | Curity | by default not accepted | zero |
//! | Microsoft Entra | the old refresh token stays good | `Duration::MAX` |
//! | Google | does not rotate (from memory); beyond a number of logins, the oldest one ends | `Duration::MAX` |
//! | oidc-provider, django-oauth-toolkit | the login ends at once | zero |
//! | better-auth | by default not accepted | zero |
//!
//! With a provider that does not rotate, `Duration::MAX` matters: without it, an outage that lasts for two attempts looks like a lost
//! login.
//!
//! # A thousand kills
//!
//! A test kills a process by `SIGKILL` at random instants of its renewals, against a server that ends the login at a second use, without
//! grace and without a primary credential. So this is the worst case. The process renews without a pause. One run of it
//! (`tests/store/processes.rs`):
//!
//! | on disk after the kill | kills | login goes on | login is lost |
//! |---|---|---|---|
//! | a token that is not in doubt | 248 | 248 | 0 |
//! | the same, and a temporary file | 187 | 187 | 0 |
//! | a token in doubt | 414 | 226 | 188 |
//! | the same, and a temporary file | 151 | 0 | 151 |
//!
//! No login was lost whose token was not in doubt. Of the 339 that were lost, each had spent its token, and no program can know the
//! next one. A service renews once in some minutes, and not without a pause, so a kill at such an instant is rare.
//!
//! # What an operator sees
//!
//! [`Status::login`](crate::token::Status) says whether there is a refresh token, since when it is in doubt, whether it was refused, and
//! whether the store has the newest one. The [events](crate::token#events) say the same when it happens. Without a store, the login is in
//! the memory of the process, and a `WARN` event says so when the first new refresh token comes.
//!
//! The file has these members, and keeps any others that you add:
//!
//! | member | is |
//! |---|---|
//! | `token` | the newest refresh token |
//! | `in_doubt_since` | when it was sent, in seconds since 1970; absent if it is not in doubt |
//! | `last_try` | it was sent once more although it was in doubt |
//! | `rejected` | a refresh token that the provider has refused |
//! | `seed`, `former_seeds` | the SHA-256 of the seed, and of those before it |
//! | `dpop_thumbprint`, `dpop_key` | the [key](super::dpop) that the refresh token of a public client is bound to; its private half, if this crate has made it |
//! | `key` | a hash of the system, the client and the scope |
//! | `access` | the last access token, its end (`ends_at`), its number (`fence`), and the thumbprint of its DPoP key |
