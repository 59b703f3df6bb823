//! Values: what networks take and give.

use super::Answer;
use crate::vectors_support::expect;
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use crate::vectors_support::tensor::Tensor;
use groma::tensor::{DlManagedTensor, ElementType, Strings, Value as Tensors};
use safetensors::tensor::Dtype;
use serde_json::Value;
use std::cell::Cell;
use std::rc::Rc;

/// A tensor on its way through DLPack: whoever takes it over leaves none behind.
struct Managed(Cell<Option<Box<DlManagedTensor>>>);

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    let getter = match name.strip_prefix("groma_value_")? {
        "copy_tensor" | "borrow_tensor" => return Some(tensor(name, run, args)),
        "create_strings" => return Some(strings(run, args)),
        "create_sequence" => return Some(sequence(run, args)),
        "create_none" => return Some(Reply::give("value", Tensors::none())),
        "from_dlpack" => return Some(from_dlpack(run, args)),
        getter => getter,
    };
    let value: Rc<Tensors> = match args.thing(run, "value") {
        Ok(value) => value,
        Err(reason) => return Some(Err(reason.into())),
    };
    Some(match getter {
        "kind" => Reply::value(value.kind() as i32),
        "element_type" => Reply::value(value.element_type().map_or(0, ElementType::number)),
        "ndim" => Reply::value(value.shape().len()),
        "shape" => Reply::value(value.shape().to_vec()),
        "data" => Reply::array(value.as_bytes().filter(|bytes| !bytes.is_empty()).map(Tensor::row)),
        "size_bytes" => {
            let strings = || value.as_strings().map(Strings::bytes);
            Reply::value(value.as_bytes().map(<[u8]>::len).or_else(strings).unwrap_or_default())
        }
        "count" => Reply::value(value.count()),
        "string" => args.index(run).map_err(Trouble::from).and_then(|index| {
            let found = value.as_strings().and_then(|strings| strings.get(index));
            Reply::value(found.map(|bytes| String::from_utf8_lossy(bytes).into_owned()))
        }),
        "item" => item(&value, run, args),
        "tensor" => view(&value).and_then(Reply::tensor),
        "to_dlpack" => value
            .to_dlpack()
            .map_err(Trouble::from)
            .and_then(|managed| Reply::give("managed_tensor", Managed(Cell::new(Some(managed))))),
        _ => return None,
    })
}

fn tensor(name: &str, run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let number = i32::try_from(args.number(run, "element_type")?).map_err(|e| e.to_string())?;
    let element_type = ElementType::from_number(number)
        .filter(|kind| *kind != ElementType::String)
        .ok_or_else(|| super::job::out_of_range("element_type", number.into()))?;
    let bytes = args.bytes(run, "data")?;
    let shape = match args.get("shape") {
        Some(_) => shape(run, args)?,
        None => run.tensor(args.needed("data")?)?.shape.iter().map(|size| i64::try_from(*size).unwrap()).collect(),
    };
    if name.ends_with("copy_tensor") {
        return Reply::give("value", Tensors::copy_from(element_type, &bytes, &shape)?);
    }
    // SAFETY: the bytes live to the end of the process: cases are small and few.
    let value = unsafe { Tensors::borrow(element_type, Box::leak(bytes.into_boxed_slice()), &shape) }?;
    Reply::give("value", value)
}

fn shape(run: &Run, args: &Args) -> Result<Vec<i64>, Trouble> {
    let list = args.needed("shape")?.as_array().ok_or("`shape` is no list".to_string())?;
    Ok(list.iter().map(|size| expect::whole(run.api, size)).collect::<Result<_, String>>()?)
}

fn strings(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let texts = args.texts("strings")?.unwrap_or_default();
    let mut strings = Strings::with_capacity(texts.len(), 0);
    texts.iter().for_each(|text| strings.push(text.as_bytes()));
    Reply::give("value", Tensors::from_strings(strings, &shape(run, args)?)?)
}

fn sequence(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    Reply::give("value", Tensors::sequence(list(run, args, "items")?)?)
}

/// The values that a list of `$names` means.
pub fn list(run: &Run, args: &Args, name: &str) -> Result<Vec<Tensors>, Trouble> {
    let references = args.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let value = |reference: &Value| run.thing::<Tensors>(reference.as_str().unwrap_or_default());
    Ok(references.iter().map(|reference| value(reference).map(|value| (*value).clone())).collect::<Result<_, _>>()?)
}

fn from_dlpack(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let managed: Rc<Managed> = args.thing(run, "managed_tensor")?;
    let managed = managed.0.take().ok_or("it was taken over before".to_string())?;
    // SAFETY: made by `to_dlpack`, and given away here for good.
    let value = unsafe { Tensors::from_dlpack(Box::into_raw(managed)) }?;
    Reply::give("value", value)
}

fn item(value: &Tensors, run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let index = args.index(run)?;
    let found = match (value.items(), value.pairs()) {
        (Some(items), _) => items.get(index).cloned(),
        (_, Some((keys, values))) => [keys, values].get(index).map(|side| (*side).clone()),
        _ => None,
    };
    let found = found.ok_or_else(|| groma::Error::invalid(format!("there is no item {index}"), "ask for another"))?;
    Reply::give("item", found)
}

/// A value as a file holds it, if files can.
pub fn view(value: &Tensors) -> Result<Tensor, Trouble> {
    let Some(bytes) = value.as_bytes() else {
        return Err(groma::Error::invalid("strings and lists have no view as a tensor", "read them one by one").into());
    };
    let dtype = match value.element_type() {
        Some(ElementType::U8) => Dtype::U8,
        Some(ElementType::I8) => Dtype::I8,
        Some(ElementType::U16) => Dtype::U16,
        Some(ElementType::I16) => Dtype::I16,
        Some(ElementType::U32) => Dtype::U32,
        Some(ElementType::I32) => Dtype::I32,
        Some(ElementType::U64) => Dtype::U64,
        Some(ElementType::I64) => Dtype::I64,
        Some(ElementType::F16) => Dtype::F16,
        Some(ElementType::Bf16) => Dtype::BF16,
        Some(ElementType::F32) => Dtype::F32,
        Some(ElementType::F64) => Dtype::F64,
        Some(ElementType::Bool) => Dtype::BOOL,
        other => return Err(Trouble::Case(format!("cases compare {other:?} by groma_value_data"))),
    };
    let shape = value.shape().iter().map(|size| usize::try_from(*size).unwrap()).collect();
    Ok(Tensor { dtype, shape, bytes: bytes.to_vec() })
}
