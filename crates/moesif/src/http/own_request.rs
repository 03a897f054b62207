//! A request that is sent as a program wrote it, to any server.

use ureq::http::{Error, Request};

/// A request with a method, a URI, headers and a body of the program's own.
///
/// No application id and no content type is added. `Accept`, `User-Agent` and `Content-Length` are, if the
/// program has not set them.
#[derive(Clone)]
pub struct OwnRequest {
    pub(super) request: Request<Option<Vec<u8>>>,
}

impl OwnRequest {
    /// Creates a request.
    ///
    /// # Errors
    ///
    /// [`Error`] if the method, the URI, or the name or value of a header is not valid in HTTP.
    pub fn new(
        method: &str,
        uri: &str,
        headers: Vec<(String, Vec<u8>)>,
        body: Option<Vec<u8>>,
    ) -> Result<Self, Error> {
        let mut builder = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        Ok(Self { request: builder.body(body)? })
    }
}
