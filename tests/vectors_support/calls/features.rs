//! Features of points and of files.

use super::job::Fields;
use super::result::{Summary, matrix};
use super::{Answer, points};
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use groma::device::Placement;
use groma::features::glossary::describe_schema;
use groma::features::{FeatureMatrix, Options, Schema, compute};
use groma::pipeline::features::{ExtractOptions, extract_file};
use groma::pipeline::terrain::terrain;
use groma::tensor::Value as Tensors;
use serde_json::json;
use std::rc::Rc;

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    let matrix = || -> Result<Rc<FeatureMatrix>, Trouble> { Ok(args.thing(run, "features")?) };
    Some(match name {
        "groma_features_compute" => of_points(run, args),
        "groma_features_file" => of_file(run, args),
        "groma_features_value" => matrix().and_then(|matrix| {
            let length = |count: usize| i64::try_from(count).unwrap();
            let shape = [length(matrix.rows), length(matrix.schema.columns().len())];
            Reply::give("value", Tensors::from_vec(matrix.values.clone(), &shape)?)
        }),
        "groma_schema_describe" => described(run, args),
        "groma_features_rows" => matrix().and_then(|matrix| Reply::value(matrix.rows)),
        "groma_features_columns" => matrix().and_then(|matrix| Reply::value(matrix.schema.columns().len())),
        "groma_features_column_name" => matrix().and_then(|matrix| {
            let index = args.index(run)?;
            Reply::value(matrix.schema.columns().get(index).cloned())
        }),
        "groma_features_values" | "groma_features_tensor" => matrix().and_then(|matrix| values(&matrix)),
        "groma_features_schema_hash" => matrix().and_then(|matrix| Reply::value(matrix.schema.hash())),
        "groma_features_schema_json" => {
            matrix().and_then(|matrix| Reply::value(json!(matrix.schema.spec()).to_string()))
        }
        _ => return None,
    })
}

fn values(found: &FeatureMatrix) -> Result<Reply, Trouble> {
    Reply::tensor(matrix(&found.values, found.schema.columns().len()))
}

/// A schema by names of columns and sets, or as a manifest writes it.
pub fn schema(text: &str) -> Result<Schema, Trouble> {
    if text.trim_start().starts_with('{') {
        let spec = serde_json::from_str(text).map_err(|e| groma::Error::invalid(e.to_string(), "write a schema"))?;
        return Ok(Schema::from_spec(spec)?);
    }
    let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(groma::Error::invalid("the schema names no columns", "name columns or a set").into());
    }
    Ok(Schema::parse(&names)?)
}

fn described(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    Reply::give("json", json!(describe_schema(&schema(&args.text(run, "schema")?)?)).to_string())
}

fn of_points(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let (fields, schema) = (Fields::of(run, args)?, schema(&args.text(run, "schema")?)?);
    let options = Options {
        search: fields.search()?,
        block_size_m: fields.length("block_size_m"),
        linear_unit_m: fields.length("linear_unit_m").unwrap_or(1.0),
        dtm: terrain(&schema, fields.path("dtm")?.as_deref())?,
        devices: Placement::of(fields.device()?)?,
        ..Options::default()
    };
    let cloud = points::cloud(run, args)?;
    let points = &*cloud;
    Reply::give("features", fields.run(|monitor| compute(points, &schema, &options, monitor))?)
}

fn of_file(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let fields = Fields::of(run, args)?;
    let options = ExtractOptions {
        schema: schema(&args.text(run, "schema")?)?,
        search: fields.search()?,
        block_size_m: fields.length("block_size_m"),
        linear_unit_m: fields.length("linear_unit_m"),
        dtm: fields.path("dtm")?,
        devices: Placement::of(fields.device()?)?,
        point_format: fields.point_format()?,
        overwrite: fields.flag("overwrite", false)?,
    };
    let (input, output) = (args.path(run, "input")?, args.path(run, "output")?);
    let done = fields.run(|monitor| extract_file(&input, &output, &options, monitor))?;
    Reply::give(
        "summary",
        Summary {
            points: done.points,
            class_counts: Vec::new(),
            mean_confidence: 0.0,
            total_s: done.read_s + done.compute_s + done.write_s,
            json: json!(done),
        },
    )
}
