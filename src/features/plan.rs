//! Compiles columns into a plan: which neighbourhoods to search, and where each column's value comes from.

use super::column::{Axis, Band, Column, Measure, PointFeature, Scale};
use super::schema::Schema;
use super::survey::Survey;
use crate::error::{Error, Result};
use crate::neighbors::Selection;
use crate::neighbors::kernel::{KernelPlan, NearestScale, RadiusScale, Term, Want};
use crate::neighbors::lattice::Lattice;

/// Vertical difference that counts as below or above, in metres.
const VERTICAL_THRESHOLD_M: f64 = 0.3;

/// One pass over all points.
#[derive(Debug, Default)]
pub struct Pass {
    /// The searches.
    pub kernel: KernelPlan,
    /// Those of `kernel`, in its order, and then the raster windows.
    pub scales: Vec<ScaleNeeds>,
    /// One a column, in order.
    pub outputs: Vec<Output>,
    /// Bands whose values stand behind the base columns in the kernel's table.
    pub bands: Vec<Band>,
}

/// What a scale is used for.
#[derive(Clone, Debug)]
pub struct ScaleNeeds {
    /// The scale.
    pub scale: Scale,
    /// What its features are made of.
    pub want: Want,
    /// Height above ground at the point.
    pub height: bool,
    /// Values that are summed.
    terms: Vec<Term>,
}

impl ScaleNeeds {
    fn new(scale: Scale) -> Self {
        Self { scale, want: Want::default(), height: false, terms: Vec::new() }
    }

    /// Adds what a feature needs.
    fn add(&mut self, measure: Measure) {
        use Measure as M;
        let want = &mut self.want;
        want.full |= measure.needs_eigen();
        match measure {
            M::VerticalStd | M::ZOffset => want.vertical = true,
            M::VerticalRange | M::HeightAboveMin | M::ZBelow | M::ZAbove | M::Density3d | M::NeighborDistance => {
                want.range = true;
            }
            M::HeightExtentRatio => (want.range, want.extent) = (true, true),
            M::BelowFraction | M::AboveFraction => want.sides = true,
            M::FirstFraction | M::LastFraction | M::MultipleFraction | M::GroundFraction => want.echo = true,
            M::Spacing => want.spacing = true,
            M::FacadeScore => self.height = true,
            _ => {}
        }
    }

    /// The number of a term among those of the scale; it is added if it is new.
    fn term(&mut self, column: usize, squared: bool) -> usize {
        let term = Term { column, squared };
        self.terms.iter().position(|t| *t == term).unwrap_or_else(|| {
            self.terms.push(term);
            self.terms.len() - 1
        })
    }
}

/// Where a column's value comes from.
#[derive(Clone, Debug)]
pub enum Output {
    /// A feature of scale `scale`, whose radius (or cap) is `radius_m`.
    Local {
        /// Position in [`Pass::scales`].
        scale: usize,
        /// The feature.
        measure: Measure,
        /// Radius in metres.
        radius_m: f64,
    },
    /// Mean of a band over scale `.0`, whose term `.1` is its sum.
    BandMean(usize, usize),
    /// Standard deviation of a band over scale `.0`, whose terms `.1` and `.2` are its sum and that of its squares.
    BandStd(usize, usize, usize),
    /// Mean of a base column over scale `.0`, whose term `.1` is its sum.
    Mean(usize, usize),
    /// A feature of the point alone.
    Point(PointFeature),
    /// Place within the survey's squares.
    Position(Axis),
    /// Height above a surface of the survey.
    Height(usize),
    /// Height above the minimum of a window of the survey.
    WindowMin(usize),
}

/// The passes of a schema: `base` computes the columns that others take means of.
#[derive(Debug)]
pub struct Plan {
    /// Columns that second-hop columns are means of, if there are any.
    pub base: Option<Pass>,
    /// The schema's columns.
    pub main: Pass,
}

impl Plan {
    /// Compiles a schema for a lattice and its survey.
    ///
    /// # Errors
    /// [`Error::Internal`] if the survey lacks what the schema needs.
    pub fn new(schema: &Schema, lattice: &Lattice, survey: &Survey) -> Result<Self> {
        let mut inner: Vec<Column> = Vec::new();
        for column in schema.definitions() {
            if let Column::Mean(of, _) = column
                && !inner.contains(of)
            {
                inner.push((**of).clone());
            }
        }
        let compile = |columns: &[Column], base: &[Column]| Pass::new(columns, base, schema, lattice, survey);
        let base = if inner.is_empty() { None } else { Some(compile(&inner, &[])?) };
        Ok(Self { base, main: compile(schema.definitions(), &inner)? })
    }

