//! What each parameter is for, by its type, and what must be said of it.

use crate::api::{Api, CType, Ownership, Param, Returns, Role};
use crate::doc::{Doc, Tagged};
use crate::{Refusal, layout};

/// Parameters with what the documentation says of them. A function that gives no status takes NULL for its handle, as the
/// top of the header says of getters and destructors.
///
/// # Errors
/// Everything that is missing or contradicts itself.
pub fn params(
    api: &Api,
    named: Vec<(String, CType)>,
    doc: &Doc,
    line: usize,
    function: &str,
    fails: bool,
) -> Result<Vec<Param>, Vec<Refusal>> {
    let mut refusals = Vec::new();
    let mut refuse = |reason: String| refusals.push(Refusal::new(line, format!("`{function}`: {reason}")));
    for (name, _) in doc.params.iter().filter(|(name, _)| !named.iter().any(|(known, _)| known == name)) {
        refuse(format!("`@param {name}` names no parameter"));
    }
    let count = named.len();
    let mut params = Vec::with_capacity(count);
    for (i, (name, ctype)) in named.into_iter().enumerate() {
        let said = doc.params.iter().find(|(known, _)| *known == name).map(|(_, said)| said.clone());
        let Some(role) = role(api, &ctype) else {
            refuse(format!("the type `{}` of `{name}` is not known, or not of the same size everywhere", ctype.c));
            continue;
        };
        if role == Role::Error && i + 1 != count {
            refuse(format!("`{name}` must be the last parameter"));
        }
        let said = said.unwrap_or_default();
        if let Some(reason) = missing(role, &said) {
            refuse(format!("`@param {name}` must {reason}"));
        }
        let error = role == Role::Error;
        params.push(Param {
            name,
            ctype,
            role,
            ownership: if error { Some(Ownership::Owned) } else { said.ownership },
            nullable: error || said.nullable || (role == Role::Handle && !fails),
            doc: said.text,
        });
    }
    if refusals.is_empty() { Ok(params) } else { Err(refusals) }
}

/// What is returned, with what the documentation says of it.
///
/// # Errors
/// If it lacks its owner, or something is said of what is not there.
pub fn returns(api: &Api, ctype: CType, doc: &Doc, line: usize, function: &str) -> Result<Returns, Refusal> {
    let refuse = |reason: &str| Err(Refusal::new(line, format!("`{function}`: {reason}")));
    if ctype.pointers == 0 {
        let known = ctype.is_void() || layout::plain_size(api.plain(&ctype.base)).is_some();
        if !known {
            return refuse(&format!("the type `{}` of what it returns is not known", ctype.c));
        }
        return match &doc.returns {
            Some(said) if said.ownership.is_some() || said.nullable => refuse("`@return`: only pointers have owners"),
            said => {
                let doc = said.as_ref().map(|said| said.text.clone()).unwrap_or_default();
                Ok(Returns { ctype, ownership: None, nullable: false, doc })
            }
        };
    }
    if ctype.pointers > 1 || !ctype.constant {
        return refuse("what it returns must be a `const` pointer");
    }
    let Some(Tagged { ownership: Some(ownership), nullable, text }) = doc.returns.clone() else {
        return refuse(
            "it returns a pointer, so it needs `@return @borrowed` (or `@static`, `@owned`) and `@nullable`",
        );
    };
    if text.is_empty() && (nullable || !ctype.is_text()) {
        return refuse("`@return` must say how long the array is, and what NULL means if it is `@nullable`");
    }
    Ok(Returns { ctype, ownership: Some(ownership), nullable, doc: text })
}

/// What a parameter of a type is for; none if the type is not one of this interface.
fn role(api: &Api, ctype: &CType) -> Option<Role> {
    let base = api.plain(&ctype.base);
    let plain = layout::plain_size(base).is_some();
    Some(match (ctype.pointers, ctype.constant) {
        (0, _) if api.is_callback(base) => Role::Callback,
        (0, _) if plain => Role::Value,
        (1, true) if base == "char" => Role::Text,
        (1, true) if base == "void" || plain => Role::Array,
        (1, true) if base.ends_with("_options_t") && api.is_struct(base) => Role::Options,
        (1, true) if api.is_struct(base) => Role::Struct,
        (1, false) if base == "void" => Role::Pointer,
        (1, false) if plain => Role::OutValue,
        (1, false) if api.is_struct(base) => Role::OutStruct,
        (1, _) if api.is_handle(base) => Role::Handle,
        (2, true) if base == "char" => Role::Texts,
        (2, true) if api.is_handle(base) => Role::Handles,
        (2, false) if base == "groma_error_t" => Role::Error,
        (2, false) if api.is_handle(base) => Role::OutHandle,
        (2, false) if base == "void" => Role::OutPointer,
        _ => return None,
    })
}

/// What `@param` lacks for a role, as the end of "it must …".
fn missing(role: Role, said: &Tagged) -> Option<&'static str> {
    match role {
        Role::OutValue if !said.text.contains("receives") => Some("say that it receives a number: arrays are `const`"),
        Role::OutHandle | Role::OutPointer if said.ownership.is_none() => {
            Some("say @owned (or @borrowed): the call gives a pointer")
        }
        Role::Array | Role::Texts | Role::Handles if said.text.is_empty() => Some("say how long the array is"),
        Role::Pointer if said.text.is_empty() => Some("say what the pointer is"),
        Role::Value if said.ownership.is_some() || said.nullable => Some("not say whose a number is"),
        _ => None,
    }
}
