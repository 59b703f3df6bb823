//! Classifies a file or a cloud with a model.

#[cfg(feature = "cuda")]
use super::on_devices;
use super::rewrite::{KEPT_RECORD_BYTES, Records, rewrite};
use super::scribe::Scribe;
use super::terrain::terrain;
use crate::cloud::{PointCloud, Values, names};
use crate::device::Used;
use crate::error::{Error, Result};
#[cfg(feature = "cuda")]
use crate::features::block_size_m;
use crate::features::{Engine, Options, Search};
use crate::io::las::{Columns, DimensionType, LasReader, LasWriter, NewDimension, Update, WriteOptions, read_keeping};
use crate::job::{Monitor, Stage};
use crate::model::{Manifest, Model};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// What to write and how; the defaults write class, confidence and entropy.
#[derive(Clone, Debug)]
pub struct ClassifyOptions {
    /// Also give all probabilities: `Predictions::probabilities`, and one extra dimension `p_CLASS` a class in files.
    pub probabilities: bool,
    /// Write the extra dimension `confidence` (u8, 0…255 for 0…1) to files.
    pub write_confidence: bool,
    /// Write the extra dimension `entropy` (f32, nats) to files.
    pub write_entropy: bool,
    /// Write this point format instead of the file's own.
    pub point_format: Option<u8>,
    /// Replace an output that exists.
    pub overwrite: bool,
    /// ASPRS classes that keep their label (noise, say); confidence and entropy of such a point are the model's all the same.
    pub keep_classes: Vec<u8>,
    /// Edge length of a block in metres; the manifest's if `None`. It bounds memory and changes no result, but for an ensemble
    /// by scale, of which it chooses the model that answers.
    pub block_size_m: Option<f64>,
    /// The neighbour search.
    pub search: Search,
    /// Length of one unit of the cloud's CRS in metres; `None` takes it from the file's CRS, and 1 without one.
    pub linear_unit_m: Option<f64>,
    /// The terrain model of a model whose features say `ground: dtm`: a file in the CRS and the vertical unit of the points,
    /// which covers them all. Refused for other models.
    pub dtm: Option<PathBuf>,
}

impl Default for ClassifyOptions {
    fn default() -> Self {
        Self {
            probabilities: false,
            write_confidence: true,
            write_entropy: true,
            point_format: None,
            overwrite: false,
            keep_classes: Vec::new(),
            block_size_m: None,
            search: Search::Auto,
            linear_unit_m: None,
            dtm: None,
        }
    }
}

/// What a model says of every point, in file order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// Index into the manifest's classes.
    pub class: Vec<u8>,
    /// ASPRS code by the manifest's mapping.
    pub asprs: Vec<u8>,
    /// Probability of the class, 0…1.
    pub confidence: Vec<f32>,
    /// Entropy of the probabilities, in nats, 0…ln(classes).
    pub entropy: Vec<f32>,
    /// Row-major `[points, classes]`, if asked for.
    pub probabilities: Option<Vec<f32>>,
}

/// Wall-clock seconds of each stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Timings {
    /// Reading and decoding.
    pub read_s: f64,
    /// Ground surfaces and the rest of the wide view.
    pub ground_s: f64,
    /// Neighbours and features.
    pub features_s: f64,
    /// Running the model: its share of the workers' time.
    pub inference_s: f64,
    /// Encoding and writing.
    pub write_s: f64,
    /// Everything.
    pub total_s: f64,
}

/// What was done to one file.
#[derive(Clone, Debug, serde::Serialize)]
pub struct FileSummary {
    /// The input.
    pub input: PathBuf,
    /// The output.
    pub output: PathBuf,
    /// Points read and written.
    pub points: u64,
    /// Point format of the output.
    pub point_format: u8,
    /// Name of the model.
    pub model: String,
    /// The devices that computed.
    #[serde(flatten)]
    pub used: Used,
    /// (ASPRS code, points), ascending.
    pub class_counts: Vec<(u8, u64)>,
    /// Mean confidence, 0…1; 0 without points.
    pub mean_confidence: f64,
    /// Stage times.
    pub timings: Timings,
}

