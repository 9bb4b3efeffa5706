//! Removes URLs from reqwest's errors, because a query may contain a key.

use std::error::Error as StdError;
use std::fmt;
use std::iter;

use crate::error::BoxError;

/// The same error without the URLs of the reqwest errors in it.
pub(crate) fn without_url(error: BoxError) -> BoxError {
    #[cfg(feature = "reqwest-middleware")]
    let error = match error.downcast::<reqwest_middleware::Error>().map(|error| *error) {
        // `source()` of this error does not return the error that a middleware has wrapped.
        Ok(reqwest_middleware::Error::Middleware(inner)) => {
            let inner = match inner.downcast::<reqwest::Error>() {
                Ok(error) => return error.without_url().into(),
                Err(inner) => inner,
            };
            let outer: &(dyn StdError + 'static) = inner.as_ref();
            let said = Said::without_urls(outer).map(BoxError::from);
            return said.unwrap_or_else(|| reqwest_middleware::Error::Middleware(inner).into());
        }
        Ok(error) => return error.without_url().into(),
        Err(error) => error,
    };
    let error = match error.downcast::<reqwest::Error>() {
        Ok(error) => return error.without_url().into(),
        Err(error) => error,
    };
    Said::without_urls(&*error).map_or(error, Into::into)
}

/// The texts of an error and of its sources.
#[derive(Debug)]
struct Said {
    text: String,
    source: Option<Box<Said>>,
}

impl Said {
    /// The texts of an error that contains a reqwest error, which cannot be changed in place. None if there is no URL in it.
    fn without_urls(error: &(dyn StdError + 'static)) -> Option<Said> {
        let sources = iter::successors(Some(error), |&error| error.source());
        let reqwest = sources.filter_map(|error| error.downcast_ref::<reqwest::Error>());
        let urls: Vec<_> =
            reqwest.filter_map(reqwest::Error::url).map(ToString::to_string).collect();
        (!urls.is_empty()).then(|| Said::by(error, &urls))
    }

    fn by(error: &(dyn StdError + 'static), urls: &[String]) -> Said {
        let text = urls.iter().fold(error.to_string(), |text, url| text.replace(url, "(its URL)"));
        Said { text, source: error.source().map(|source| Box::new(Said::by(source, urls))) }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Said {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
