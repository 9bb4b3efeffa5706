//! What a store has: a lease, or what another process has put there.

use std::time::Duration;

use crate::basics::TARGET;
use crate::exchange::context::ExchangeContext;
use crate::exchange::error::ExchangeError;
use crate::secret::Secret;
use crate::store::error::StoreError;
use crate::store::kept::Kept;
use crate::store::kept::found::{Acquired, Elsewhere};
use crate::store::kept::login::{Login, Seed};
use crate::store::lease::{Acquire, Lease};

impl Kept {
    /// Waits for a lease, or for a newer token of somebody else. The deadline of the exchange ends the waiting.
    pub(crate) async fn acquire(
        &self,
        cx: &ExchangeContext,
        seed: Option<&Seed>,
    ) -> Result<Acquired, ExchangeError> {
        let mut seen = self.memory.seen();
        loop {
            let acquired = self.store.acquire(&self.key, seen, self.options.ttl, cx.now()).await;
            match acquired.map_err(|error| self.failed(error))? {
                Acquire::Newer(entry) if Some(entry.fence) > seen => {
                    seen = Some(entry.fence);
                    self.memory.see(entry.fence);
                    if let Some(issued) = self.usable(cx, &entry, seed).await {
                        self.note_what_is_stored().await;
                        tracing::debug!(target: TARGET, system = self.system, "another process has renewed the token");
                        return Ok(Acquired::Token(issued));
                    }
                    // So that the deadline ends this, even if a store always has a newer token.
                    tokio::task::yield_now().await;
                }
                Acquire::Newer(_) => {
                    let message = "the store gave an older token than the one that was seen";
                    return Err(self.failed(StoreError::unreachable(message)));
                }
                Acquire::Busy { retry_in } => {
                    let pause = retry_in.max(Duration::from_millis(1));
                    cx.clock().sleep(pause).await;
                }
                Acquire::Lead(lease) => return Ok(Acquired::Lease(lease)),
            }
        }
    }

    /// For the status: another process has changed the login.
    async fn note_what_is_stored(&self) {
        let stored = self.store.load(&self.key).await.ok();
        let login = stored.and_then(|stored| Login::parse(stored.carry.as_ref()?));
        if let Some(login) = login {
            self.memory.note(&login);
        }
    }

    /// The endpoint has refused this token: looks whether another process has renewed it without the lease.
    pub(crate) async fn elsewhere(
        &self,
        cx: &ExchangeContext,
        lease: &Lease,
        seed: Option<&Seed>,
        refused: &Secret,
    ) -> Option<Elsewhere> {
        let stored = self.store.load(&self.key).await.ok()?;
        let newer = stored.entry.as_ref().filter(|it| Some(it.fence) > lease.stored().fence());
        if let Some(entry) = newer
            && let Some(issued) = self.usable(cx, entry, seed).await
        {
            self.memory.see(entry.fence);
            return Some(Elsewhere::Token(issued));
        }
        let login = Login::parse(stored.carry.as_ref()?)?.with_seed(seed);
        let is_other = login.token.is_some() && !login.has_token(refused);
        is_other.then_some(Elsewhere::Login(login))
    }
}
