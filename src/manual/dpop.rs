//! Tokens that are bound to a key (DPoP, RFC 9449).
//!
//! Whoever has a Bearer token can use it. A token with DPoP is bound to a key that your service has. Each request
//! carries a proof in the header `DPoP`: a JWT for this method, this URL, this moment and this token, signed by the key.
//!
//! ```
//! use tower_outbound_auth::Credential;
//! use tower_outbound_auth::system::{Dpop, OAuth, OAuthClient};
//!
//! let system = OAuth::builder("https://idp.example/token")
//!     .client(OAuthClient::with_secret("billing", Credential::file("/run/secrets/billing")))
//!     .dpop(Dpop::new()?)
//!     .build()?;
//! # let _ = system; // AuthLayer::oauth(system, "https://api.example")?
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```
//!
//! The token endpoint then issues tokens of the type `DPoP`. They are sent as `Authorization: DPoP <token>`.
//!
//! # What it protects against, and what not
//!
//! | somebody has | with a Bearer token | with DPoP |
//! |---|---|---|
//! | a token from a log, a dump or a proxy | can use it until it expires | cannot use it without the key |
//! | a token and a proof from a log | can use the token until it expires | can repeat that one request, as long as the server accepts the time in the proof and does not remember its `jti`. A server that gives nonces makes this time short |
//! | an API that gets the token | can send it to other APIs | cannot: it has no proof for their URLs |
//! | the memory of your process, or the file of its key | can do everything | can do everything: see [After an incident](#after-an-incident) |
//! | the connection, without TLS | can read and change everything | can read and change the body: a proof does not cover the body and the query |
//!
//! DPoP does not authenticate the client at the token endpoint. A secret or a private key of the client is still needed.
//!
//! # What the layer does
//!
//! - **Proofs.** Each sending has a new proof, so no proof is sent twice. A proof by ES256 takes some 20 µs on the task of the request.
//!   A system without DPoP pays nothing for it.
//! - **Nonces.** A server may demand a nonce of its own in each proof. The newest nonce of each origin is kept in memory, and is learned
//!   from every response. The token endpoint and the API have nonces of their own, even on one host. A nonce that is longer than
//!   256 bytes, or has other characters than RFC 9449 allows, is ignored. After a restart there is no nonce: with a server that
//!   demands one, the first request is sent twice.
//! - **A challenge for a nonce** (`use_dpop_nonce`, as a 400 or a 401). The request is sent once more with the new nonce and the same
//!   token. The token is not renewed, and this does not count as a refusal of the token. `counters.new_proofs` of the
//!   [status](crate::TokenSource::status) counts it. If the server repeats the nonce that the request had, it is not sent again.
//! - **A refused proof** (`invalid_dpop_proof`). Then too the request is sent once more, with a new proof.
//! - **After that,** a 401 about the token renews the token, as without DPoP. So a request is sent three times at most. A stream with
//!   [`Wrap`](crate::replay::Wrap) or [`Rewrap`](crate::replay::Rewrap) is sent twice at most. If its second sending gets a 401, the
//!   caller gets it; the token is renewed for the next request.
//! - **A request that cannot be sent again.** Its caller gets the challenge, with
//!   [`Recovery::ProofRefused`](crate::Recovery::ProofRefused). The nonce is learned, so the next request has it.
//! - **No downgrade.** A refused proof never leads to a request without one. A token that is not bound is an error, unless
//!   [`Dpop::optional`](crate::system::Dpop::optional) accepts it.
//!
//! A 400 counts as a challenge only if `WWW-Authenticate` says so, or if [`InspectBodyLayer`](crate::InspectBodyLayer) has read
//! `{"error":"use_dpop_nonce"}` in its body.
//!
//! # What a server's nonces cost
//!
//! Three calls, one after the other, with a new layer: the requests at the token endpoint + the requests at the API: the statuses that the
//! callers got. So `2 + 4: 200 200 200` means: the one exchange took two requests, because the first one had no nonce; the three calls took
//! four requests, because the first call was sent twice; each caller got a 200. A test (`tests/dpop/table.rs`) makes this table with
//! real clients, and compares it with this page.
//!
//! | server | hyper | axum | tonic | reqwest | reqwest-middleware |
//! |---|---|---|---|---|---|
//! | no nonces | 1 + 3: 200 200 200 | 1 + 3: 200 200 200 | 1 + 3: 200 200 200 | 1 + 3: 200 200 200 | 1 + 3: 200 200 200 |
//! | `use_dpop_nonce` in a 401, at both | 2 + 4: 200 200 200 | 2 + 4: 200 200 200 | 2 + 4: 200 200 200 | 2 + 4: 200 200 200 | 2 + 4: 200 200 200 |
//! | `use_dpop_nonce` in a 400, at both | 2 + 4: 200 200 200 | 2 + 4: 200 200 200 | 2 + 4: 200 200 200 | 2 + 4: 200 200 200 | 2 + 4: 200 200 200 |
//! | the next nonce in a success of the API | 1 + 3: 200 200 200 | 1 + 3: 200 200 200 | 1 + 3: 200 200 200 | 1 + 3: 200 200 200 | 1 + 3: 200 200 200 |
//! | each nonce of the API is valid once | 1 + 4: 200 200 200 | 1 + 4: 200 200 200 | 1 + 4: 200 200 200 | 1 + 4: 200 200 200 | 1 + 4: 200 200 200 |
//! | both on one host, with nonces of their own | 2 + 4: 200 200 200 | 2 + 4: 200 200 200 | 2 + 4: 200 200 200 | 2 + 4: 200 200 200 | 2 + 4: 200 200 200 |
//! | the API wants a nonce and accepts none | 1 + 4: 401 401 401 | 1 + 4: 401 401 401 | 1 + 4: 401 401 401 | 1 + 4: 401 401 401 | 1 + 4: 401 401 401 |
//!
//! # The key
//!
//! | | the key | to change it |
//! |---|---|---|
//! | [`Dpop::new`](crate::system::Dpop::new) | is made for ES256, in memory: each process has its own | [`Dpop::rotate`](crate::system::Dpop::rotate) |
//! | [`Dpop::with_key`](crate::system::Dpop::with_key) | is a value of yours | [`Dpop::rotate_to`](crate::system::Dpop::rotate_to) |
//! | [`Dpop::key_from`](crate::system::Dpop::key_from) | is in a file or another credential, which is read before each exchange | change the file |
//!
//! A new key is used from the next exchange on. A token and its key change together: each request has the key that its token is bound to.
//! The login of a public client is the exception: see [Refresh tokens](#refresh-tokens).
//!
//! A key of yours is a P-256, a P-384 or an Ed25519 key. All servers that support DPoP accept P-256 (ES256). Ask the provider before
//! you use another one. An RSA key is an error, because its signature takes milliseconds.
//!
//! # After an incident
//!
//! Somebody may have the key. Replace the key *and* the token, because the old token stays good with the old key:
//!
//! 1. Replace the key, as the table above says.
//! 2. Report the token as refused: `source.reject(&source.token().await?).await`. The exchange that follows uses the new key.
//! 3. If the client is public and has a login, a person must log in again: the old refresh token is bound to the old key, and goes
//!    on with it. [`manual::refresh_tokens`](super::refresh_tokens) has the steps.
//! 4. Let the provider revoke the old access token and the old refresh token.
//!
//! # Refresh tokens
//!
//! The refresh token of a client with a secret, a key or a certificate is not bound to the DPoP key (RFC 9449 section 5). A new key at any
//! exchange is fine.
//!
//! The refresh token of a *public* client is bound to its key for its whole life. So the key belongs to the login:
//!
//! - **A key that this crate has made** is kept in the [store](super::refresh_tokens) beside the refresh token, in the same write. A crash at
//!   any moment leaves both, or neither. After a restart the login goes on with this key, whatever key the new process has made. In a
//!   [`FileStore`](crate::store::FileStore) it is plain text with the mode 0600, as the refresh token itself: whoever has a copy of the file has
//!   the login, as without DPoP. If you later give a key of your own, the login goes on with the stored key. Your key is used from the
//!   next login on.
//! - **A key of yours** is not copied into the store, which has its thumbprint only. Then a copy of the store is of no use without the key. If
//!   you give another key, the exchange fails with an error that names both thumbprints, and nothing is sent.
//! - **A refresh token that another program has obtained with a key** can be used only with that key: give that key. With another key,
//!   the endpoint refuses the refresh token. The error says so, and the right key is tried when you give it.
//! - [`rotate`](crate::system::Dpop::rotate), [`rotate_to`](crate::system::Dpop::rotate_to) and a new key in the file of `key_from` change
//!   nothing for a login that has begun, as long as the process runs. After a restart, the login of a key of yours needs its old key:
//!   with another key, each exchange fails as above. A new login (another seed) begins with the new key.
//!
//! An access token in a store is used only by a process that has its key. So processes that share the login of a confidential client should
//! share a key of yours. Otherwise each one makes exchanges of its own.
//!
//! # To switch DPoP on or off
//!
//! | what happens | what follows |
//! |---|---|
//! | your service asks for DPoP, and the provider does not issue such tokens yet | the exchange fails: `issued a token that is not bound to the DPoP key`. If the answer has a new refresh token, that one is kept, so no login is lost. [`Dpop::optional`](crate::system::Dpop::optional) accepts Bearer tokens until the provider is ready |
//! | you remove `dpop`, and the client is confidential | the next tokens are Bearer tokens, if the provider allows them |
//! | you remove `dpop` from the login of a public client | the exchange fails: `this login is bound to a DPoP key`. Nothing is sent. Without DPoP, a person must log in again |
//!
//! # Proxies, redirects, relative URIs
//!
//! A server compares the URL in the proof with the URL that it sees. If a proxy changes the address, say what the server sees:
//!
//! ```
//! use tower_outbound_auth::Origin;
//! use tower_outbound_auth::system::Dpop;
//!
//! let callers_see = Origin::parse("https://api.example")?;
//! let dpop = Dpop::new()?.htu_base(callers_see, "http://reports.internal:8080/v1")?;
//! # let _ = dpop;
//! # Ok::<_, tower_outbound_auth::Error>(())
//! ```
//!
//! Okta compares the decoded path: [`Dpop::decoded_path`](crate::system::Dpop::decoded_path). With tonic, the URI of a request has no host, so
//! `Dpop::htu_base(Origin::relative(), "https://grpc.example")` must say it.
//!
//! A proof is for one URL. The reqwest client of this layer therefore follows no redirect of a request with a proof: the caller gets the 3xx. For other
//! clients, put redirects [above](super::stacking) the layer, so that each request has its own proof.
//!
//! # In a file that an operator writes
//!
//! In the table `oauth` of a [`Config`](crate::system::Config):
//!
//! ```toml
//! [oauth]
//! # ..
//! dpop = true               # a key in memory
//! ```
//!
//! Or, with options, without the line `dpop = true`:
//!
//! ```toml
//! [oauth.dpop]
//! key = "file:/run/secrets/dpop.pem"
//! optional = false
//! htu_base = { "https://api.example" = "http://reports.internal:8080/v1" }
//! ```
//!
//! [`ClientCredentials`](crate::system::ClientCredentials) and the table `client_credentials` have no DPoP: use
//! [`OAuth`](crate::system::OAuth) and `oauth`, which do the same and more.
