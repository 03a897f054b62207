//! Recursive merge of profiles. In: the stored object and what was sent. Out: the stored object, updated, or the
//! refusal to let it grow beyond a limit. `null` means "not supplied" at every depth and never erases
//! (`docs/wire-contract.md`, writes).

use std::io;

use moesif_wire::ValidationError;
use serde_json::{Map, Value};

/// Bytes of a merged profile at most. Without a limit it would grow for ever, and every change costs its size.
const LONGEST: usize = 1024 * 1024;

/// A stored profile while a group is merged into it. Knows its size, so that a change costs what was sent and not
/// what is stored.
pub(super) struct Profile {
    fields: Map<String, Value>,
    size: usize,
}

impl Profile {
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        let size = fields_size(&fields);
        Self { fields, size }
    }

    /// Merges `sent`, or leaves the profile as it is.
    pub(super) fn merge(&mut self, sent: Map<String, Value>) -> Result<(), ValidationError> {
        let (added, removed) = change(&self.fields, &sent);
        let size = self.size.saturating_add(added).saturating_sub(removed);
        if size > LONGEST && added > removed {
            // The largest of what was sent: most of the time it is the one to be made smaller.
            let largest =
                sent.iter().max_by_key(|(_, value)| value_size(value)).map(|(name, _)| name.clone());
            let expected = format!("the merged profile to have at most {LONGEST} bytes");
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

/// The bytes that merging `sent` into `stored` adds and removes.
fn change(stored: &Map<String, Value>, sent: &Map<String, Value>) -> (usize, usize) {
    let (mut added, mut removed) = (0_usize, 0_usize);
    for (name, value) in sent {
        let (more, less) = match (stored.get(name), value) {
            (_, Value::Null) => (0, 0),
            (Some(Value::Object(there)), Value::Object(fields)) => change(there, fields),
            (Some(there), value) => (value_size(value), value_size(there)),
            (None, value) => (entry_size(name, value), 0),
        };
        added = added.saturating_add(more);
        removed = removed.saturating_add(less);
    }
    (added, removed)
}

fn fields_size(fields: &Map<String, Value>) -> usize {
    let entries = fields.iter().filter(|(_, value)| !value.is_null());
    entries.fold(2, |size, (name, value)| size.saturating_add(entry_size(name, value)))
}

/// A name, a value, a colon and a comma.
fn entry_size(name: &str, value: &Value) -> usize {
    text_size(name).saturating_add(value_size(value)).saturating_add(2)
}

/// The size of a value as text. Nulls in objects are not supplied and not counted.
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
    // Neither a tree nor this writer can fail.
    let _counted = serde_json::to_writer(&mut counter, value);
    counter.0
}

/// Merges `sent` into `stored`: objects field by field, everything else by replacement.
fn merge(stored: &mut Map<String, Value>, sent: Map<String, Value>) {
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
    fn a_profile_knows_its_size_after_every_merge() {
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
    fn a_profile_does_not_outgrow_its_limit_but_may_always_shrink() {
        let fields = |value: Value| if let Value::Object(fields) = value { fields } else { Map::new() };
        let mut profile = Profile::new(fields(json!({"big": "x".repeat(LONGEST - 100)})));
        let refused =
            profile.merge(fields(json!({"n": 1, "metadata": {"more": "y".repeat(200)}}))).unwrap_err();
        assert_eq!(refused.field, "metadata");
        assert!(!profile.fields.contains_key("n"), "a refused merge changed the profile");
        profile.merge(fields(json!({"big": "x", "metadata": {"more": "y".repeat(200)}}))).unwrap();
        assert_eq!(profile.fields.len(), 2);
    }

    #[test]
    fn null_is_not_supplied_at_every_depth() {
        assert_eq!(
            merged(json!({"a": 1, "m": {"x": 1}}), json!({"a": null, "m": {"x": null, "n": {"deep": null}}})),
            json!({"a": 1, "m": {"x": 1, "n": {}}})
        );
    }
}
