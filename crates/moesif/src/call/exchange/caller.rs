//! Who makes a call: user, company, session and address.

use std::borrow::Cow;

use moesif_wire::{Direction, Headers};

use super::Exchange;
use crate::call::{Policy, client_address, identify_user};

/// Caller of a call, as the application's functions identify it.
#[derive(Default)]
pub(super) struct Caller {
    pub(super) user_id: Option<String>,
    pub(super) company_id: Option<String>,
    pub(super) session_token: Option<String>,
    /// Identifying the user failed.
    user_failed: bool,
    /// Identifying the company failed.
    company_failed: bool,
}

impl Exchange {
    /// Sets the user id that the application gives.
    pub fn set_user_id(&mut self, id: String) {
        self.caller.user_id = Some(id);
    }

    /// Returns the user id that the application has given.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.caller.user_id.as_deref()
    }

    /// Records that the application failed to identify the user. Governance rules about users are then
    /// skipped, because the call may have a user.
    pub fn set_user_identification_failed(&mut self) {
        self.caller.user_failed = true;
    }

    /// Records that the application failed to identify the company. Governance rules about companies are then
    /// skipped.
    pub fn set_company_identification_failed(&mut self) {
        self.caller.company_failed = true;
    }

    pub(crate) fn user_identification_failed(&self) -> bool {
        self.caller.user_failed
    }

    pub(crate) fn company_identification_failed(&self) -> bool {
        self.caller.company_failed
    }

    /// Sets the company id that the application gives.
    pub fn set_company_id(&mut self, id: String) {
        self.caller.company_id = Some(id);
    }

    /// Returns the company id that the application has given.
    #[must_use]
    pub fn company_id(&self) -> Option<&str> {
        self.caller.company_id.as_deref()
    }

    /// Sets the session token that the application gives.
    pub fn set_session_token(&mut self, token: String) {
        self.caller.session_token = Some(token);
    }

    /// Returns the user id that the application has given, else the one in the request headers.
    pub(crate) fn user_id_or_identified(&self, headers: &Headers<'_>) -> Option<Cow<'_, str>> {
        let Policy { authorization_header_names, authorization_user_id_field, .. } = &*self.policy;
        let identify = || identify_user(headers, authorization_header_names, authorization_user_id_field);
        self.user_id().map(Cow::Borrowed).or_else(|| identify().map(Cow::Owned))
    }

    /// Returns the address of the caller. `None` for an outgoing call, because the application's own address
    /// is not known.
    pub(crate) fn ip_address(&self, headers: &Headers<'_>) -> Option<String> {
        if self.policy.direction == Direction::Outgoing {
            return None;
        }
        let peer = self.text.get(self.request.peer_address);
        client_address(headers, Some(peer)).map(|address| address.to_string())
    }
}
