//! LAS files as columns and back, and neighbours of points.

use super::job::{Fields, out_of_range};
use super::{Answer, points};
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use crate::vectors_support::tensor::Tensor;
use groma::cloud::{PointCloud, Values};
use groma::device::{self, Placement};
use groma::io::las::{Columns, Crs, LasReader, WriteOptions, read_keeping, write_cloud_watched};
use groma::job::Monitor;
use groma::neighbors::Selection;
use groma::neighbors::{Csr, Lists};
use groma::pipeline::inspect::inspect;
use groma::tensor::Value as Tensors;
use serde_json::json;
use std::rc::Rc;

/// A file's points, and its reference system.
struct Cloud {
    points: Rc<PointCloud>,
    crs: Option<Crs>,
}

/// Neighbours, with distances in metres.
struct Neighbors {
    offsets: Vec<u64>,
    indices: Vec<u32>,
    distances: Vec<f32>,
}

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    if let Some(getter) = name.strip_prefix("groma_neighbors_") {
        return neighbors(getter, run, args);
    }
    let cloud = || -> Result<Rc<Cloud>, Trouble> { Ok(args.thing(run, "cloud")?) };
    Some(match name {
        "groma_las_describe" => describe(run, args),
        "groma_las_read" => read(run, args),
        "groma_las_write" => write(run, args),
        "groma_cloud_count" => cloud().and_then(|cloud| Reply::value(cloud.points.len())),
        "groma_cloud_column_count" => cloud().and_then(|cloud| Reply::value(cloud.points.columns().len())),
        "groma_cloud_column_name" => cloud().and_then(|cloud| {
            Reply::value(cloud.points.columns().get(args.index(run)?).map(|column| column.name.clone()))
        }),
        "groma_cloud_linear_unit_m" => {
            cloud().and_then(|cloud| Reply::value(cloud.crs.as_ref().and_then(Crs::linear_unit_m).unwrap_or(0.0)))
        }
        "groma_cloud_crs_wkt" => {
            cloud().and_then(|cloud| Reply::value(cloud.crs.as_ref().and_then(|crs| crs.wkt.clone())))
        }
        "groma_cloud_points" => {
            cloud().map(|cloud| Reply { gives: vec![("points", cloud.points.clone())], ..Reply::default() })
        }
        "groma_cloud_value" => cloud().and_then(|cloud| column(&cloud.points, run, args)),
        _ => return None,
    })
}

fn describe(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    Reply::give("json", json!(inspect(&args.path(run, "path")?, false, &Monitor::default())?).to_string())
}

fn read(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let (path, fields) = (args.path(run, "path")?, Fields::of(run, args)?);
    let columns = args.text_or_none(run, "columns")?;
    let named: Option<Vec<&str>> =
        columns.as_deref().map(|text| text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect());
    let (points, crs) = fields.run(|monitor| {
        let wanted = match &named {
            None => Columns::All,
            Some(names) if names.is_empty() => Columns::Coordinates,
            Some(names) => Columns::Named(names),
        };
        let mut reader = LasReader::open(&path)?;
        let crs = reader.header().crs().cloned();
        Ok((read_keeping(&mut reader, &wanted, 0, monitor)?.0, crs))
    })?;
    Reply::give("cloud", Cloud { points: Rc::new(points), crs })
}

fn write(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let (path, fields, cloud) = (args.path(run, "path")?, Fields::of(run, args)?, points::cloud(run, args)?);
    let options = WriteOptions { overwrite: fields.flag("overwrite", false)?, ..WriteOptions::default() };
    let has = |names: &[&str]| names.iter().any(|name| cloud.column(name).is_some());
    let usual = if has(&["nir"]) {
        8
    } else if has(&["red", "green", "blue"]) {
        7
    } else {
        6
    };
    let (format, crs) = (fields.point_format()?.unwrap_or(usual), fields.text("crs_wkt")?);
    let points = &*cloud;
    fields.run(|monitor| write_cloud_watched(points, &path, format, crs.as_deref(), &options, monitor))?;
    Reply::nothing()
}

fn column(cloud: &PointCloud, run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let name = args.text(run, "column")?;
    let shape = [i64::try_from(cloud.len()).unwrap()];
    if let Some(axis) = ["x", "y", "z"].iter().position(|axis| *axis == name) {
        return Reply::give("value", Tensors::from_vec(cloud.coordinates()[axis].to_vec(), &shape)?);
    }
    let Some(values) = cloud.column(&name) else {
        return Err(groma::Error::MissingColumn { column: name, remedy: "read it".into() }.into());
    };
    macro_rules! copied {
        ($($variant:ident),*) => {
            match values {
                $(Values::$variant(values) => Tensors::from_vec(values.clone(), &shape)?,)*
            }
        };
    }
    Reply::give("value", copied!(U8, I8, U16, I16, U32, I32, U64, I64, F32, F64))
}

fn neighbors(getter: &str, run: &Run, args: &Args) -> Answer {
    if matches!(getter, "nearest" | "within") {
        return Some(find(getter, run, args));
    }
    let found: Rc<Neighbors> = match args.thing(run, "neighbors") {
        Ok(found) => found,
        Err(reason) => return Some(Err(reason.into())),
    };
    let (starts, total) = ([found.offsets.len().cast_signed() as i64], [found.indices.len().cast_signed() as i64]);
    Some(match getter {
        "count" => Reply::value(found.offsets.len() - 1),
        "total" => Reply::value(found.indices.len()),
        "offsets" => Reply::tensor(Tensor::row(&found.offsets)),
        "indices" => Reply::tensor(Tensor::row(&found.indices)),
        "distances" => Reply::tensor(Tensor::row(&found.distances)),
        "value" => args.number(run, "output").map_err(Trouble::from).and_then(|output| {
            let value = match output {
                0 => Tensors::from_vec(found.offsets.clone(), &starts)?,
                1 => Tensors::from_vec(found.indices.clone(), &total)?,
                2 => Tensors::from_vec(found.distances.clone(), &total)?,
                other => return Err(out_of_range("output", other).into()),
            };
            Reply::give("value", value)
        }),
        _ => return None,
    })
}

fn find(getter: &str, run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let (fields, cloud) = (Fields::of(run, args)?, points::cloud(run, args)?);
    let (search, unit_m) = (fields.search()?, fields.length("linear_unit_m").unwrap_or(1.0));
    let (points, devices) = (&*cloud, Placement::one_of(fields.device()?)?);
    let lists = if getter == "nearest" {
        let cap = fields.length("max_distance_m").unwrap_or(f64::INFINITY) / unit_m;
        let k = usize::try_from(args.number(run, "k")?).unwrap_or(usize::MAX);
        let k = k.min(cloud.len().max(usize::from(k > 0)));
        Lists::nearest(points, k, cap)?
    } else {
        let radius = args.get("radius_m").and_then(serde_json::Value::as_f64).unwrap_or(0.0) / unit_m;
        Lists::within(points, radius, Selection::Sphere)?
    };
    let csr = fields.run(|monitor| Ok(device::neighbors::find(&lists, search, &devices, monitor)?.0))?;
    let Csr { offsets, indices, distances_sq, unit_m: step, .. } = csr;
    let metres = |square: &u64| ((*square as f64).sqrt() * (step * unit_m)) as f32;
    Reply::give("neighbors", Neighbors { offsets, indices, distances: distances_sq.iter().map(metres).collect() })
}
