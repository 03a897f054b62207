//! Proxies and certificate authorities, from environment variables.
//!
//! In: the variables that the adapter has read. Out: [`NetworkSettings`]. The variables have the same meaning
//! as in the Python package `requests`, which the replaced packages use.

mod certificates;
mod proxy;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ureq::Proxy;
use ureq::http::Uri;
use ureq::tls::Certificate;

/// How connections to a collector are made: proxy and certificate authorities.
#[derive(Clone, Default)]
pub struct NetworkSettings {
    pub(super) proxy: Option<Proxy>,
    /// Trusted authorities. `None` means the built-in ones.
    pub(super) certificate_authorities: Option<Arc<Vec<Certificate<'static>>>>,
    /// The file that the authorities were read from.
    certificate_file: Option<PathBuf>,
}

impl PartialEq for NetworkSettings {
    fn eq(&self, other: &Self) -> bool {
        self.proxy == other.proxy && self.certificate_file == other.certificate_file
    }
}

impl fmt::Debug for NetworkSettings {
    /// Leaves out the proxy: its address may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetworkSettings")
            .field("certificate_file", &self.certificate_file)
            .finish_non_exhaustive()
    }
}

impl NetworkSettings {
    /// Reads the settings for `base_uri`, which comes from [`super::parse_base_uri`].
    ///
    /// If the URI is `https` and a variable names a file of certificate authorities, reads the file. Ignores
    /// a variable that cannot be used and adds a sentence to `warnings`.
    #[must_use]
    pub fn from_environment(base_uri: &str, variables: &[(&str, &str)], warnings: &mut Vec<String>) -> Self {
        let Ok(uri) = base_uri.parse::<Uri>() else {
            return Self::default();
        };
        let proxy = proxy::find(&uri, variables, warnings);
        let file =
            if uri.scheme_str() == Some("https") { certificates::read(variables, warnings) } else { None };
        let (certificate_authorities, certificate_file) =
            file.map_or((None, None), |file| (Some(Arc::new(file.certificates)), Some(file.path)));
        Self { proxy, certificate_authorities, certificate_file }
    }

    /// Returns whether [`NetworkSettings::from_environment`] uses an environment variable.
    pub(crate) fn reads(variable: &str) -> bool {
        certificates::VARIABLES.contains(&variable)
            || variable == proxy::CGI_VARIABLE
            || proxy::VARIABLES.iter().any(|name| variable.eq_ignore_ascii_case(name))
    }
}

/// Returns the trimmed text of a variable, unless it is empty.
fn value_of<'a>(variables: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    let (_, text) = variables.iter().find(|(variable, text)| *variable == name && !text.trim().is_empty())?;
    Some(text.trim())
}
