//! What a header of this project declares: functions, and structs with their fields. Reads the plain C that is generated
//! here, not C at large.

#![allow(dead_code)] // each test binary uses a part of it

/// A function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The declaration without the semicolon, on one line.
    pub declaration: String,
}

/// A struct with fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Struct {
    /// The name of its type.
    pub name: String,
    /// Fields in order.
    pub fields: Vec<Field>,
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type; pointers end with `*`.
    pub kind: String,
    /// Elements, if it is an array; else 1.
    pub count: usize,
}

/// All functions, in order.
pub fn functions(header: &str) -> Vec<Function> {
    let code = without_comments(header);
    let mut found = Vec::new();
    for statement in statements(&code) {
        let is_one = statement.ends_with(')') && !statement.starts_with("typedef") && !statement.contains('{');
        let name = statement.split('(').next().and_then(|before| before.rsplit([' ', '*']).next());
        if let Some(name) = name.filter(|name| is_one && name.starts_with("groma_")) {
            found.push(Function { name: name.to_string(), declaration: statement.clone() });
        }
    }
    found
}

/// All structs that have fields, in order.
pub fn structs(header: &str) -> Vec<Struct> {
    let code = without_comments(header);
    let mut found = Vec::new();
    for statement in statements(&code) {
        let Some(rest) = statement.strip_prefix("typedef struct ") else { continue };
        let Some((_, rest)) = rest.split_once('{') else { continue };
        let (body, name) = rest.rsplit_once('}').expect("a struct ends");
        let fields = body.split(';').map(str::trim).filter(|field| !field.is_empty()).map(field).collect();
        found.push(Struct { name: name.trim().to_string(), fields });
    }
    found
}

fn field(text: &str) -> Field {
    let (text, count) = match text.split_once('[') {
        Some((text, count)) => (text, count.trim_end_matches(']').parse().expect("the length of an array")),
        None => (text, 1),
    };
    let at = text.rfind([' ', '*']).expect("a type and a name") + 1;
    Field { name: text[at..].to_string(), kind: text[..at].trim().to_string(), count }
}

/// Declarations at the top level, without the semicolon, each on one line.
fn statements(code: &str) -> Vec<String> {
    let (mut found, mut now, mut depth) = (Vec::new(), String::new(), 0);
    for line in code.lines().filter(|line| !line.starts_with('#') && !line.contains("extern \"C\"")) {
        for c in line.chars().chain([' ']) {
            match c {
                ';' if depth == 0 => {
                    found.push(now.split_whitespace().collect::<Vec<_>>().join(" "));
                    now.clear();
                    continue;
                }
                '{' => depth += 1,
                // The brace that closes `extern "C"` has no partner here.
                '}' => depth = (depth - 1).max(0),
                _ => {}
            }
            now.push(c);
        }
    }
    found
}

fn without_comments(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        code.push_str(before);
        rest = after.split_once("*/").expect("a comment ends").1;
    }
    code + rest
}
