//! `api.json`: what fits a line stands on one, so that a change of one parameter is a change of one line.

use crate::Api;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The longest line that holds a whole object or array.
const WIDTH: usize = 160;

/// The text of `api.json`.
pub fn write(api: &Api) -> String {
    let plain = serde_json::to_string(api).expect("plain data");
    let tree: Tree = serde_json::from_str(&plain).expect("just written");
    let mut text = String::new();
    put(&mut text, &tree, 0, 0);
    text.push('\n');
    text
}

/// JSON with its keys in the order of the file. (serde_json's own feature for that would be switched on for the whole
/// workspace, and change what the library writes in its tests.)
enum Tree {
    Object(Vec<(String, Tree)>),
    Array(Vec<Tree>),
    /// Everything else, as JSON.
    Leaf(String),
}

impl Tree {
    fn flat(&self) -> String {
        let joined = |parts: Vec<String>| parts.join(",");
        match self {
            Self::Object(map) => {
                let pairs = map.iter().map(|(key, child)| format!("{}:{}", quoted(key), child.flat()));
                format!("{{{}}}", joined(pairs.collect()))
            }
            Self::Array(list) => format!("[{}]", joined(list.iter().map(Self::flat).collect())),
            Self::Leaf(text) => text.clone(),
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Writes a value that begins `column` characters into its line.
fn put(text: &mut String, value: &Tree, indent: usize, column: usize) {
    let flat = value.flat();
    let plain = match value {
        Tree::Object(map) => map.iter().all(|(_, child)| !matches!(child, Tree::Array(_))),
        Tree::Array(list) => list.iter().all(|child| matches!(child, Tree::Leaf(_))),
        Tree::Leaf(_) => true,
    };
    let fits = column + flat.chars().count() <= WIDTH;
    let split = !(plain && fits);
    let deeper = " ".repeat(2 * (indent + 1));
    match value {
        Tree::Object(map) if split && !map.is_empty() => {
            text.push_str("{\n");
            for (i, (key, child)) in map.iter().enumerate() {
                let key = quoted(key);
                text.push_str(if i == 0 { "" } else { ",\n" });
                text.push_str(&format!("{deeper}{key}: "));
                put(text, child, indent + 1, deeper.len() + key.len() + 2);
            }
            text.push_str(&format!("\n{}}}", " ".repeat(2 * indent)));
        }
        Tree::Array(list) if split && !list.is_empty() => {
            text.push_str("[\n");
            for (i, child) in list.iter().enumerate() {
                text.push_str(if i == 0 { "" } else { ",\n" });
                text.push_str(&deeper);
                put(text, child, indent + 1, deeper.len());
            }
            text.push_str(&format!("\n{}]", " ".repeat(2 * indent)));
        }
        _ => text.push_str(&flat),
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Object(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::Array(items))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf(quoted(text)))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf(serde_json::Value::from(value).to_string()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf("null".into()))
    }
}
