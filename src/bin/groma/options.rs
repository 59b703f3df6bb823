//! Options that several commands share: the model, the device, the search, the ground.

use clap::{Args, ValueEnum};
use groma::device::Placement;
use groma::features::Search;
use groma::features::schema::{GroundInterpolation, GroundSource};
use groma::model::{self, Combine, Model};
use groma::pipeline::ClassifyOptions;
use groma::{Error, Result, runtime};
use std::path::PathBuf;

/// Which model runs, and on what.
#[derive(Args, Clone, Debug)]
pub struct ModelOptions {
    /// The model: an ONNX file with a manifest; several, each after its own --model, answer together as --combine says
    /// [default: the one inside Groma]
    #[arg(long, value_name = "FILE")]
    model: Vec<PathBuf>,
    /// How several models answer together [default: mean]
    #[arg(long, value_enum)]
    combine: Option<CombineName>,
    /// How much each model counts, as 2,1; for mean and vote [default: all the same]
    #[arg(long, value_name = "WEIGHTS", value_delimiter = ',', allow_negative_numbers = true)]
    weights: Vec<f64>,
    /// Weights for the model: a .safetensors file whose tensors replace those of the same names
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Where it runs: auto, cpu, cuda, cuda:0,2 or all; what cannot be used is refused
    #[arg(long, value_name = "NAME", default_value = "auto")]
    device: String,
    #[command(flatten)]
    pub runtime: RuntimeOptions,
}

/// Where work without a model is done.
#[derive(Args, Clone, Debug)]
pub struct DeviceOptions {
    /// Where points are computed: cpu, auto, cuda, cuda:0,2 or all; what cannot be used is refused
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    device: String,
}

impl DeviceOptions {
    /// All devices that serve.
    pub fn all(&self) -> Result<Placement> {
        Placement::of(self.device.parse()?)
    }

    /// One of them, for work that is not spread.
    pub fn one(&self) -> Result<Placement> {
        Placement::one_of(self.device.parse()?)
    }
}

/// [`Combine`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum CombineName {
    /// The mean of their probabilities
    Mean,
    /// The class that most of them choose
    Vote,
    /// The one model whose blocks are nearest in size to --block-size, or else to the tile
    Scale,
}

/// Which ONNX Runtime is used.
#[derive(Args, Clone, Debug)]
pub struct RuntimeOptions {
    /// ONNX Runtime's library [default: $GROMA_ONNXRUNTIME, beside Groma, Python's, the system's]
    #[arg(long, value_name = "FILE")]
    pub onnxruntime: Option<PathBuf>,
}

impl ModelOptions {
    /// The same with another file, if one is named, and another device.
    pub fn other(&self, model: Option<&PathBuf>, device: &str) -> Self {
        let other = self.clone();
        Self { model: model.map_or(other.model, |path| vec![path.clone()]), device: device.into(), ..other }
    }

    /// Opens the model, or all of several, on the device.
    pub fn open(&self) -> Result<Model> {
        let several = self.model.len() > 1;
        if !several && (self.combine.is_some() || !self.weights.is_empty()) {
            return Err(Error::invalid(
                "--combine and --weights are for several models",
                "name each with a --model of its own, or leave them out",
            ));
        }
        if several && self.checkpoint.is_some() {
            return Err(Error::invalid("--checkpoint is for one model", "name one --model, or leave it out"));
        }
        runtime::ensure(self.runtime.onnxruntime.as_deref())?;
        let (checkpoint, device) = (self.checkpoint.clone(), Some(self.device.clone()));
        let options = model::ModelOptions { checkpoint, device, ..model::ModelOptions::default() };
        let open = |path: &PathBuf| Model::open_with(path, &options);
        match self.model.as_slice() {
            [] => Model::embedded_with(&options),
            [path] => open(path),
            paths => {
                let models: Vec<Model> = paths.iter().map(open).collect::<Result<_>>()?;
                let weights = (!self.weights.is_empty()).then_some(self.weights.as_slice());
                Model::ensemble(&models, weights, self.combine.map_or(Combine::Mean, CombineName::combine))
            }
        }
    }
}

impl CombineName {
    /// The library's value.
    fn combine(self) -> Combine {
        match self {
            Self::Mean => Combine::Mean,
            Self::Vote => Combine::Vote,
            Self::Scale => Combine::Scale,
        }
    }
}

/// How points are computed.
#[derive(Args, Debug)]
pub struct ComputeOptions {
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub threads: usize,
    /// The search for neighbours
    #[arg(long, value_enum, default_value_t = SearchName::Auto)]
    pub search: SearchName,
    /// Length of a unit of the coordinates in metres, as 0.3048 for feet [default: what the file says, or 1]
    #[arg(long, value_name = "METRES")]
    pub linear_unit: Option<f64>,
}

