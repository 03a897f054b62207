//! One action, judged and completed: `action_name`, `request` and `request.uri` are required, `request.time` and
//! `request.ip_address` are the server's to fill in.

use moesif_wire::ValidationError;
use serde_json::{Value, value::RawValue};

use super::{
    Received,
    fields::{object, optional_object, required_text, text, time_or, unexpected},
};
use crate::store::ActionRecord;

/// Judges one action.
pub(super) fn judge(raw: &RawValue, received: &Received) -> Result<ActionRecord, ValidationError> {
    let mut fields = object(raw)?;
    let name = required_text(&mut fields, "action_name")?;
    let request = match fields.get_mut("request") {
        Some(Value::Object(request)) => request,
        None | Some(Value::Null) => return Err(ValidationError::missing("request", "an object")),
        Some(other) => return Err(unexpected("request", "an object", other)),
    };
    required_text(request, "request.uri")?;
    let time = time_or(request, "request.time", received.at)?;
    if text(request, "request.ip_address")?.is_none() {
        request.insert("ip_address".to_owned(), Value::String(received.peer.to_string()));
    }
    optional_object(&fields, "metadata")?;
    Ok(ActionRecord {
        transaction_id: text(&mut fields, "transaction_id")?.filter(|id| !id.is_empty()),
        time,
        name,
        user: text(&mut fields, "user_id")?.filter(|id| !id.is_empty()),
        company: text(&mut fields, "company_id")?.filter(|id| !id.is_empty()),
        document: Value::Object(fields).to_string(),
    })
}
