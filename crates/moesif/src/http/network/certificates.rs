//! Certificate authorities from a file, which replace the built-in ones.

use std::fs;
use std::path::PathBuf;

use ureq::tls::{Certificate, PemItem, parse_pem};

use super::value_of;

/// Environment variables with the path of a PEM file. The first one that is set is used.
pub(super) const VARIABLES: [&str; 3] = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"];

/// A PEM file and the certificates in it.
pub(super) struct CertificateFile {
    pub(super) path: PathBuf,
    pub(super) certificates: Vec<Certificate<'static>>,
}

/// Reads the file that the environment names. Ignores a file that cannot be used and adds a warning.
pub(super) fn read(variables: &[(&str, &str)], warnings: &mut Vec<String>) -> Option<CertificateFile> {
    let (variable, path) = VARIABLES.iter().find_map(|name| Some((name, value_of(variables, name)?)))?;
    match parse(path) {
        Ok(certificates) => Some(CertificateFile { path: PathBuf::from(path), certificates }),
        Err(reason) => {
            warnings.push(format!(
                "{variable} is {path:?}: {reason}; the built-in certificate authorities are used instead"
            ));
            None
        }
    }
}

fn parse(path: &str) -> Result<Vec<Certificate<'static>>, String> {
    let pem = fs::read(path).map_err(|error| error.to_string())?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        Err("the file contains no certificate".to_owned())
    } else {
        Ok(certificates)
    }
}

#[cfg(test)]
mod tests {
    use crate::http::NetworkSettings;

    fn warnings(base_uri: &str) -> Vec<String> {
        let mut warnings = Vec::new();
        let variables = [("SSL_CERT_FILE", "/nowhere/ca.pem")];
        drop(NetworkSettings::from_environment(base_uri, &variables, &mut warnings));
        warnings
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_if_it_is_needed() {
        let warnings_of_https = warnings("https://h");
        assert!(
            warnings_of_https[0].starts_with("SSL_CERT_FILE is \"/nowhere/ca.pem\""),
            "{warnings_of_https:?}"
        );
        assert_eq!(warnings("http://h"), Vec::<String>::new());
    }
}