/// What is written of a classification.
#[derive(Args, Debug)]
pub struct ClassOptions {
    /// Also write the probability of every class, as dimensions p_CLASS
    #[arg(long)]
    pub probabilities: bool,
    /// Do not write the dimension `confidence`
    #[arg(long)]
    pub no_confidence: bool,
    /// Do not write the dimension `entropy`
    #[arg(long)]
    pub no_entropy: bool,
    /// Write this point format (6 and above hold classes above 31)
    #[arg(long, value_name = "N")]
    pub point_format: Option<u8>,
    /// ASPRS classes whose points keep their class, as 7,18
    #[arg(long, value_name = "CLASSES", value_delimiter = ',')]
    pub keep_class: Vec<u8>,
}

impl ClassOptions {
    /// The library's options.
    pub fn classify(
        &self,
        compute: &ComputeOptions,
        ground: &GroundOptions,
        block_size_m: Option<f64>,
        overwrite: bool,
    ) -> ClassifyOptions {
        ClassifyOptions {
            probabilities: self.probabilities,
            write_confidence: !self.no_confidence,
            write_entropy: !self.no_entropy,
            point_format: self.point_format,
            overwrite,
            keep_classes: self.keep_class.clone(),
            block_size_m,
            linear_unit_m: compute.linear_unit,
            search: compute.search.search(),
            dtm: ground.dtm.clone(),
        }
    }

    /// What a page says of these options.
    pub fn chosen(
        &self,
        compute: &ComputeOptions,
        ground: &GroundOptions,
        block_size_m: Option<f64>,
    ) -> Vec<(String, String)> {
        let mut rows = vec![("search", compute.search.name().to_string())];
        let mut add = |name: &'static str, value: Option<String>| rows.extend(value.map(|value| (name, value)));
        let kept: Vec<String> = self.keep_class.iter().map(u8::to_string).collect();
        add("point format", self.point_format.map(|format| format.to_string()));
        add("block size", block_size_m.map(|size| format!("{size} m")));
        add("classes kept", (!kept.is_empty()).then(|| kept.join(", ")));
        add("terrain model", ground.dtm.as_ref().map(|path| path.display().to_string()));
        add("threads", (compute.threads > 0).then(|| compute.threads.to_string()));
        rows.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }
}

/// The ground that heights are measured from.
#[derive(Args, Debug)]
pub struct GroundOptions {
    /// A terrain model for a schema that says `ground: dtm`: a GeoTIFF or an ESRI ASCII grid (.asc) in the CRS and the
    /// vertical unit of the points, which covers them all
    #[arg(long, value_name = "FILE")]
    pub dtm: Option<PathBuf>,
}

/// [`GroundSource`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum GroundName {
    /// Found among the points; their classes do not matter
    Filter,
    /// The points of class 2
    Classified,
    /// The terrain model that --dtm names
    Dtm,
}

impl GroundName {
    /// The library's value.
    pub fn source(self) -> GroundSource {
        match self {
            Self::Filter => GroundSource::Filter,
            Self::Classified => GroundSource::Classified,
            Self::Dtm => GroundSource::Dtm,
        }
    }
}

/// How the ground is found between ground points, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InterpolationName {
    /// A raster of the ground, bilinear between the centres of its cells
    Raster,
    /// The nearest ground point
    Nearest,
    /// The mean of the 8 nearest ground points, weighted by the inverse of their squared distances
    Idw,
    /// Triangles of the ground points; the nearest one outside their hull
    Tin,
}

impl InterpolationName {
    /// The library's value.
    pub fn interpolation(self) -> GroundInterpolation {
        match self {
            Self::Raster => GroundInterpolation::Raster,
            Self::Nearest => GroundInterpolation::Nearest,
            Self::Idw => GroundInterpolation::Idw,
            Self::Tin => GroundInterpolation::Tin,
        }
    }
}

/// [`Search`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SearchName {
    /// Chosen by how evenly the points lie
    Auto,
    /// For airborne surveys
    Grid,
    /// For terrestrial and very uneven clouds
    Kdtree,
}

impl SearchName {
    /// The library's value.
    pub fn search(self) -> Search {
        match self {
            Self::Auto => Search::Auto,
            Self::Grid => Search::Grid,
            Self::Kdtree => Search::KdTree,
        }
    }

    /// The name, as it is given.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Grid => "grid",
            Self::Kdtree => "kdtree",
        }
    }
}
