//! Validates one action. It must have `action_name`, `request` and `request.uri`. Fills in `request.time` and
//! `request.ip_address` if they are absent.

use moesif_wire::ValidationError;
use serde_json::{Value, value::RawValue};

use super::{
    RequestInfo,
    fields::{non_empty, object, optional_object, optional_text, required_text, time_or, unexpected},
};
use crate::store::ActionRecord;

pub(super) fn validate(raw: &RawValue, info: &RequestInfo) -> Result<ActionRecord, ValidationError> {
    let mut fields = object(raw)?;
    let name = required_text(&mut fields, "action_name")?;
    let request = match fields.get_mut("request") {
        Some(Value::Object(request)) => request,
        None | Some(Value::Null) => return Err(ValidationError::missing("request", "an object")),
        Some(other) => return Err(unexpected("request", "an object", other)),
    };
    required_text(request, "request.uri")?;
    let time = time_or(request, "request.time", info.received_at)?;
    if optional_text(request, "request.ip_address")?.is_none() {
        request.insert("ip_address".to_owned(), Value::String(info.peer.to_string()));
    }
    optional_object(&fields, "metadata")?;
    Ok(ActionRecord {
        transaction_id: non_empty(optional_text(&mut fields, "transaction_id")?),
        time,
        name,
        user: non_empty(optional_text(&mut fields, "user_id")?),
        company: non_empty(optional_text(&mut fields, "company_id")?),
        document: Value::Object(fields).to_string(),
    })
}
