//! What a column is: the definition of every feature, its name, and how a name is read.
//!
//! Names are `feature` or `feature@scale`; scales are `k20` (nearest), `r2.0` (sphere), `c4.0` (cylinder), `g5` (window
//! of raster cells); `mean(feature@scale)@scale` is the mean of another column over the neighbours.

pub use super::scale::{MAX_K, MAX_WINDOW, Scale};
use super::scale::{parse_scale, searched};
use crate::cloud::names;
use crate::error::{Error, Result};
use std::fmt;

/// Declares the neighbourhood features once: variant, name, documentation.
macro_rules! measures {
    ($($variant:ident = $name:literal: $doc:literal;)*) => {
        /// A feature of a neighbourhood; definitions in terms of the eigenvalues λ1 ≥ λ2 ≥ λ3 of the covariance (m²),
        /// their sum s, e_i = λ_i/s, the normal n (eigenvector of λ3, z ≥ 0) and the centroid c.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Measure {
            $(#[doc = $doc] $variant,)*
        }

        impl Measure {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in a schema.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The definition, in one line.
            #[must_use]
            pub fn definition(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

measures! {
    Linearity = "linearity": "(λ1−λ2)/λ1, 0…1";
    Planarity = "planarity": "(λ2−λ3)/λ1, 0…1";
    Sphericity = "sphericity": "λ3/λ1, 0…1";
    Anisotropy = "anisotropy": "(λ1−λ3)/λ1, 0…1";
    SurfaceVariation = "surface_variation": "λ3/s, 0…1/3";
    Omnivariance = "omnivariance": "∛(e1·e2·e3), 0…1/3";
    Eigenentropy = "eigenentropy": "−Σ e_i ln e_i, 0…ln 3";
    SumEigenvalues = "sum_eigenvalues": "s, m²";
    Eigenvalue1 = "eigenvalue_1": "λ1, m²";
    Eigenvalue2 = "eigenvalue_2": "λ2, m²";
    Eigenvalue3 = "eigenvalue_3": "λ3, m²";
    NormalX = "normal_x": "n_x, −1…1";
    NormalY = "normal_y": "n_y, −1…1";
    NormalZ = "normal_z": "n_z, 0…1";
    Verticality = "verticality": "1 − |n_z|, 0…1";
    Horizontality = "horizontality": "|n_z|, 0…1";
    Slope = "slope": "acos |n_z|, rad";
    PrincipalZ = "principal_z": "|z| of the eigenvector of λ1, 0…1";
    PlaneDistance = "plane_distance": "|(p−c)·n|, m";
    PlaneOffset = "plane_offset": "(p−c)·n, m";
    RoofLikelihood = "roof_likelihood": "√(horizontality·planarity), 0…1";
    WallLikelihood = "wall_likelihood": "√(verticality·planarity), 0…1";
    RoofScore = "roof_score": "horizontality·planarity, 0…1";
    WallScore = "wall_score": "verticality·planarity, 0…1";
    FacadeScore = "facade_score": "verticality · clip(height_above_ground / 10 m, 0, 1), 0…1";
    VerticalStd = "vertical_std": "σ of z, m";
    VerticalRange = "vertical_range": "max z − min z, m";
    HeightAboveMin = "height_above_min": "z − min z within the horizontal distance r, m";
    HeightExtentRatio = "height_extent_ratio": "vertical_range / horizontal bounding-box diagonal, 0 if that is 0";
    BelowFraction = "below_fraction": "share of the neighbours more than 0.3 m below, 0…1";
    AboveFraction = "above_fraction": "share of the neighbours more than 0.3 m above, 0…1";
    GroundFraction = "ground_fraction": "share of the neighbours with height_above_ground < 0.4 m, 0…1";
    FirstFraction = "first_fraction": "share of first returns, 0…1";
    LastFraction = "last_fraction": "share of last returns, 0…1";
    MultipleFraction = "multiple_fraction": "share of returns of pulses with several, 0…1";
    ZBelow = "z_below": "z − min z, m";
    ZAbove = "z_above": "max z − z, m";
    ZOffset = "z_offset": "z − mean z, m";
    ResidualStd = "residual_std": "√λ3, m";
    Density3d = "density_3d": "n / (4/3·π·d³), d = distance to the farthest neighbour, 1/m³; 0 if d is 0";
    Density2d = "density_2d": "count within the horizontal distance r / (π r²), 1/m²";
    Count = "count": "number of points within r";
    LogCount = "log_count": "ln(1 + number of neighbours)";
    Spacing = "spacing": "mean distance to the neighbours other than the point itself, m; 0 without any";
    NeighborDistance = "neighbor_distance": "distance to the farthest neighbour, m";
}

impl Measure {
    /// Whether a window of raster cells can give it.
    #[must_use]
    pub fn of_window(self) -> bool {
        use Measure as M;
        matches!(
            self,
            M::VerticalStd
                | M::VerticalRange
                | M::HeightAboveMin
                | M::GroundFraction
                | M::FirstFraction
                | M::LastFraction
                | M::MultipleFraction
                | M::ZBelow
                | M::ZAbove
                | M::ZOffset
                | M::Count
                | M::LogCount
        )
    }

    /// Whether it needs eigenvalues or eigenvectors.
    #[must_use]
    pub fn needs_eigen(self) -> bool {
        use Measure as M;
        !matches!(
            self,
            M::VerticalStd
                | M::VerticalRange
                | M::HeightAboveMin
                | M::HeightExtentRatio
                | M::BelowFraction
                | M::AboveFraction
                | M::GroundFraction
                | M::FirstFraction
                | M::LastFraction
                | M::MultipleFraction
                | M::ZBelow
                | M::ZAbove
                | M::ZOffset
                | M::Density3d
                | M::Density2d
                | M::Count
                | M::LogCount
                | M::Spacing
                | M::NeighborDistance
        )
    }
}

/// A raw attribute that colours a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the attributes of those names
pub enum Band {
    Intensity,
    Red,
    Green,
    Blue,
    Nir,
}

impl Band {
    /// All bands.
    pub const ALL: [Self; 5] = [Self::Intensity, Self::Red, Self::Green, Self::Blue, Self::Nir];

    /// Name of the attribute.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Intensity => names::INTENSITY,
            Self::Red => names::RED,
            Self::Green => names::GREEN,
            Self::Blue => names::BLUE,
            Self::Nir => names::NIR,
        }
    }
}

/// A feature of the point alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointFeature {
    /// As stored.
    ReturnNumber,
    /// As stored.
    NumberOfReturns,
    /// return_number / number_of_returns, 0 if the latter is 0.
    ReturnRatio,
    /// 1 for a last return.
    LastReturn,
    /// 1 for the only return of its pulse.
    SingleReturn,
    /// 1 for a return of a pulse with several.
    MultipleReturns,
    /// Degrees.
    ScanAngle,
    /// A band divided by the schema's `color_divisor`, 0…1.
    Band(Band),
    /// (nir − red) / (nir + red), 0 where the denominator is 0.
    Ndvi,
    /// (green − red) / (green + red), 0 where the denominator is 0.
    VegetationIndex,
    /// 2·green − red − blue of the bands divided by `color_divisor`, −2…2.
    ExcessGreen,
}

const POINT_FEATURES: &[(&str, PointFeature)] = &[
    ("return_number", PointFeature::ReturnNumber),
    ("number_of_returns", PointFeature::NumberOfReturns),
    ("return_ratio", PointFeature::ReturnRatio),
    ("last_return", PointFeature::LastReturn),
    ("single_return", PointFeature::SingleReturn),
    ("multiple_returns", PointFeature::MultipleReturns),
    ("scan_angle", PointFeature::ScanAngle),
    ("intensity", PointFeature::Band(Band::Intensity)),
    ("red", PointFeature::Band(Band::Red)),
    ("green", PointFeature::Band(Band::Green)),
    ("blue", PointFeature::Band(Band::Blue)),
    ("nir", PointFeature::Band(Band::Nir)),
    ("ndvi", PointFeature::Ndvi),
    ("vegetation_index", PointFeature::VegetationIndex),
    ("excess_green", PointFeature::ExcessGreen),
];

/// Names that are read as another's.
const ALIASES: &[(&str, &str)] = &[("curvature", "surface_variation"), ("change_curvature", "surface_variation")];

/// A direction of [`Column::Position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // what they say
pub enum Axis {
    X,
    Y,
    Z,
}

const POSITIONS: &[(&str, Axis)] = &[("x_local", Axis::X), ("y_local", Axis::Y), ("z_local", Axis::Z)];

/// One column of a schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// A feature of the point alone.
    Point(PointFeature),
    /// Place within the square of the schema's `position_block_m` that the point lies in, in metres: x and y from its middle,
    /// z from its lowest ground.
    Position(Axis),
    /// z − ground(x, y) in metres, from the surface of that name (`None`: the default one).
    HeightAboveGround(Option<String>),
    /// z − the lowest z in a window of so many raster cells (odd) around the point's, in metres.
    HeightAboveWindowMin(u32),
    /// A feature of a neighbourhood.
    Local(Measure, Scale),
    /// Mean of a band over a neighbourhood, 0…1.
    BandMean(Band, Scale),
    /// Standard deviation of a band over a neighbourhood, 0…1.
    BandStd(Band, Scale),
    /// Mean of another column over a neighbourhood.
    Mean(Box<Column>, Scale),
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Point(p) => {
                let (name, _) = POINT_FEATURES.iter().find(|(_, q)| q == p).ok_or(fmt::Error)?;
                f.write_str(name)
            }
            Self::Position(axis) => {
                let (name, _) = POSITIONS.iter().find(|(_, a)| a == axis).ok_or(fmt::Error)?;
                f.write_str(name)
            }
            Self::HeightAboveGround(None) => f.write_str("height_above_ground"),
            Self::HeightAboveGround(Some(name)) => write!(f, "height_above_ground@{name}"),
            Self::HeightAboveWindowMin(cells) => write!(f, "height_above_min@g{cells}"),
            // Defined by a horizontal distance, and written with an `r` as in the schema's document.
            Self::Local(m @ (Measure::HeightAboveMin | Measure::Density2d), Scale::Cylinder(r)) => {
                write!(f, "{}@r{r:?}", m.name())
            }
            Self::Local(m, scale) => write!(f, "{}@{scale}", m.name()),
            Self::BandMean(band, scale) => write!(f, "{}_mean@{scale}", band.name()),
            Self::BandStd(band, scale) => write!(f, "{}_std@{scale}", band.name()),
            Self::Mean(column, scale) => write!(f, "mean({column})@{scale}"),
        }
    }
}

