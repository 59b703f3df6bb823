//! What a step expects, held against what came.

use groma_bindings::Api;
use serde_json::Value;

/// An error, as every language sees it.
pub struct Failure {
    pub code: i32,
    pub message: String,
    pub subject: Option<String>,
}

/// A whole number, or a constant of the header by its name.
pub fn whole(api: &Api, value: &Value) -> Result<i64, String> {
    if let Some(name) = value.as_str() {
        let constant = api.constants.iter().find(|constant| constant.name == name);
        return constant.map(|constant| constant.value).ok_or_else(|| format!("there is no constant `{name}`"));
    }
    let wide = value.as_u64().map(u64::cast_signed);
    value.as_i64().or(wide).ok_or_else(|| format!("{value} is not a whole number"))
}

/// Whether a call failed as it should.
pub fn failure(
    api: &Api,
    fails: &Value,
    said: &Failure,
    resolve: impl Fn(&str) -> Result<String, String>,
) -> Result<(), String> {
    let status = fails["status"].as_str().ok_or("`fails` has no status")?;
    let known = api.statuses.iter().find(|known| known.name == status);
    let number = known.map(|known| known.value).ok_or_else(|| format!("there is no status `{status}`"))?;
    if i64::from(said.code) != number {
        return Err(format!("it fails with {} ({}), expected {status}", said.code, said.message));
    }
    let text = |key: &str| fails.get(key).and_then(Value::as_str).map(&resolve).transpose();
    if let Some(part) = text("message_contains")?
        && !said.message.contains(&part)
    {
        return Err(format!("its message is `{}`, expected `{part}` in it", said.message));
    }
    if let Some(end) = text("subject_ends_with")?
        && !said.subject.as_deref().is_some_and(|subject| subject.ends_with(&end))
    {
        return Err(format!("its subject is {:?}, expected it to end with `{end}`", said.subject));
    }
    Ok(())
}

/// Whether a value is what a step expects.
pub fn value(
    api: &Api,
    expected: &Value,
    found: &Value,
    resolve: impl Fn(&str) -> Result<String, String>,
) -> Result<(), String> {
    let refuse = || Err(format!("it gives {found}, expected {expected}"));
    let right = match expected {
        Value::String(text) if text.starts_with("GROMA_") && found.is_number() => {
            found.as_i64() == Some(whole(api, expected)?)
        }
        Value::String(text) => found.as_str() == Some(&resolve(text)?),
        Value::Object(wanted) => match wanted.iter().next().map(|(key, value)| (key.as_str(), value)) {
            Some(("json", part)) => {
                let text = found.as_str().ok_or_else(|| format!("it gives {found}, expected JSON"))?;
                let whole: Value = serde_json::from_str(text).map_err(|e| format!("it gives no JSON: {e}"))?;
                return subset(part, &whole, "", &resolve);
            }
            Some(("contains", part)) => {
                let part = resolve(part.as_str().unwrap_or_default())?;
                found.as_str().is_some_and(|text| text.contains(&part))
            }
            Some(("not_null", _)) => !found.is_null(),
            Some(("at_least", least)) => found.as_f64() >= least.as_f64(),
            Some(("approx" | "tolerance", _)) => {
                let tolerance = wanted.get("tolerance").and_then(Value::as_f64).unwrap_or(0.0);
                let wanted = wanted.get("approx").and_then(Value::as_f64).unwrap_or(f64::NAN);
                found.as_f64().is_some_and(|found| (found - wanted).abs() <= tolerance)
            }
            _ => return Err(format!("{expected} is no expectation")),
        },
        _ => same(expected, found),
    };
    if right { Ok(()) } else { refuse() }
}

/// Whether everything that `part` names is in `whole`.
fn subset(
    part: &Value,
    whole: &Value,
    place: &str,
    resolve: &impl Fn(&str) -> Result<String, String>,
) -> Result<(), String> {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => part.iter().try_for_each(|(key, value)| {
            let place = format!("{place}/{key}");
            let found = whole.get(key).ok_or_else(|| format!("the JSON has no {place}"))?;
            subset(value, found, &place, resolve)
        }),
        (Value::Array(part), Value::Array(whole)) if part.len() == whole.len() => part
            .iter()
            .zip(whole)
            .enumerate()
            .try_for_each(|(i, (value, found))| subset(value, found, &format!("{place}/{i}"), resolve)),
        (Value::String(text), Value::String(found)) if resolve(text)? == *found => Ok(()),
        _ if same(part, whole) => Ok(()),
        _ => Err(format!("the JSON has {whole} at {place}, expected {part}")),
    }
}

/// Whether two plain values are equal, numbers to nine digits.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected.as_f64(), found.as_f64()) {
        (Some(wanted), Some(found)) => (wanted - found).abs() <= 1e-9 * wanted.abs().max(found.abs()),
        _ => expected == found,
    }
}
