//! The comments of a header: text, and behind it what is said of parameters and of what is returned.

use crate::Refusal;
use crate::api::Ownership;

/// A comment, read.
#[derive(Debug, Default)]
pub struct Doc {
    /// What stands before the first tag; paragraphs are separated by an empty line.
    pub text: String,
    /// Each `@param`, with its name.
    pub params: Vec<(String, Tagged)>,
    /// The `@return`.
    pub returns: Option<Tagged>,
}

/// What is said of one parameter or of the value returned.
#[derive(Debug, Default, Clone)]
pub struct Tagged {
    /// Whose it is.
    pub ownership: Option<Ownership>,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// The words.
    pub text: String,
}

/// Reads the comment in front of `what`.
///
/// # Errors
/// If there is none, if it says nothing, or has a tag that is not known.
pub fn read(comment: Option<&str>, line: usize, what: &str) -> Result<Doc, Refusal> {
    let Some(body) = comment.and_then(|comment| comment.strip_prefix("/**")) else {
        return Err(Refusal::new(line, format!("`{what}` has no documentation (a comment `/** … */` right above it)")));
    };
    let mut doc = Doc::default();
    let mut tags: Vec<String> = Vec::new();
    for row in body.trim_end_matches("*/").lines() {
        let row = row.trim().trim_start_matches('*').trim();
        match tags.last_mut() {
            _ if row.starts_with('@') => tags.push(row.to_string()),
            Some(tag) if !row.is_empty() => {
                tag.push(' ');
                tag.push_str(row);
            }
            Some(_) => {}
            None => append(&mut doc.text, row),
        }
    }
    doc.text = doc.text.trim().to_string();
    if doc.text.is_empty() {
        return Err(Refusal::new(line, format!("the documentation of `{what}` says nothing")));
    }
    for tag in tags {
        let (kind, rest) = tag.split_once(' ').unwrap_or((&tag, ""));
        match kind {
            "@param" => {
                let (name, rest) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
                if doc.params.iter().any(|(known, _)| known == name) {
                    return Err(Refusal::new(line, format!("`{what}`: `@param {name}` stands twice")));
                }
                doc.params.push((name.to_string(), tagged(rest, line, what)?));
            }
            "@return" if doc.returns.is_none() => doc.returns = Some(tagged(rest, line, what)?),
            "@return" => return Err(Refusal::new(line, format!("`{what}`: `@return` stands twice"))),
            other => return Err(Refusal::new(line, format!("`{what}`: `{other}` is no tag at the start of a line"))),
        }
    }
    Ok(doc)
}

/// The words of a section's comment: those before the first comma, colon or full stop, and all of them.
pub fn section(comment: &str) -> (String, String) {
    let mut text = String::new();
    for row in comment.trim_start_matches("/*").trim_end_matches("*/").lines() {
        append(&mut text, row.trim().trim_start_matches(['*', '-']).trim());
    }
    let text = text.trim().to_string();
    let end = text.find([',', ':', '.']).unwrap_or(text.len());
    (text[..end].to_string(), text)
}

/// Appends a line to a paragraph; an empty line begins a new one.
fn append(text: &mut String, row: &str) {
    match row {
        "" => text.push_str("\n\n"),
        _ if text.is_empty() || text.ends_with('\n') => text.push_str(row),
        _ => {
            text.push(' ');
            text.push_str(row);
        }
    }
}

/// Reads `@owned @nullable words`; a tag may also stand among the words.
fn tagged(text: &str, line: usize, what: &str) -> Result<Tagged, Refusal> {
    let mut tagged = Tagged::default();
    let mut words = Vec::new();
    for word in text.split_whitespace() {
        let ownership = match word {
            "@owned" => Ownership::Owned,
            "@borrowed" => Ownership::Borrowed,
            "@static" => Ownership::Static,
            "@nullable" => {
                tagged.nullable = true;
                continue;
            }
            _ if word.starts_with('@') => {
                let known = "@owned, @borrowed, @static, @nullable";
                return Err(Refusal::new(line, format!("`{what}`: `{word}` is none of {known}")));
            }
            _ => {
                words.push(word);
                continue;
            }
        };
        if tagged.ownership.replace(ownership).is_some() {
            return Err(Refusal::new(line, format!("`{what}`: two owners of one pointer")));
        }
    }
    tagged.text = words.join(" ");
    Ok(tagged)
}
