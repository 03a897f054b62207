//! Validates one user, company or subscription. Fills in `modified_time` if it is absent.

use moesif_wire::{ValidationError, limits};
use serde_json::{Value, value::RawValue};

use super::{
    RequestInfo, Shape,
    fields::{Fields, non_empty, object, optional_object, optional_text, required_text, time_or, unexpected},
};
use crate::store::{ProfileKind, ProfileRecord};

/// Validates a profile. `index` is its position in the batch.
pub(super) fn validate(
    kind: ProfileKind,
    index: usize,
    raw: &RawValue,
    info: &RequestInfo,
) -> Result<ProfileRecord, ValidationError> {
    let mut fields = object(raw)?;
    let key = required_text(&mut fields, kind.key_field())?;
    match kind {
        ProfileKind::User => {
            optional_text(&mut fields, "company_id")?;
        }
        ProfileKind::Company => {}
        ProfileKind::Subscription => {
            required_text(&mut fields, "company_id")?;
            // The contract requires a status on the single route only.
            match info.shape {
                Shape::Single => drop(required_text(&mut fields, "status")?),
                Shape::Batch => drop(optional_text(&mut fields, "status")?),
            }
        }
    }
    optional_object(&fields, "metadata")?;
    optional_object(&fields, "campaign")?;
    time_or(&mut fields, "modified_time", info.received_at)?;
    let session_tokens = take_session_tokens(&mut fields)?;
    Ok(ProfileRecord { index, kind, key, session_tokens, document: Value::Object(fields).to_string() })
}

/// Removes `session_token`, which is one token or an array of tokens, and returns the tokens. They
/// accumulate, so they are stored separately.
fn take_session_tokens(fields: &mut Fields) -> Result<Vec<String>, ValidationError> {
    const FIELD: &str = "session_token";
    let tokens = if let Some(Value::Array(list)) = fields.get(FIELD) {
        let tokens: Option<Vec<String>> =
            list.iter().map(|token| token.as_str().map(str::to_owned)).collect();
        let tokens = tokens.ok_or_else(|| {
            unexpected(FIELD, "a string or an array of strings", &Value::Array(list.clone()))
        })?;
        tokens.iter().try_for_each(|token| limits::check(FIELD, token))?;
        tokens
    } else {
        non_empty(optional_text(fields, FIELD)?).into_iter().collect()
    };
    fields.remove(FIELD);
    Ok(tokens)
}
