//! Recursive merge of profiles. Null means "not supplied" at every depth and never erases a value
//! (`docs/wire-contract.md`, "What a collector accepts").

use std::io;

use moesif_wire::ValidationError;
use serde_json::{Map, Value};

/// Maximum size of a merged profile in bytes. Every change rewrites the whole profile.
const MAX_SIZE: usize = 1024 * 1024;

/// A stored profile while others are merged into it. It stores its size, so that the size check of a merge
/// looks only at the fields that were sent.
pub(super) struct Profile {
    fields: Map<String, Value>,
    size: usize,
}

impl Profile {
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        let size = fields_size(&fields);
        Self { fields, size }
    }

    /// Merges `sent`. If the profile would grow beyond [`MAX_SIZE`], fails and changes nothing.
    pub(super) fn merge(&mut self, sent: Map<String, Value>) -> Result<(), ValidationError> {
        let SizeChange { added, removed } = size_change(&self.fields, &sent);
        let size = self.size.saturating_add(added).saturating_sub(removed);
        if size > MAX_SIZE && added > removed {
            // Names the largest field that was sent, because it is most likely the one to reduce.
            let largest =
                sent.iter().max_by_key(|(_, value)| value_size(value)).map(|(name, _)| name.clone());
            let expected = format!("the merged profile to have at most {MAX_SIZE} bytes");
            return Err(ValidationError::new(&largest.unwrap_or_default(), expected, size.to_string()));
        }
        self.size = size;
        merge(&mut self.fields, sent);
        Ok(())
    }

    pub(super) fn into_json(self) -> String {
        Value::Object(self.fields).to_string()
    }
}

/// Number of bytes that a merge adds to a profile and removes from it.
#[derive(Default)]
struct SizeChange {
    added: usize,
    removed: usize,
}

/// Returns the change of size when `sent` is merged into `stored`.
fn size_change(stored: &Map<String, Value>, sent: &Map<String, Value>) -> SizeChange {
    let mut total = SizeChange::default();
    for (name, value) in sent {
        let SizeChange { added, removed } = match (stored.get(name), value) {
            (_, Value::Null) => SizeChange::default(),
            (Some(Value::Object(existing)), Value::Object(fields)) => size_change(existing, fields),
            (Some(existing), value) => SizeChange { added: value_size(value), removed: value_size(existing) },
            (None, value) => SizeChange { added: entry_size(name, value), removed: 0 },
        };
        total.added = total.added.saturating_add(added);
        total.removed = total.removed.saturating_add(removed);
    }
    total
}

fn fields_size(fields: &Map<String, Value>) -> usize {
    let entries = fields.iter().filter(|(_, value)| !value.is_null());
    entries.fold(2, |size, (name, value)| size.saturating_add(entry_size(name, value)))
}

/// Returns the size of a member: name, value, colon and comma.
fn entry_size(name: &str, value: &Value) -> usize {
    text_size(name).saturating_add(value_size(value)).saturating_add(2)
}

/// Returns the size of a value as JSON text, without null members of objects.
fn value_size(value: &Value) -> usize {
    match value {
        Value::Object(fields) => fields_size(fields),
        other => text_size(other),
    }
}

fn text_size(value: &(impl serde::Serialize + ?Sized)) -> usize {
    struct Counter(usize);
    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.saturating_add(bytes.len());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    // Neither the serialisation of a tree nor this writer can fail.
    let _counted = serde_json::to_writer(&mut counter, value);
    counter.0
}

/// Merges `sent` into `stored`. Objects are merged field by field; other values are replaced.
fn merge(stored: &mut Map<String, Value>, sent: Map<String, Value>) {
    for (name, value) in sent {
        match value {
            Value::Null => {}
            Value::Object(fields) => {
                let target = stored.entry(name).or_insert(Value::Null);
                if let Value::Object(existing) = target {
                    merge(existing, fields);
                } else {
                    let mut fresh = Map::new();
                    merge(&mut fresh, fields);
                    *target = Value::Object(fresh);
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
    fn objects_are_merged_and_other_values_are_replaced() {
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
    fn size_is_correct_after_every_merge() {
        let fields = |value: Value| if let Value::Object(fields) = value { fields } else { Map::new() };
        let mut profile = Profile::new(fields(json!({"a": 1, "m": {"x": [1, null], "y": "é\n"}})));
        for sent in [
            json!({"a": "longer than it was", "m": {"z": {"n": null, "deep": {"er": 1.5}}}}),
            json!({"m": {"x": {"now": "an object"}, "y": 0}, "new": [{"k": null}]}),
            json!({"m": "no object any more", "gone": null, "empty": {}}),
        ] {
            profile.merge(fields(sent)).unwrap();
            assert_eq!(profile.size, fields_size(&profile.fields));
        }
    }

    #[test]
    fn profile_cannot_outgrow_its_limit_but_can_shrink() {
        let fields = |value: Value| if let Value::Object(fields) = value { fields } else { Map::new() };
        let mut profile = Profile::new(fields(json!({"big": "x".repeat(MAX_SIZE - 100)})));
        let error =
            profile.merge(fields(json!({"n": 1, "metadata": {"more": "y".repeat(200)}}))).unwrap_err();
        assert_eq!(error.field, "metadata");
        assert!(!profile.fields.contains_key("n"), "a rejected merge changed the profile");
        profile.merge(fields(json!({"big": "x", "metadata": {"more": "y".repeat(200)}}))).unwrap();
        assert_eq!(profile.fields.len(), 2);
    }

    #[test]
    fn null_never_erases_at_any_depth() {
        assert_eq!(
            merged(json!({"a": 1, "m": {"x": 1}}), json!({"a": null, "m": {"x": null, "n": {"deep": null}}})),
            json!({"a": 1, "m": {"x": 1, "n": {}}})
        );
    }
}
