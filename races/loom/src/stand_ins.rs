//! Types that the checked files name and that no model uses.

pub(crate) mod secret {
    #[derive(Clone)]
    pub(crate) struct Secret;

    impl Secret {
        pub(crate) fn expose(&self) -> &str {
            ""
        }
    }
}

pub(crate) mod scheme {
    pub(crate) mod per_request {
        pub(crate) trait PerRequest {}
    }
}

pub(crate) mod options {
    use std::sync::Arc;

    use http::HeaderValue;

    use super::scheme::per_request::PerRequest;

    pub(crate) struct Presented {
        pub(crate) value: HeaderValue,
        pub(crate) per_request: Option<Arc<dyn PerRequest>>,
    }
}

pub(crate) mod exchange {
    pub(crate) mod chain {
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) struct SourceId;
    }

    pub(crate) mod extra {
        #[derive(Clone, Debug, Default)]
        pub(crate) struct Extra;

        impl Extra {
            pub(crate) fn get(&self, _: &str) -> Option<&str> {
                None
            }

            pub(crate) fn is_empty(&self) -> bool {
                true
            }
        }
    }
}

pub(crate) mod machine {
    use self::queries::Flags;
    use crate::clock::Now;

    pub(crate) mod queries {
        use super::events::Generation;
        use crate::clock::Now;

        pub(crate) struct Flags {
            pub(crate) quiet_until: Option<Now>,
            pub(crate) paused_until: Option<Now>,
            pub(crate) rejected_token: Option<Generation>,
            pub(crate) renews_a_refused_token: bool,
        }
    }

    pub(crate) mod events {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct Generation(u64);

        impl Generation {
            pub(crate) fn of(number: u64) -> Generation {
                Generation(number)
            }

            pub(crate) fn number(self) -> u64 {
                self.0
            }
        }
    }

    pub(crate) mod rotation {
        pub(crate) struct Lineage;
    }

    pub(crate) mod window {
        use crate::clock::Now;

        pub(crate) struct Window {
            pub(crate) refresh_at: Now,
            pub(crate) margin_at: Now,
            pub(crate) ends_at: Now,
        }
    }

    /// The machine's answer, without its reasons.
    #[derive(Default)]
    pub(crate) struct Machine {
        pub(crate) generation: u64,
        pub(crate) quiet_until: Option<Now>,
        pub(crate) paused_until: Option<Now>,
    }

    impl Machine {
        pub(crate) fn flags(&self) -> Flags {
            Flags {
                quiet_until: self.quiet_until,
                paused_until: self.paused_until,
                rejected_token: None,
                renews_a_refused_token: false,
            }
        }
    }
}
