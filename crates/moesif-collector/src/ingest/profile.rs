//! One user, company or subscription, judged and completed: what it must have, and `modified_time`.

use moesif_wire::{ValidationError, limits};
use serde_json::{Value, value::RawValue};

use super::{
    Received, Shape,
    fields::{Fields, object, optional_object, required_text, text, time_or, unexpected},
};
use crate::store::{ProfileKind, ProfileRecord};

/// Judges one profile.
pub(super) fn judge(
    kind: ProfileKind,
    index: usize,
    raw: &RawValue,
    received: &Received,
) -> Result<ProfileRecord, ValidationError> {
    let mut fields = object(raw)?;
    let key = required_text(&mut fields, kind.key_field())?;
    match kind {
        ProfileKind::User => {
            text(&mut fields, "company_id")?;
        }
        ProfileKind::Company => {}
        ProfileKind::Subscription => {
            required_text(&mut fields, "company_id")?;
            // The contract asks for it on the single route only.
            match received.shape {
                Shape::Single => drop(required_text(&mut fields, "status")?),
                Shape::Batch => drop(text(&mut fields, "status")?),
            }
        }
    }
    optional_object(&fields, "metadata")?;
    optional_object(&fields, "campaign")?;
    time_or(&mut fields, "modified_time", received.at)?;
    let tokens = tokens(&mut fields)?;
    Ok(ProfileRecord { index, kind, key, tokens, document: Value::Object(fields).to_string() })
}

/// Takes the session tokens out: they accumulate and are stored apart. One token or an array of them.
fn tokens(fields: &mut Fields) -> Result<Vec<String>, ValidationError> {
    const FIELD: &str = "session_token";
    if let Some(Value::Array(list)) = fields.get(FIELD) {
        let tokens = list
            .iter()
            .map(|token| token.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
            unexpected(FIELD, "a string or an array of strings", &Value::Array(list.clone()))
        })?;
        tokens.iter().try_for_each(|token| limits::check(FIELD, token))?;
        fields.remove(FIELD);
        return Ok(tokens);
    }
    let token = text(fields, FIELD)?.filter(|token| !token.is_empty());
    fields.remove(FIELD);
    Ok(token.into_iter().collect())
}
