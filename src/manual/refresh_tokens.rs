//! A login that a person has made: how its refresh token is kept, and what that protects against.
//!
//! Some APIs have no credentials for a machine. A person logs in once, in a browser, and gets a *refresh token*. From then on a
//! service can work for that person. Many providers accept each refresh token once, and answer with the next one. So the newest
//! refresh token must outlive the process: if it is lost, the person must log in again.
//!
//! The first login, in a browser with a redirect and a code, is not a part of this crate. Make it with a program of the provider, or with
//! another crate, and keep the refresh token that comes.
//!
//! # In code
//!
//! The first refresh token is a [`Credential`](crate::Credential). This crate calls it the *seed*, and never writes to it. The newest
//! refresh token is in the *store*.
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
//! A *primary credential* obtains a token without a refresh token. Client credentials, with
//! [`refresh_tokens`](crate::system::OAuthBuilder::refresh_tokens) and a store, have one: the client's own secret or key. Then no login can
//! be lost. A login that begins with a seed has none.
//!
//! # In a file that an operator writes
//!
//! The same in a [`Config`](crate::system::Config) (features `client` and `oauth`):
//!
//! ```toml
//! api = "https://api.example"
//! store = "/var/lib/calendar/login.json"
//! reuse_grace = 25          # seconds; default 0
//!
//! [oauth]
//! endpoint = "https://idp.example/token"
//! client_id = "calendar"
//! client_secret = "file:/run/secrets/calendar/client-secret"
//! grant = "refresh_token"
//! refresh_token = "file:/run/secrets/calendar/refresh-token"
//! ```
//!
//! For a provider that does not rotate refresh tokens, write `reuse_grace = 3000000000`: three billion seconds are 95 years.
//!
//! # As a deployment
//!
//! A Kubernetes Secret has the seed, and a volume has the store. The Secret may be read-only.
//!
//! ```yaml
//! spec:
//!   replicas: 1
//!   strategy: { type: Recreate }    # the lock of a file does not hold between machines
//!   template:
//!     spec:
//!       securityContext: { runAsUser: 10001, fsGroup: 10001 }
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
//! With `fsGroup`, a process that is not root can write to the volume. Kubernetes then gives the group rights to the file at each start
//! (not checked). The next write takes these rights away.
//!
//! # To log in again
//!
//! A person logs in as before, and puts the new refresh token in the place of the seed: into the file, or into the Kubernetes Secret. No
//! restart is needed, unless the seed is a value or an environment variable. The source reads the seed before each exchange, and during a
//! pause after a refusal when a request needs a token, at most once a second. These events follow:
//!
//! 1. `INFO`: `the credentials have changed`, if the old login was refused.
//! 2. `INFO`: `somebody has logged in again: the new login is used`.
//! 3. `INFO`: `exchange succeeds again`, if exchanges have failed before.
//!
//! The store remembers the last 16 seeds. So a process that still has an old seed does not go back to the old login: it uses the new
//! one. A usable access token of the old login is used until it is due. To end it at once, report it as refused:
//! `source.reject(&source.token().await?).await`.
//!
//! # What it protects against
//!
//! | what happens | what follows |
//! |---|---|
//! | the process is restarted | it uses the access token of the store, or the newest refresh token |
//! | several processes of one machine share the file | one exchange for all; a refresh token is sent by one of them |
//! | the process dies before it has sent the refresh token | nothing is lost |
//! | the process dies, or the answer is lost, after it has sent the refresh token | the token is *in doubt*: see below |
//! | the endpoint answers with a 5xx, or with a 2xx that cannot be read | the same |
//! | the endpoint answers with a new refresh token, and with an access token that cannot be used | the exchange fails; the new refresh token is kept |
//! | the machine loses its power | the file is the old one or the new one, never a part of one |
//! | the disk is full, or the folder is read-only | nothing is sent, and the error names the file |
//! | the new refresh token cannot be written | it is used from memory; a `WARN` event and the status say so; the next exchange writes it before it sends anything |
//! | the connection is not made | the token is not in doubt |
//! | the endpoint answers with a redirect, or with a 4xx that does not refuse the refresh token (a 429, or a refusal of the client); except 408 and 499 | the token is not in doubt: such an answer proves that the request was not processed |
//! | a refresh token is refused | the store is read again, because another process may have renewed it; then the token is set aside in the member `rejected`, and is not sent again |
//!
//! What it does not protect against:
//!
//! - Somebody who can read the file. It is plain text, with the mode 0600. The refresh token of a public client is all that is needed to
//!   use the login; with DPoP and a key of yours, that key is needed too. For a client with a secret or a key, its secret or key is
//!   needed too. The access token in the file can be used until it ends, unless it is [bound](super::mtls) to a key or a certificate.
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
//! 1. Within the [`reuse_grace`](crate::token::SourceBuilder::reuse_grace) of the provider, it sends the token again at once.
//! 2. Otherwise it uses the primary credential, if there is one.
//! 3. Otherwise it waits until the last access token has ended, because a provider that sees a theft also ends the access tokens. If
//!    there is no access token, or if the API refuses it, it does not wait. An end that is more than a day away counts for one day only,
//!    because a clock may have been ahead. Then nothing more can be lost: it sends the token at each attempt, with the usual
//!    pauses, until the endpoint accepts the token or refuses it. After a refusal, a person must log in again.
//!
//! So an outage of the endpoint costs no login, unless the provider has spent the token and its answer was lost.
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
//! | Google | does not rotate (not checked); beyond a number of logins, the oldest one ends | `Duration::MAX` |
//! | oidc-provider, django-oauth-toolkit | the login ends at once | zero |
//! | better-auth | by default not accepted | zero |
//!
//! With a provider that does not rotate, `Duration::MAX` saves time: a token in doubt is sent at the next attempt, and does not wait for
//! the end of the access token.
//!
//! # A thousand kills
//!
//! A test kills a process by `SIGKILL` at random instants of its renewals, against a server that ends the login at a second use, without
//! grace and without a primary credential. So this is the worst case. The process renews without a pause. One run of it
//! (`tests/store/processes.rs`):
//!
//! | on disk after the kill | kills | login goes on | login is lost |
//! |---|---|---|---|
//! | a token that is not in doubt | 186 | 186 | 0 |
//! | the same, and a temporary file | 201 | 201 | 0 |
//! | a token in doubt | 503 | 288 | 215 |
//! | the same, and a temporary file | 110 | 0 | 110 |
//!
//! No login was lost whose token was not in doubt. Of the 325 that were lost, each had spent its token, and no program can know the
//! next one. A service renews once in some minutes, and not without a pause, so a kill at such an instant is rare.
//!
//! # What an operator sees
//!
//! [`Status::login`](crate::token::Status) says whether there is a refresh token, since when it is in doubt, whether it was refused, and
//! whether the store has the newest one. The [events](crate::token#events) say the same when it happens;
//! [`operating`](super::operating#a-login) names those that need a person. Without a store, the login is in the memory of the process, and
//! a `WARN` event says so when the first new refresh token comes.
//!
//! The file has these members, and keeps any others that you add:
//!
//! | member | is |
//! |---|---|
//! | `token` | the newest refresh token |
//! | `in_doubt_since` | when it was sent, in seconds since 1970; absent if it is not in doubt |
//! | `rejected` | a refresh token that the provider has refused. It is not sent again; it is there for a person to look at. If the provider has refused it by mistake, an operator may rename the member to `token`: the next exchange sends it |
//! | `seed`, `former_seeds` | the SHA-256 of the seed, and of those before it |
//! | `dpop_thumbprint`, `dpop_key` | the [key](super::dpop) that the refresh token of a public client is bound to; its private half, if this crate has made it |
//! | `key` | a hash of what tells this login from others: see [`FileStore`](crate::store::FileStore) |
//! | `access` | the last access token, its end (`ends_at`), its number (`fence`), and the thumbprint of its DPoP key |
