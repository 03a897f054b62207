//! Adds a member to the metadata of the application.

use std::collections::HashMap;

use serde_json::value::RawValue;

/// Returns the object with an additional text member. `None` if it has a member of that name, or is not an
/// object.
pub(super) fn with_member(metadata: Option<&RawValue>, name: &str, text: &str) -> Option<Box<RawValue>> {
    let object = metadata.map_or("{}", RawValue::get);
    let members: HashMap<String, &RawValue> = serde_json::from_str(object).ok()?;
    if members.contains_key(name) {
        return None;
    }
    let before = object.trim_end().strip_suffix('}')?;
    let comma = if members.is_empty() { "" } else { "," };
    let (name, text) = (serde_json::to_string(name).ok()?, serde_json::to_string(text).ok()?);
    RawValue::from_string(format!("{before}{comma}{name}:{text}}}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_is_added_unless_the_object_has_one_of_that_name() {
        let added = |object: Option<&str>| {
            let object = object.map(|object| RawValue::from_string(object.to_owned()).unwrap());
            with_member(object.as_deref(), "id", "\"1\"").map(|object| object.get().to_owned())
        };
        assert_eq!(added(None).unwrap(), r#"{"id":"\"1\""}"#);
        assert_eq!(added(Some("{ }")).unwrap(), r#"{ "id":"\"1\""}"#);
        assert_eq!(added(Some(r#"{"a": {"id":1}}"#)).unwrap(), r#"{"a": {"id":1},"id":"\"1\""}"#);
        for object in [r#"{"a":1,"id":null}"#, r#"{"\u0069d":1}"#, "[]"] {
            assert_eq!(added(Some(object)), None, "{object}");
        }
    }
}