    /// Whether any neighbourhood counts flags.
    #[must_use]
    pub fn needs_flags(&self) -> bool {
        self.base.iter().chain([&self.main]).any(|pass| pass.scales.iter().any(|scale| scale.want.echo))
    }
}

impl Pass {
    fn new(columns: &[Column], base: &[Column], schema: &Schema, lattice: &Lattice, survey: &Survey) -> Result<Self> {
        let mut scales: Vec<ScaleNeeds> = Vec::new();
        let mut bands: Vec<Band> = Vec::new();
        for column in columns {
            let Some(scale) = column.scale() else { continue };
            if !scales.iter().any(|s| s.scale == scale) {
                scales.push(ScaleNeeds::new(scale));
            }
            if let Column::BandMean(band, _) | Column::BandStd(band, _) = column
                && !bands.contains(band)
            {
                bands.push(*band);
            }
        }
        // The kernel wants the k scales first, ascending; windows are none of its business.
        scales.sort_by_key(|s| match s.scale {
            Scale::Nearest(k) => (0, k),
            Scale::Sphere(_) | Scale::Cylinder(_) => (1, 0),
            Scale::Window(_) => (2, 0),
        });
        // Outputs add to their scale what they need of it.
        let context = OutputContext { base, bands: &bands, schema, survey };
        let outputs = columns.iter().map(|column| Output::of(column, &mut scales, &context)).collect::<Result<_>>()?;
        let mut kernel = KernelPlan {
            cap_sq: lattice.squared_steps(schema.spec().cap_radius_m),
            vertical_threshold: i32::try_from(lattice.steps(VERTICAL_THRESHOLD_M)).unwrap_or(i32::MAX),
            ..KernelPlan::default()
        };
        for needs in &scales {
            match needs.scale {
                Scale::Nearest(k) => kernel.nearest.push(NearestScale { k: k as usize, want: needs.want }),
                Scale::Sphere(r) | Scale::Cylinder(r) => kernel.radii.push(RadiusScale {
                    selection: match needs.scale {
                        Scale::Cylinder(_) => Selection::Cylinder,
                        _ => Selection::Sphere,
                    },
                    radius_sq: lattice.squared_steps(r),
                    want: needs.want,
                }),
                Scale::Window(_) => {}
            }
        }
        kernel.terms = scales.iter().take(kernel.scales()).map(|needs| needs.terms.clone()).collect();
        Ok(Self { kernel, scales, outputs, bands })
    }
}

/// What outputs are made from.
struct OutputContext<'a> {
    base: &'a [Column],
    bands: &'a [Band],
    schema: &'a Schema,
    survey: &'a Survey,
}

impl Output {
    fn of(column: &Column, scales: &mut [ScaleNeeds], context: &OutputContext<'_>) -> Result<Self> {
        let OutputContext { base, bands, schema, survey } = *context;
        let missing = || Error::internal(format!("the plan lacks what `{column}` needs"));
        let at = |scale: &Scale| scales.iter().position(|s| s.scale == *scale).ok_or_else(missing);
        let of_band = |band: &Band| bands.iter().position(|b| b == band).map(|at| base.len() + at).ok_or_else(missing);
        Ok(match column {
            Column::Point(feature) => Self::Point(*feature),
            Column::Position(axis) => Self::Position(*axis),
            Column::HeightAboveGround(name) => Self::Height(survey.surface(name.as_deref()).unwrap_or(0)),
            Column::HeightAboveWindowMin(cells) => Self::WindowMin(survey.minimum(*cells).unwrap_or(0)),
            Column::Local(measure, scale) => {
                let number = at(scale)?;
                scales[number].add(*measure);
                let radius_m = match scale {
                    Scale::Nearest(_) => schema.spec().cap_radius_m,
                    Scale::Sphere(r) | Scale::Cylinder(r) => *r,
                    Scale::Window(_) => survey.cell_m(),
                };
                Self::Local { scale: number, measure: *measure, radius_m }
            }
            Column::BandMean(band, scale) => {
                let (scale, column) = (at(scale)?, of_band(band)?);
                Self::BandMean(scale, scales[scale].term(column, false))
            }
            Column::BandStd(band, scale) => {
                let (scale, column) = (at(scale)?, of_band(band)?);
                let sum = scales[scale].term(column, false);
                Self::BandStd(scale, sum, scales[scale].term(column, true))
            }
            Column::Mean(inner, scale) => {
                let column = base.iter().position(|c| c == &**inner).ok_or_else(missing)?;
                let scale = at(scale)?;
                Self::Mean(scale, scales[scale].term(column, false))
            }
        })
    }
}