impl Column {
    /// Reads a column's name; a neighbourhood feature without a scale gets the default, `k20` (`r5.0` for
    /// `height_above_min`, `r1.0` for `density_2d` and `count`).
    ///
    /// # Errors
    /// [`Error::UnknownFeature`] that says which part is not understood.
    pub fn parse(name: &str) -> Result<Self> {
        let unknown = |what: String| Error::UnknownFeature { name: name.to_string(), what };
        if let Some(rest) = name.strip_prefix("mean(") {
            let (inner, scale) = rest.rsplit_once(")@").ok_or_else(|| unknown("write mean(COLUMN)@SCALE".into()))?;
            let column = Self::parse(inner)?;
            if matches!(column, Self::Mean(..)) {
                return Err(unknown("a mean of means would see too far; take the mean of a plain column".into()));
            }
            let scale = parse_scale(scale).map_err(unknown)?;
            return searched(scale).map(|scale| Self::Mean(Box::new(column), scale)).map_err(unknown);
        }
        let (base, scale) = match name.split_once('@') {
            Some((base, scale)) => (base, Some(scale)),
            None => (name, None),
        };
        let base = ALIASES.iter().find(|(alias, _)| *alias == base).map_or(base, |(_, to)| to);
        if base == "height_above_ground" {
            return Ok(Self::HeightAboveGround(scale.map(ToString::to_string)));
        }
        if let Some((_, axis)) = POSITIONS.iter().find(|(n, _)| *n == base) {
            return match scale {
                None => Ok(Self::Position(*axis)),
                Some(s) => {
                    Err(unknown(format!("`{base}` takes no `@{s}`; the schema's position_block_m is its scale")))
                }
            };
        }
        if let Some((_, feature)) = POINT_FEATURES.iter().find(|(n, _)| *n == base) {
            return match scale {
                None => Ok(Self::Point(*feature)),
                Some(s) => Err(unknown(format!("`{base}` is a feature of the point alone and takes no `@{s}`"))),
            };
        }
        let given = scale.map(parse_scale).transpose();
        for band in Band::ALL {
            let stat = base.strip_prefix(band.name());
            if stat == Some("_mean") || stat == Some("_std") {
                let scale = searched(given.map_err(unknown)?.unwrap_or(Scale::Nearest(20))).map_err(unknown)?;
                let make = if stat == Some("_mean") { Self::BandMean } else { Self::BandStd };
                return Ok(make(band, scale));
            }
        }
        let Some(&measure) = Measure::ALL.iter().find(|m| m.name() == base) else {
            return Err(unknown(format!("no feature or set is called `{base}`; `groma features --list` shows all")));
        };
        match measure {
            Measure::HeightAboveMin => {
                if let Ok(Some(Scale::Window(cells))) = given {
                    return Ok(Self::HeightAboveWindowMin(cells));
                }
                horizontal(measure, given.map_err(unknown)?, 5.0).map_err(unknown)
            }
            Measure::Density2d => horizontal(measure, given.map_err(unknown)?, 1.0).map_err(unknown),
            Measure::Count => match given.map_err(unknown)?.unwrap_or(Scale::Sphere(1.0)) {
                Scale::Nearest(_) => Err(unknown("a count needs a radius, as in count@r1.0".into())),
                scale => Ok(Self::Local(measure, scale)),
            },
            _ => match given.map_err(unknown)?.unwrap_or(Scale::Nearest(20)) {
                Scale::Window(_) if !measure.of_window() => {
                    Err(unknown(format!("`{base}` needs the neighbours themselves: a k, r or c scale")))
                }
                scale => Ok(Self::Local(measure, scale)),
            },
        }
    }

