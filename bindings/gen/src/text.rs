//! Writing of comments and signatures, the same way in every language.

use crate::api::{CType, Function, Ownership, Role};

/// Width of the lines of generated files.
pub const WIDTH: usize = 120;

/// `text` in lines that begin with `prefix`, no longer than [`WIDTH`]; paragraphs are separated by an empty line.
pub fn wrapped(text: &str, prefix: &str) -> String {
    let mut lines = String::new();
    for (i, paragraph) in text.split("\n\n").enumerate() {
        if i > 0 {
            lines.push_str(prefix.trim_end());
            lines.push('\n');
        }
        let mut line = prefix.to_string();
        for word in paragraph.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH && line.len() > prefix.len() {
                lines.push_str(line.trim_end());
                lines.push('\n');
                line = prefix.to_string();
            }
            if line.len() > prefix.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push_str(line.trim_end());
        lines.push('\n');
    }
    lines
}

/// Characters that XML and HTML keep for themselves, written so that they stay text.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// `text` with each pair of backticks replaced by `open` and `close`.
pub fn coded(text: &str, open: &str, close: &str) -> String {
    let mut coded = String::new();
    for (i, part) in text.split('`').enumerate() {
        if i > 0 {
            coded.push_str(if i % 2 == 1 { open } else { close });
        }
        coded.push_str(part);
    }
    coded
}

/// A type and a name as C declares them.
pub fn declared(ctype: &CType, name: &str) -> String {
    if ctype.pointers == 0 { format!("{} {name}", ctype.c) } else { format!("{}{name}", ctype.c) }
}

/// A function as C declares it.
pub fn signature(function: &Function) -> String {
    let params: Vec<String> = function.params.iter().map(|param| declared(&param.ctype, &param.name)).collect();
    let params = if params.is_empty() { "void".to_string() } else { params.join(", ") };
    format!("{}({params})", declared(&function.returns.ctype, &function.name))
}

/// What is said of a parameter or of what is returned, its owner included, as a sentence's beginning.
pub fn said(ownership: Option<Ownership>, nullable: bool, doc: &str) -> String {
    let owner = ownership.map(|owner| match owner {
        Ownership::Owned => "owned",
        Ownership::Borrowed => "borrowed",
        Ownership::Static => "static",
    });
    let tags: Vec<&str> = owner.into_iter().chain(nullable.then_some("may be NULL")).collect();
    match (tags.is_empty(), doc.is_empty()) {
        (true, _) => doc.to_string(),
        (false, true) => tags.join(", "),
        (false, false) => format!("{}: {doc}", tags.join(", ")),
    }
}

/// A comment `/** … */`: text, and tags behind an empty line; on one line if it fits.
pub fn block(text: &str, tags: &[String], indent: &str) -> String {
    let line = format!("{indent}/** {text} */\n");
    if tags.is_empty() && line.chars().count() <= WIDTH + 1 && !text.contains("\n\n") {
        return line;
    }
    let prefix = format!("{indent} * ");
    let mut out = format!("{indent}/**\n{}", wrapped(text, &prefix));
    if !tags.is_empty() {
        out.push_str(&format!("{indent} *\n"));
    }
    for tag in tags {
        out.push_str(&wrapped(tag, &prefix));
    }
    out.push_str(&format!("{indent} */\n"));
    out
}

/// What is said of the parameters, but of the error, and of what is returned, each behind its tag.
pub fn tags(function: &Function, returned: &str) -> Vec<String> {
    let told = function.params.iter().filter(|param| param.role != Role::Error && !param.doc.is_empty());
    let mut tags: Vec<String> = told
        .map(|param| format!("@param {} {}", param.name, said(param.ownership, param.nullable, &param.doc)))
        .collect();
    let returns = said(function.returns.ownership, function.returns.nullable, &function.returns.doc);
    if !returns.is_empty() {
        tags.push(format!("{returned} {returns}"));
    }
    tags
}