/// Classifies points in memory.
///
/// # Errors
/// [`Error::MissingColumn`] for an attribute that the model's features need and the cloud lacks; those of the features and
/// the model; [`Error::Cancelled`].
pub fn classify_cloud(
    model: &Model,
    cloud: &PointCloud,
    options: &ClassifyOptions,
    monitor: &Monitor,
) -> Result<Predictions> {
    let features = features(model, options)?;
    let Classified { mut predictions, .. } =
        classify_timed(model, cloud, options, &features, monitor, &mut Timings::default())?;
    keep_classes(&mut predictions.asprs, cloud, &options.keep_classes)?;
    Ok(predictions)
}

/// Classifies a LAS/LAZ file into another; the output appears whole or not at all.
///
/// # Errors
/// Those of reading, the features, the model and writing; [`Error::OutputExists`]; [`Error::Cancelled`].
pub fn classify_file(
    model: &Model,
    input: &Path,
    output: &Path,
    options: &ClassifyOptions,
    monitor: &Monitor,
) -> Result<FileSummary> {
    let began = Instant::now();
    let mut timings = Timings::default();
    let mut reader = LasReader::open(input)?;
    let unit = super::units::linear_unit(&reader, options.linear_unit_m)?;
    let options = ClassifyOptions { linear_unit_m: Some(unit), ..options.clone() };
    let features = features(model, &options)?;
    let dimensions = dimensions(model.manifest(), &options);
    let write = WriteOptions { point_format: options.point_format, overwrite: options.overwrite, compress: None };
    // Whatever is wrong with the output is said before the long work begins.
    let writer = LasWriter::create(&reader, output, &dimensions, &write)?;

    // What the file lacks is reported by the features, which know who needs it.
    let there = reader.header().column_names();
    let mut columns = model.schema().required_columns();
    columns.retain(|name| there.iter().any(|column| column == name));
    if !options.keep_classes.is_empty() && !columns.contains(&names::CLASSIFICATION) {
        columns.push(names::CLASSIFICATION);
    }
    let (cloud, kept) = read_keeping(&mut reader, &Columns::Named(&columns), KEPT_RECORD_BYTES, monitor)?;
    timings.read_s = began.elapsed().as_secs_f64();

    let Classified { mut predictions, used } =
        classify_timed(model, &cloud, &options, &features, monitor, &mut timings)?;
    keep_classes(&mut predictions.asprs, &cloud, &options.keep_classes)?;
    let points = cloud.len() as u64;
    drop(cloud);

    let writing = Instant::now();
    let point_format = options.point_format.unwrap_or(reader.header().point_format);
    let records = Records::new(&reader, kept)?;
    let prepare = |rows: Range<usize>| Ok((rows.clone(), dimension_values(&predictions, rows, &options)));
    let write = |writer: &mut LasWriter, records: &[u8], (rows, values): (Range<usize>, Vec<Values>)| {
        let values: Vec<&Values> = values.iter().collect();
        writer.write(records, &Update { classification: Some(&predictions.asprs[rows]), dimensions: &values })
    };
    rewrite(records, writer, predictions.asprs.len(), monitor, prepare, write)?;
    timings.write_s = writing.elapsed().as_secs_f64();
    timings.total_s = began.elapsed().as_secs_f64();
    Ok(FileSummary {
        input: input.to_path_buf(),
        output: output.to_path_buf(),
        points,
        point_format,
        model: model.name().to_string(),
        used,
        class_counts: class_counts(&predictions.asprs),
        mean_confidence: mean(&predictions.confidence),
        timings,
    })
}

/// Results of all points, written by many workers. Relaxed atomics say that rows are disjoint without unsafe code, and
/// cost what plain stores cost.
struct Rows {
    class: Vec<AtomicU8>,
    asprs: Vec<AtomicU8>,
    confidence: Vec<AtomicU32>,
    entropy: Vec<AtomicU32>,
    probabilities: Option<Vec<AtomicU32>>,
}

