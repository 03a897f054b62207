//! Plain HTTP through a proxy: the request is sent to the proxy with the whole URI in its first line (RFC
//! 9112, section 3.2.2).
//!
//! The HTTP library supports only tunnels (`CONNECT`), and proxies commonly allow tunnels to port 443 only.
//! So requests to an `http://` collector are sent to the proxy, which forwards them, as with other HTTP
//! clients.

use std::fmt;

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// Wraps a connection to a proxy.
#[derive(Debug)]
pub(super) struct ForwardConnector {
    /// `http://host:port` of the collector, which is added to the first line. `None` leaves requests
    /// unchanged.
    pub(super) origin: Option<String>,
}

impl<In: Transport> Connector<In> for ForwardConnector {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        _details: &ConnectionDetails,
        connection: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(connection.map(|connection| match &self.origin {
            None => connection.boxed(),
            Some(origin) => {
                Forwarded { connection, origin: origin.clone().into_bytes(), at_start: true }.boxed()
            }
        }))
    }
}

struct Forwarded<T> {
    connection: T,
    origin: Vec<u8>,
    /// Whether the next bytes begin a request.
    at_start: bool,
}

impl<T: Transport> fmt::Debug for Forwarded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Forwarded").field(&self.connection).finish()
    }
}

impl<T: Transport> Transport for Forwarded<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.connection.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if !std::mem::replace(&mut self.at_start, false) {
            return self.connection.transmit_output(amount, timeout);
        }
        let written = self.connection.buffers().output().get(..amount).unwrap_or_default();
        let verb = written.iter().position(|byte| *byte == b' ').map_or(0, |space| space + 1);
        let (verb, rest) = written.split_at(verb);
        let head = [verb, &self.origin, rest].concat();
        let capacity = self.connection.buffers().output().len().max(1);
        for part in head.chunks(capacity) {
            if let Some(output) = self.connection.buffers().output().get_mut(..part.len()) {
                output.copy_from_slice(part);
            }
            self.connection.transmit_output(part.len(), timeout)?;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        // After the answer, a new request may begin.
        self.at_start = true;
        self.connection.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.connection.is_open()
    }

    fn is_tls(&self) -> bool {
        self.connection.is_tls()
    }
}
