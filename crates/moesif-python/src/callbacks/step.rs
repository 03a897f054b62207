//! The list of the application's functions.
#![expect(
    clippy::disallowed_types,
    reason = "pyo3 keeps each variant in a PyOnceLock. All are made while the module is imported, as attributes of the class"
)]

use moesif::settings::keys;
use moesif::{Exchange, Governance};
use pyo3::prelude::*;
use serde_json::value::RawValue;

use super::{FailureLog, Failures, Recipient, mask};
use crate::{convert, json, python};

/// Whether the application serves a call or makes it: the options have different names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The application serves the call.
    Incoming,
    /// The application makes the call.
    Outgoing,
}

/// One of the application's functions. The variants are in the order in which the functions are called.
#[pyclass(frozen, eq, hash, module = "moesif._native")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// Decides whether the call is recorded.
    Skip,
    /// Names the user. Also called before the application, if governance rules need the user.
    User,
    /// Names the company. Also called before the application, if governance rules need the company.
    Company,
    /// Adds metadata.
    Metadata,
    /// Gives the session token.
    SessionToken,
    /// Changes the event, last of all and only if the call is kept.
    Mask,
}

/// How governance rules use a step that is asked before the application.
struct Early {
    /// Whether rules need the answer.
    is_needed: fn(&Governance) -> bool,
    /// Notes that asking failed, so that those rules are not applied.
    mark_unknown: fn(&mut Exchange),
}

/// The result of a function, checked.
pub(crate) enum Answer {
    Skip,
    UserId(String),
    CompanyId(String),
    Metadata(Box<RawValue>),
    SessionToken(String),
    Event(Box<RawValue>),
}

impl Step {
    /// The steps that are asked about a request and its response.
    pub(crate) const ASKED: [Self; 5] =
        [Self::Skip, Self::User, Self::Company, Self::Metadata, Self::SessionToken];

    /// Returns the option that holds the function.
    pub(crate) const fn option(self, side: Side) -> &'static str {
        let (incoming, outgoing) = match self {
            Self::Skip => (keys::SKIP, keys::SKIP_OUTGOING),
            Self::User => (keys::IDENTIFY_USER, keys::IDENTIFY_USER_OUTGOING),
            Self::Company => (keys::IDENTIFY_COMPANY, keys::IDENTIFY_COMPANY_OUTGOING),
            Self::Metadata => (keys::GET_METADATA, keys::GET_METADATA_OUTGOING),
            Self::SessionToken => (keys::GET_SESSION_TOKEN, keys::GET_SESSION_TOKEN_OUTGOING),
            Self::Mask => (keys::MASK_EVENT_MODEL, keys::MASK_EVENT_MODEL),
        };
        match side {
            Side::Incoming => incoming.name(),
            Side::Outgoing => outgoing.name(),
        }
    }

    /// Returns a new record of failures for the function under [`Step::option`].
    pub(crate) fn failures(self, side: Side) -> Failures {
        let lost = match self {
            Self::Mask => "headers, bodies, query, session token and metadata",
            _ => "its result",
        };
        Failures::new(self.option(side), lost)
    }

    const fn early(self) -> Option<Early> {
        match self {
            Self::User => Some(Early {
                is_needed: Governance::needs_user_id,
                mark_unknown: Exchange::set_user_identification_failed,
            }),
            Self::Company => Some(Early {
                is_needed: Governance::needs_company_id,
                mark_unknown: Exchange::set_company_identification_failed,
            }),
            _ => None,
        }
    }

    /// Whether governance rules need the answer before the application is called.
    pub(crate) fn is_needed_early(self, rules: &Governance) -> bool {
        self.early().is_some_and(|early| (early.is_needed)(rules))
    }

    /// Notes that asking failed before the application was called: rules that need the answer are not
    /// applied.
    pub(crate) fn mark_unknown(self, exchange: &mut Exchange) {
        if let Some(early) = self.early() {
            (early.mark_unknown)(exchange);
        }
    }

    /// Whether the record has the answer already, from before the application was called.
    pub(crate) fn is_answered(self, exchange: &Exchange) -> bool {
        match self {
            Self::User => exchange.user_id().is_some(),
            Self::Company => exchange.company_id().is_some(),
            _ => false,
        }
    }

    /// Checks what the function returned. `None` is a valid result that says nothing.
    ///
    /// Raises `TypeError` or `ValueError` for an invalid result, and whatever methods of the result raise.
    pub(crate) fn read(
        self,
        result: &Bound<'_, PyAny>,
        record: &mut impl Recipient,
    ) -> PyResult<Option<Answer>> {
        Ok(match self {
            Self::Skip => python::truth(result)?.then_some(Answer::Skip),
            Self::User => convert::id_text(result)?.map(Answer::UserId),
            Self::Company => convert::id_text(result)?.map(Answer::CompanyId),
            Self::Metadata => json::metadata(result)?.map(Answer::Metadata),
            Self::SessionToken => convert::token_text(result)?.map(Answer::SessionToken),
            Self::Mask => {
                let known = record.change(|exchange| mask::Kept::of(exchange));
                known.map(|kept| mask::masked(result, &kept)).transpose()?.map(Answer::Event)
            }
        })
    }
}

#[pymethods]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "pyo3 passes a reference to the object")]
impl Step {
    /// The steps that are asked about a request and its response, in order.
    #[classattr]
    const SEQUENCE: [Self; 5] = Self::ASKED;

    /// The option that holds the function, for calls that the application serves.
    #[getter(option)]
    fn incoming_option(&self) -> &'static str {
        self.option(Side::Incoming)
    }

    /// Returns a log for the failures of the function.
    fn failure_log(&self) -> FailureLog {
        self.failures(Side::Incoming).into()
    }
}

impl Answer {
    /// Stores the answer in the record. [`Answer::Skip`] leaves it unchanged: the caller discards the record.
    pub(crate) fn store(self, exchange: &mut Exchange) {
        match self {
            Self::Skip => {}
            Self::UserId(id) => exchange.set_user_id(id),
            Self::CompanyId(id) => exchange.set_company_id(id),
            Self::Metadata(metadata) => exchange.set_metadata(metadata),
            Self::SessionToken(token) => exchange.set_session_token(token),
            Self::Event(document) => exchange.set_document(document),
        }
    }
}