impl Rows {
    fn new(points: usize, classes: Option<usize>) -> Self {
        let bytes = || (0..points).map(|_| AtomicU8::new(0)).collect();
        let floats = |n: usize| (0..n).map(|_| AtomicU32::new(0)).collect();
        Self {
            class: bytes(),
            asprs: bytes(),
            confidence: floats(points),
            entropy: floats(points),
            probabilities: classes.map(|classes| floats(points * classes)),
        }
    }

    /// Stores what was said of the rows of a batch.
    fn store(&self, rows: &[u32], said: &Scribe) {
        let classes = said.probabilities.len() / rows.len().max(1);
        for (i, &row) in rows.iter().enumerate() {
            let row = row as usize;
            self.class[row].store(said.class[i], Relaxed);
            self.asprs[row].store(said.asprs[i], Relaxed);
            self.confidence[row].store(said.confidence[i].to_bits(), Relaxed);
            self.entropy[row].store(said.entropy[i].to_bits(), Relaxed);
            if let Some(probabilities) = &self.probabilities {
                let to = &probabilities[row * classes..(row + 1) * classes];
                let from = &said.probabilities[i * classes..(i + 1) * classes];
                to.iter().zip(from).for_each(|(to, from)| to.store(from.to_bits(), Relaxed));
            }
        }
    }

    fn into_predictions(self) -> Predictions {
        let bytes = |v: Vec<AtomicU8>| v.into_iter().map(AtomicU8::into_inner).collect();
        let floats = |v: Vec<AtomicU32>| v.into_iter().map(|a| f32::from_bits(a.into_inner())).collect();
        Predictions {
            class: bytes(self.class),
            asprs: bytes(self.asprs),
            confidence: floats(self.confidence),
            entropy: floats(self.entropy),
            probabilities: self.probabilities.map(floats),
        }
    }
}

/// How the features of a model are computed, but for the blocks.
pub(super) fn features(model: &Model, options: &ClassifyOptions) -> Result<Options> {
    Ok(Options {
        search: options.search,
        linear_unit_m: options.linear_unit_m.unwrap_or(1.0),
        block_size_m: options.block_size_m,
        dtm: terrain(model.schema(), options.dtm.as_deref())?,
        ..Options::default()
    })
}

/// The model that answers for a cloud (a member, for an ensemble by scale), and how its features are computed.
pub(super) fn answering<'a>(model: &'a Model, cloud: &PointCloud, features: &Options) -> (&'a Model, Options) {
    let extent = || {
        let edges = cloud.bounds().map(|(low, high)| (high[0] - low[0]).max(high[1] - low[1]));
        edges.unwrap_or(0.0) * features.linear_unit_m
    };
    let chosen = model.at_scale(features.block_size_m.unwrap_or_else(extent));
    let block_size_m = Some(features.block_size_m.unwrap_or(chosen.manifest().block_size_m));
    // A terrain model that only other members read is not handed to this one.
    let dtm = features.dtm.clone().filter(|_| chosen.schema().expect_dtm(true).is_ok());
    (chosen, Options { block_size_m, dtm, ..features.clone() })
}

/// What came out, and from where.
struct Classified {
    predictions: Predictions,
    used: Used,
}

fn classify_timed(
    model: &Model,
    cloud: &PointCloud,
    options: &ClassifyOptions,
    features: &Options,
    monitor: &Monitor,
    timings: &mut Timings,
) -> Result<Classified> {
    let (model, features) = answering(model, cloud, features);
    #[cfg(feature = "cuda")]
    if let Some(machines) = model.machines() {
        let began = Instant::now();
        let block_size_m = options
            .block_size_m
            .unwrap_or_else(|| block_size_m(cloud, features.linear_unit_m, on_devices::BLOCK_POINTS));
        let features = Options { block_size_m: Some(block_size_m), ..features };
        let (predictions, report) = on_devices::classify_with(
            &machines,
            model,
            cloud,
            &features,
            options.probabilities,
            on_devices::Spread::default(),
            monitor,
        )?;
        // Features and inference are one queue of work there.
        timings.inference_s = began.elapsed().as_secs_f64();
        return Ok(Classified { predictions, used: report.used() });
    }
    let predictions = classify_on_cpu(model, cloud, options, &features, monitor, timings)?;
    let used = Used { device_remark: model.remark().map(String::from), ..Used::cpu() };
    Ok(Classified { predictions, used })
}

