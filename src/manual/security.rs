//! What is protected, and what is not.
//!
//! # Protected
//!
//! - **Where a credential is sent.** A request gets the credential only if its origin is one of the layer's
//!   ([`with_origin`](crate::AuthLayer::with_origin)) and its scheme is https, or its host is a literal loopback address. A
//!   `Host` header that contradicts the URI is an error. The names of the exceptions begin with `danger_`.
//! - **Where the secret is sent.** The secret goes to the [token endpoint](crate::endpoint::TokenEndpoint) only. It is https, or on
//!   a literal loopback address; the [metadata server](crate::endpoint::TokenEndpoint::link_local_metadata) of a cloud, and the
//!   endpoint that App Service names on the same machine, are asked over plain http. Redirects of a token endpoint are
//!   not followed. The built-in client uses no proxy unless you set one, and none over plain http. A reqwest client uses the proxies
//!   of its builder and of the environment; `no_proxy()` turns them off.
//! - **An API never chooses where a secret goes.** A refusal may name other servers (`resource_metadata` and `authorization_uri` in
//!   `WWW-Authenticate`, or `Link`). The layer asks none of them. The caller gets the response with these headers.
//! - **What is shown.** No `Debug`, error, log line or status has a token, a secret, a refresh token or a part of them. If a
//!   server quotes a credential in an error code, the code is withheld. The client id and the path of the token endpoint are
//!   shown in errors: they are no secrets (RFC 6749 section 2.2).
//! - **What stays in memory.** A [`Secret`](crate::Secret) is wiped when it is dropped. Copies in the buffers of HTTP clients
//!   and TLS are not wiped.
//! - **Tokens from responses.** A token that an API hands out is adopted only if it is newer, has the same issuer, subject and
//!   audience, and names the same algorithm. The rotating preset also checks the signature; a scheme of your own does this in
//!   [`is_authentic`](crate::scheme::Presentation::is_authentic).
//! - **Stolen tokens.** With DPoP (feature `oauth`, `manual::dpop`), a token is of no use without the key, and no proof is sent twice.
//!   A token that is bound to a certificate ([`manual::mtls`](super::mtls)) is of no use without the private key.
//!   Without one of the two, whoever has a token can use it until it expires.
//! - **Accounts that lock.** After refused credentials, the pauses are 8 to 10 s at first, and grow to 5 min, however many requests
//!   come. They end earlier if the credential changes, or by [`retry_now`](crate::TokenSource::retry_now). One attempt may send the
//!   credentials in two encodings.
//!
//! # Not protected
//!
//! - A client below the layer that follows redirects copies the credential to wherever it is sent. Put redirects
//!   [above](super::stacking) the layer.
//! - A layer below this one sees the credential, and may log it. tower-http's `TraceLayer` does not log headers unless it is
//!   told to. Header values of this crate are marked as sensitive. A token that an API sends in a *response* is not.
//! - A process with the same rights can read the memory, the environment and the files of your service. A login in a
//!   `FileStore` is plain text. This crate writes it for its owner only (mode 0600), and refuses a file that others than its owner
//!   and its group may read. Protect the backups of that file in the same way.
//! - An API that gets a token can use it elsewhere. Ask for the smallest scope, and for an audience.
//!
//! # Secrets in configuration
//!
//! A configuration has references to secrets, and no secrets: `Deserialize` of a [`Credential`](crate::Credential) reads
//! `file:/path` and `env:NAME` only. A file is read again before each exchange. A symbolic link that is replaced (Kubernetes)
//! and a file that is written in parts are read correctly.
//!
//! ```
//! use tower_outbound_auth::Credential;
//!
//! let error = Credential::from_reference("hunter2").unwrap_err();
//! assert!(!error.to_string().contains("hunter2")); // it may have been a secret
//! ```
//!
//! `SECURITY.md` in the repository lists each threat with its test, and says how to report a weakness.
