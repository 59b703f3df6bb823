//! Named sets of columns, for users who come from other tools. A set is an alias that expands to columns.

/// Expands the name of a set; `None` if there is no such set.
#[must_use]
pub fn expand(name: &str) -> Option<Vec<String>> {
    let list = match name {
        "minimal" => vec!["normal_z@k20", "planarity@k20", "linearity@k20", "height_above_ground"],
        "lod2" => LOD2.to_vec(),
        "lod3" => [LOD2, LOD3_ADDS].concat(),
        "asprs" => ASPRS.to_vec(),
        "full" => [LOD2, LOD3_ADDS, ASPRS, FULL_ADDS].concat(),
        _ => return None,
    };
    let mut columns: Vec<String> = Vec::with_capacity(list.len());
    for name in list {
        if !columns.iter().any(|c| c == name) {
            columns.push(name.to_string());
        }
    }
    Some(columns)
}

/// The names of the sets, with what they are for.
pub const SETS: &[(&str, &str)] = &[
    ("minimal", "4 columns: orientation, shape, height"),
    ("lod2", "buildings: roofs, walls, ground"),
    ("lod3", "lod2 and what small building parts need: three scales, façades, edges"),
    ("asprs", "ASPRS classes: ground, vegetation by height, buildings, wires"),
    ("full", "every group at k20 and the wider scales, colour and near infrared included"),
];

const LOD2: &[&str] = &[
    "linearity@k20",
    "planarity@k20",
    "sphericity@k20",
    "anisotropy@k20",
    "surface_variation@k20",
    "omnivariance@k20",
    "eigenentropy@k20",
    "normal_x@k20",
    "normal_y@k20",
    "normal_z@k20",
    "verticality@k20",
    "horizontality@k20",
    "plane_distance@k20",
    "roof_score@k20",
    "wall_score@k20",
    "vertical_std@k20",
    "vertical_range@k20",
    "height_above_ground",
    "density_3d@k20",
];

const LOD3_ADDS: &[&str] = &[
    "linearity@k10",
    "planarity@k10",
    "sphericity@k10",
    "surface_variation@k10",
    "verticality@k10",
    "linearity@k50",
    "planarity@k50",
    "sphericity@k50",
    "surface_variation@k50",
    "verticality@k50",
    "sum_eigenvalues@k20",
    "eigenvalue_1@k20",
    "eigenvalue_2@k20",
    "eigenvalue_3@k20",
    "slope@k20",
    "principal_z@k20",
    "plane_offset@k20",
    "roof_likelihood@k20",
    "wall_likelihood@k20",
    "facade_score@k20",
    "height_extent_ratio@k20",
    "height_above_min@r5.0",
    "residual_std@k20",
    "spacing@k20",
    "count@r1.0",
];

const ASPRS: &[&str] = &[
    "linearity@k20",
    "planarity@k20",
    "sphericity@k20",
    "surface_variation@k20",
    "verticality@k20",
    "principal_z@k20",
    "residual_std@k20",
    "plane_distance@k20",
    "vertical_std@k20",
    "z_below@k20",
    "z_above@k20",
    "below_fraction@k20",
    "height_above_ground",
    "height_above_min@r5.0",
    "multiple_fraction@r2.0",
    "last_fraction@r2.0",
    "ground_fraction@r2.0",
    "return_number",
    "number_of_returns",
    "return_ratio",
    "density_2d@r1.0",
    "count@r1.0",
];

const FULL_ADDS: &[&str] = &[
    "above_fraction@k20",
    "first_fraction@r2.0",
    "z_offset@k20",
    "scan_angle",
    "intensity",
    "red",
    "green",
    "blue",
    "nir",
    "ndvi",
    "vegetation_index",
    "excess_green",
    "red_mean@k20",
    "green_mean@k20",
    "blue_mean@k20",
    "red_std@k20",
    "green_std@k20",
    "blue_std@k20",
];
