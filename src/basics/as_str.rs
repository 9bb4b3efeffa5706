//! Names of enum variants for metrics and logs.

/// Gives an enum `as_str` and `Display` in snake case. `Debug` is not used because it may change.
macro_rules! impl_as_str {
    ($name:ident { $($variant:ident => $label:literal),* $(,)? }) => {
        impl $name {
            /// The variant's name in snake case, as a label of metrics. It does not change.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $label,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub(crate) use impl_as_str;