    /// The neighbourhood over which the column is taken, if any.
    #[must_use]
    pub fn scale(&self) -> Option<Scale> {
        match self {
            Self::Local(_, s) | Self::BandMean(_, s) | Self::BandStd(_, s) | Self::Mean(_, s) => Some(*s),
            _ => None,
        }
    }

    /// Attributes of the input that the column is computed from.
    #[must_use]
    pub fn attributes(&self) -> Vec<&'static str> {
        use PointFeature as P;
        match self {
            Self::Point(p) => match p {
                P::ReturnNumber => vec![names::RETURN_NUMBER],
                P::NumberOfReturns | P::SingleReturn | P::MultipleReturns => vec![names::NUMBER_OF_RETURNS],
                P::ReturnRatio | P::LastReturn => vec![names::RETURN_NUMBER, names::NUMBER_OF_RETURNS],
                P::ScanAngle => vec![names::SCAN_ANGLE],
                P::Band(band) => vec![band.name()],
                P::Ndvi => vec![names::NIR, names::RED],
                P::VegetationIndex => vec![names::GREEN, names::RED],
                P::ExcessGreen => vec![names::RED, names::GREEN, names::BLUE],
            },
            Self::Local(Measure::FirstFraction, _) => vec![names::RETURN_NUMBER],
            Self::Local(Measure::LastFraction, _) => vec![names::RETURN_NUMBER, names::NUMBER_OF_RETURNS],
            Self::Local(Measure::MultipleFraction, _) => vec![names::NUMBER_OF_RETURNS],
            Self::BandMean(band, _) | Self::BandStd(band, _) => vec![band.name()],
            Self::Mean(column, _) => column.attributes(),
            Self::Local(..) | Self::Position(_) | Self::HeightAboveGround(_) | Self::HeightAboveWindowMin(_) => vec![],
        }
    }

    /// Whether the column reads the default ground surface.
    #[must_use]
    pub fn needs_ground(&self) -> bool {
        match self {
            Self::HeightAboveGround(None)
            | Self::Position(Axis::Z)
            | Self::Local(Measure::GroundFraction | Measure::FacadeScore, _) => true,
            Self::Mean(column, _) => column.needs_ground(),
            _ => false,
        }
    }
}

