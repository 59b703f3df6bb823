//! Points from the tensors of a case.

use super::Answer;
use super::job::out_of_range;
use crate::vectors_support::expect;
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use crate::vectors_support::tensor::Tensor;
use groma::cloud::{CoordinateFrame, PointCloud, Values};
use safetensors::tensor::Dtype;
use serde_json::{Map, Value};
use std::rc::Rc;

/// `groma_points_t` as a case writes it. It is read when a call uses it, as in C.
pub struct Points(Map<String, Value>);

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    match name {
        "groma_points_init" => Some(init(run, args)),
        _ => None,
    }
}

fn init(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let fields = args.get("points").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(stated) = args.get("expect_defaults") {
        let known = serde_json::json!({
            "coordinate_type": 10, "count": 0, "x": null, "y": null, "z": null, "x_stride_bytes": 0,
            "y_stride_bytes": 0, "z_stride_bytes": 0, "scale": [0.001, 0.001, 0.001], "offset": [0, 0, 0],
            "resolution": 0.001, "columns": null, "column_count": 0,
        });
        for (name, value) in stated.as_object().into_iter().flatten() {
            expect::value(run.api, value, &known[name], |text| Ok(text.to_string()))?;
        }
    }
    Reply::give("points", Points(fields))
}

/// The cloud that the argument `points` describes.
pub fn cloud(run: &Run, args: &Args) -> Result<Rc<PointCloud>, Trouble> {
    let reference = args.needed("points")?.as_str().unwrap_or_default();
    if let Ok(cloud) = run.thing::<PointCloud>(reference) {
        return Ok(cloud);
    }
    let points = run.thing::<Points>(reference)?;
    let fields = &points.0;
    let mut cloud = coordinates(run, fields)?;
    for (name, place) in fields.get("columns").and_then(Value::as_object).into_iter().flatten() {
        cloud.insert(name.as_str(), values(&run.tensor(place)?)?)?;
    }
    Ok(Rc::new(cloud))
}

fn coordinates(run: &Run, fields: &Map<String, Value>) -> Result<PointCloud, Trouble> {
    let kind = fields.get("coordinate_type").map_or(Ok(10), |value| match value.as_str() {
        // The case's short form, as the element types of tensors are written.
        Some("F64") => Ok(10),
        Some("I32") => Ok(6),
        _ => expect::whole(run.api, value),
    })?;
    let axis = |name: &str| fields.get(name).map(|place| run.tensor(place)).transpose();
    let [x, y, z] = [axis("x")?, axis("y")?, axis("z")?];
    match kind {
        10 => {
            let numbers = |tensor: Option<Tensor>| tensor.map_or(Ok(Vec::new()), |tensor| tensor.values::<f64>());
            let [x, y, z] = [numbers(x)?, numbers(y)?, numbers(z)?];
            let positions: Vec<f64> = x.iter().zip(&y).zip(&z).flat_map(|((&x, &y), &z)| [x, y, z]).collect();
            let resolution = fields.get("resolution").and_then(Value::as_f64).unwrap_or(0.001);
            Ok(PointCloud::from_positions(&positions, resolution)?)
        }
        6 => {
            let numbers = |tensor: Option<Tensor>| tensor.map_or(Ok(Vec::new()), |tensor| tensor.values::<i32>());
            let three = |name: &str, otherwise: f64| {
                let list = fields.get(name).and_then(Value::as_array);
                [0, 1, 2].map(|i| list.and_then(|list| list.get(i)).and_then(Value::as_f64).unwrap_or(otherwise))
            };
            let frame = CoordinateFrame { scale: three("scale", 0.001), offset: three("offset", 0.0) };
            Ok(PointCloud::new(frame, numbers(x)?, numbers(y)?, numbers(z)?)?)
        }
        other => Err(out_of_range("coordinate_type", other).into()),
    }
}

/// The values of a column.
pub fn values(tensor: &Tensor) -> Result<Values, String> {
    Ok(match tensor.dtype {
        Dtype::U8 => Values::U8(tensor.values()?),
        Dtype::I8 => Values::I8(tensor.values()?),
        Dtype::U16 => Values::U16(tensor.values()?),
        Dtype::I16 => Values::I16(tensor.values()?),
        Dtype::U32 => Values::U32(tensor.values()?),
        Dtype::I32 => Values::I32(tensor.values()?),
        Dtype::U64 => Values::U64(tensor.values()?),
        Dtype::I64 => Values::I64(tensor.values()?),
        Dtype::F32 => Values::F32(tensor.values()?),
        Dtype::F64 => Values::F64(tensor.values()?),
        other => return Err(format!("columns are not of type {other:?}")),
    })
}
