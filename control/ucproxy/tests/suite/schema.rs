//! The JSON Schema of the configuration.

use serde_json::{Value, json};

use super::harness::Lab;

/// The keys of a section's table in the reference.
fn documented(reference: &str, title: &str) -> Vec<String> {
    let (_, rest) = reference.split_once(&format!("### `{title}`\n")).unwrap();
    let rows = rest.lines().take_while(|line| !line.starts_with("### "));
    rows.filter_map(|row| Some(row.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
        .collect()
}

fn keys(section: &Value) -> Vec<String> {
    let mut keys: Vec<_> = section["properties"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    keys.sort();
    keys
}

#[test]
fn the_schema_knows_the_keys_of_the_reference_and_no_others() {
    let lab = Lab::new();
    let schema = lab.json(&["reference", "--schema"]);
    let reference = lab.text(&["reference"]);
    for (title, section) in [
        ("the file", &schema),
        ("tcp", &schema["properties"]["tcp"]),
        ("license", &schema["properties"]["license"]),
        (
            "applications[].listeners[]",
            &schema["properties"]["applications"]["items"]["properties"]["listeners"]["items"],
        ),
    ] {
        let mut documented = documented(&reference, title);
        documented.sort();
        assert_eq!(keys(section), documented, "{title}");
        assert_eq!(section["additionalProperties"], false, "{title}");
    }
}

#[test]
fn each_kind_of_value_is_told() {
    let lab = Lab::new();
    let schema = lab.json(&["reference", "--schema"]);
    let key = |section: &str, key: &str| {
        let mut key = schema["properties"][section]["properties"][key].clone();
        assert!(
            key["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
        key.as_object_mut().unwrap().remove("description");
        key
    };
    assert_eq!(
        key("runtime", "workers"),
        json!({
            "x-applies": "restart", "type": "integer", "minimum": 1, "maximum": 64, "default": 1,
        })
    );
    assert_eq!(
        key("runtime", "hugepages"),
        json!({"x-applies": "restart", "type": "boolean", "default": true})
    );
    let keepalive = key("tcp", "keepalive");
    assert_eq!(
        (&keepalive["type"], &keepalive["default"]),
        (&json!("string"), &json!("1m"))
    );
    assert_eq!(
        keepalive["patternErrorMessage"],
        "expected a time from 1s to 1d, such as 20s"
    );
    assert_eq!(
        key("license", "export"),
        json!({"x-applies": "live", "enum": ["k8", "k9"]})
    );
    assert_eq!(key("tcp", "ports")["x-applies"], "restart");
    assert_eq!(
        schema["properties"]["servers"]["items"]["required"],
        json!(["name", "address"])
    );
}