fn classify_on_cpu(
    model: &Model,
    cloud: &PointCloud,
    options: &ClassifyOptions,
    features: &Options,
    monitor: &Monitor,
    timings: &mut Timings,
) -> Result<Predictions> {
    let began = Instant::now();
    let engine = Engine::new(cloud, model.schema(), features, monitor)?;
    timings.ground_s = began.elapsed().as_secs_f64();
    let running = Instant::now();
    let out = Rows::new(cloud.len(), options.probabilities.then_some(model.manifest().classes.len()));
    let model_nanos = AtomicU64::new(0);
    engine.run(Stage::Inference, monitor, || {
        let mut scribe = Scribe::new(model)?;
        let (out, model_nanos) = (&out, &model_nanos);
        Ok(move |rows: &[u32], values: &mut [f32]| {
            let began = Instant::now();
            scribe.score(model, rows.len(), values, monitor)?;
            out.store(rows, &scribe);
            model_nanos.fetch_add(began.elapsed().as_nanos() as u64, Relaxed);
            Ok(())
        })
    })?;
    let workers = rayon::current_num_threads() as f64;
    timings.inference_s = model_nanos.into_inner() as f64 * 1e-9 / workers;
    timings.features_s = (running.elapsed().as_secs_f64() - timings.inference_s).max(0.0);
    Ok(out.into_predictions())
}

/// The extra dimensions that the options ask for, in the order of [`dimension_values`].
pub(super) fn dimensions(manifest: &Manifest, options: &ClassifyOptions) -> Vec<NewDimension> {
    let dimension = |name: &str, description: &str, kind| NewDimension {
        name: name.to_string(),
        description: description.to_string(),
        kind,
    };
    let mut out = Vec::new();
    if options.write_confidence {
        out.push(dimension("confidence", "class probability, 255 = 1", DimensionType::U8));
    }
    if options.write_entropy {
        out.push(dimension("entropy", "entropy of the classes, nats", DimensionType::F32));
    }
    if options.probabilities {
        for class in &manifest.classes {
            out.push(dimension(&format!("p_{}", class.name), "class probability", DimensionType::F32));
        }
    }
    out
}

/// Values of the extra dimensions for some rows.
fn dimension_values(p: &Predictions, rows: Range<usize>, options: &ClassifyOptions) -> Vec<Values> {
    let mut out = Vec::new();
    if options.write_confidence {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0…255
        out.push(Values::U8(p.confidence[rows.clone()].iter().map(|&c| (c * 255.0).round() as u8).collect()));
    }
    if options.write_entropy {
        out.push(Values::F32(p.entropy[rows.clone()].to_vec()));
    }
    if let Some(all) = &p.probabilities {
        let classes = all.len() / p.class.len().max(1);
        for class in 0..classes {
            out.push(Values::F32(rows.clone().map(|row| all[row * classes + class]).collect()));
        }
    }
    out
}

/// Puts back the labels of the classes that are to be kept.
fn keep_classes(asprs: &mut [u8], cloud: &PointCloud, keep: &[u8]) -> Result<()> {
    if keep.is_empty() {
        return Ok(());
    }
    let before = cloud.column(names::CLASSIFICATION).and_then(|c| c.as_u8()).ok_or_else(|| Error::MissingColumn {
        column: names::CLASSIFICATION.into(),
        remedy: "supply it as u8, or keep no classes".into(),
    })?;
    for (class, &before) in asprs.iter_mut().zip(before) {
        if keep.contains(&before) {
            *class = before;
        }
    }
    Ok(())
}

fn class_counts(asprs: &[u8]) -> Vec<(u8, u64)> {
    let mut counts = [0u64; 256];
    asprs.iter().for_each(|&class| counts[usize::from(class)] += 1);
    (0..=255).zip(counts).filter(|(_, count)| *count > 0).collect()
}

fn mean(values: &[f32]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64 }
}
