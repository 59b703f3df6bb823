//! Filters of points and of files.

use super::job::{Fields, out_of_range};
use super::result::matrix;
use super::{Answer, points};
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use crate::vectors_support::tensor::Tensor;
use groma::device::Placement;
use groma::filters::farthest::Start;
use groma::filters::outliers::{RadiusOutliers, StatisticalOutliers};
use groma::filters::random::Amount;
use groma::filters::voxel::Keep;
use groma::filters::{Filter, Filtered};
use groma::pipeline::filters::{FilterOptions, FilterSummary, filter_file};
use serde_json::json;
use std::rc::Rc;

/// What a filter has chosen of so many points, with the new positions of voxels.
struct Chosen {
    filtered: Filtered,
    points: usize,
    positions: Option<Vec<f64>>,
}

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    let chosen = || -> Result<Rc<Chosen>, Trouble> { Ok(args.thing(run, "filtered")?) };
    let summary = || -> Result<Rc<FilterSummary>, Trouble> { Ok(args.thing(run, "summary")?) };
    Some(match name {
        "groma_filter_points" => of_points(run, args),
        "groma_filter_file" => of_file(run, args),
        "groma_filtered_count" => chosen().and_then(|chosen| Reply::value(chosen.filtered.rows.len())),
        "groma_filtered_rows" => chosen().and_then(|chosen| Reply::tensor(Tensor::row(&chosen.filtered.rows))),
        "groma_filtered_mask" => chosen().and_then(|chosen| {
            let mut mask = vec![0u8; chosen.points];
            chosen.filtered.rows.iter().for_each(|row| mask[*row as usize] = 1);
            Reply::tensor(Tensor::row(&mask))
        }),
        "groma_filtered_positions" => {
            chosen().and_then(|chosen| Reply::array(chosen.positions.as_deref().map(|all| matrix(all, 3))))
        }
        "groma_filtered_threshold_m" => {
            chosen().and_then(|chosen| Reply::value(chosen.filtered.spacing.map_or(0.0, |spacing| spacing.threshold_m)))
        }
        "groma_filter_summary_points" => summary().and_then(|summary| Reply::value(summary.points)),
        "groma_filter_summary_written" => summary().and_then(|summary| Reply::value(summary.written)),
        "groma_filter_summary_marked" => summary().and_then(|summary| Reply::value(summary.marked)),
        "groma_filter_summary_json" => summary().and_then(|summary| Reply::value(json!(*summary).to_string())),
        _ => return None,
    })
}

fn of_points(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let fields = Fields::of(run, args)?;
    let options = options(run, args, &fields)?;
    let cloud = points::cloud(run, args)?;
    let (points, unit) = (&*cloud, options.linear_unit_m.unwrap_or(1.0));
    let filtered = fields.run(|monitor| options.filter.choose(points, unit, monitor))?;
    let frame = cloud.frame();
    let positions = filtered.centroids.as_ref().map(|[x, y, z]| {
        let at = |axis: usize, step: i32| f64::from(step) * frame.scale[axis] + frame.offset[axis];
        x.iter().zip(y).zip(z).flat_map(|((&x, &y), &z)| [at(0, x), at(1, y), at(2, z)]).collect()
    });
    Reply::give("filtered", Chosen { filtered, points: cloud.len(), positions })
}

fn of_file(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let fields = Fields::of(run, args)?;
    let options = options(run, args, &fields)?;
    let (input, output) = (args.path(run, "input")?, args.path(run, "output")?);
    Reply::give("summary", fields.run(|monitor| filter_file(&input, &output, &options, monitor))?)
}

fn options(run: &Run, args: &Args, fields: &Fields) -> Result<FilterOptions, Trouble> {
    let neighbors = |usual: usize| -> Result<usize, Trouble> {
        let given = fields.whole("neighbors", 0)?;
        Ok(if given == 0 { usual } else { usize::try_from(given).unwrap_or(usize::MAX) })
    };
    let search = fields.search()?;
    let filter = match args.number(run, "filter")? {
        1 => {
            let usual = StatisticalOutliers::default();
            let multiplier = fields.real("multiplier", usual.multiplier);
            Filter::Statistical(StatisticalOutliers { neighbors: neighbors(usual.neighbors)?, multiplier, search })
        }
        2 => {
            let usual = RadiusOutliers::default();
            let radius_m = fields.real("radius_m", usual.radius_m);
            Filter::Radius(RadiusOutliers { radius_m, neighbors: neighbors(usual.neighbors)?, search })
        }
        3 => {
            let keep = match fields.whole("voxel_keep", 0)? {
                0 => Keep::Centroid,
                1 => Keep::NearestToCenter,
                2 => Keep::First,
                other => return Err(out_of_range("voxel_keep", other).into()),
            };
            Filter::Voxel { size_m: fields.real("voxel_size_m", 0.5), keep }
        }
        4 => {
            let start = match fields.whole("start_row", -1)? {
                -1 => Start::FarthestFromCentroid,
                row => Start::Row(u32::try_from(row).map_err(|_| out_of_range("start_row", row))?),
            };
            Filter::Farthest { amount: amount(fields)?, start }
        }
        5 => Filter::Random { amount: amount(fields)?, seed: fields.whole("seed", 0)?.cast_unsigned() },
        other => return Err(out_of_range("filter", other).into()),
    };
    Ok(FilterOptions {
        filter,
        mark: fields.flag("mark", false)?,
        linear_unit_m: fields.length("linear_unit_m"),
        devices: Placement::one_of(fields.device()?)?,
        overwrite: fields.flag("overwrite", false)?,
    })
}

fn amount(fields: &Fields) -> Result<Amount, Trouble> {
    match (fields.whole("count", 0)?, fields.real("fraction", 0.0)) {
        (0, 0.0) => Err(groma::Error::invalid("count and fraction are 0", "say how many points to take").into()),
        (0, fraction) => Ok(Amount::Fraction(fraction)),
        (count, _) => Ok(Amount::Count(count.cast_unsigned())),
    }
}