/// A measure that is defined by a horizontal distance, written `@r5.0`.
fn horizontal(measure: Measure, scale: Option<Scale>, default_m: f64) -> Result<Column, String> {
    match scale {
        None => Ok(Column::Local(measure, Scale::Cylinder(default_m))),
        Some(Scale::Sphere(r) | Scale::Cylinder(r)) => Ok(Column::Local(measure, Scale::Cylinder(r))),
        Some(Scale::Nearest(_) | Scale::Window(_)) => {
            Err(format!("`{0}` needs a horizontal distance, as in {0}@r{default_m:?}", measure.name()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_itself() {
        let mut seen = 0;
        for measure in Measure::ALL {
            for scale in ["k10", "r0.5", "c4.0", "g9"] {
                if let Ok(column) = Column::parse(&format!("{}@{scale}", measure.name())) {
                    let name = column.to_string();
                    assert_eq!(Column::parse(&name).unwrap(), column, "{name}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 2 * Measure::ALL.len());
        for name in [
            "ndvi",
            "height_above_ground",
            "height_above_ground@wide",
            "height_above_min@g15",
            "red_std@k10",
            "z_local",
        ] {
            assert_eq!(Column::parse(name).unwrap().to_string(), name);
        }
        let second_hop = "mean(planarity@k10)@k50";
        assert_eq!(Column::parse(second_hop).unwrap().to_string(), second_hop);
        assert_eq!(Column::parse("curvature@k10").unwrap().to_string(), "surface_variation@k10");
        assert_eq!(Column::parse("linearity").unwrap().to_string(), "linearity@k20");
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (name, part) in [
            ("flatness@k20", "flatness"),
            ("planarity@q3", "@q3"),
            ("planarity@k0", "1 to 4096"),
            ("planarity@r-1", "above 0"),
            ("ndvi@k20", "takes no"),
            ("count@k20", "radius"),
            ("height_above_min@g4", "odd"),
            ("mean(mean(planarity@k10)@k10)@k10", "means"),
            ("mean(planarity@k10)", "SCALE"),
        ] {
            let message = Column::parse(name).unwrap_err().to_string();
            assert!(message.contains(part) && message.contains(name), "{message}");
        }
    }
}
