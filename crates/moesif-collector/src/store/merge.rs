//! Recursive merge of profiles. In: the stored object and what was sent. Out: the stored object, updated. `null`
//! means "not supplied" at every depth and never erases (`docs/wire-contract.md`, writes).

use serde_json::{Map, Value};

/// Merges `sent` into `stored`: objects field by field, everything else by replacement.
pub(super) fn merge(stored: &mut Map<String, Value>, sent: Map<String, Value>) {
    for (name, value) in sent {
        match value {
            Value::Null => {}
            Value::Object(fields) => {
                let place = stored.entry(name).or_insert(Value::Null);
                if let Value::Object(there) = place {
                    merge(there, fields);
                } else {
                    let mut fresh = Map::new();
                    merge(&mut fresh, fields);
                    *place = Value::Object(fresh);
                }
            }
            value => {
                stored.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merged(mut stored: Value, sent: Value) -> Value {
        if let (Value::Object(stored), Value::Object(sent)) = (&mut stored, sent) {
            merge(stored, sent);
        }
        stored
    }

    #[test]
    fn objects_are_merged_and_everything_else_is_replaced() {
        assert_eq!(
            merged(
                json!({"a": 1, "m": {"x": 1, "y": {"z": 1}}, "l": [1]}),
                json!({"a": 2, "m": {"y": {"w": 2}}, "l": [2]})
            ),
            json!({"a": 2, "m": {"x": 1, "y": {"z": 1, "w": 2}}, "l": [2]})
        );
        assert_eq!(merged(json!({"m": 1}), json!({"m": {"x": 1}})), json!({"m": {"x": 1}}));
        assert_eq!(merged(json!({"m": {"x": 1}}), json!({"m": 1})), json!({"m": 1}));
    }

    #[test]
    fn null_is_not_supplied_at_every_depth() {
        assert_eq!(
            merged(json!({"a": 1, "m": {"x": 1}}), json!({"a": null, "m": {"x": null, "n": {"deep": null}}})),
            json!({"a": 1, "m": {"x": 1, "n": {}}})
        );
    }
}
