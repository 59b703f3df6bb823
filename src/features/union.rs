//! One schema for several models, so that their features are computed once.

use super::schema::{Schema, SchemaSpec};
use crate::error::{Error, Result};

impl Schema {
    /// The columns of all `schemas`, each once, in the order of their first appearance; each schema comes with the name that
    /// errors call it by.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for no schema, and for two whose settings differ, with both names and the setting.
    pub fn union(schemas: &[(&str, &Self)]) -> Result<Self> {
        let Some((first, all)) = schemas.first() else {
            return Err(Error::invalid("no feature schema", "name at least one"));
        };
        let mut spec: SchemaSpec = all.spec().clone();
        for (name, schema) in &schemas[1..] {
            if let Some((setting, ours, theirs)) = difference(all, schema) {
                return Err(Error::invalid(
                    format!(
                        "`{first}` and `{name}` compute features with different settings: `{setting}` is {ours} and {theirs}"
                    ),
                    "combine models whose feature settings agree",
                ));
            }
            // The same name stands for the same surface: that is part of the comparison.
            spec.surfaces.extend(schema.spec().surfaces.iter().map(|(name, surface)| (name.clone(), *surface)));
            for column in schema.columns() {
                if !spec.columns.contains(column) {
                    spec.columns.push(column.clone());
                }
            }
        }
        Self::from_spec(spec)
    }
}

/// The first setting in which two schemas differ, and what each says.
fn difference(a: &Schema, b: &Schema) -> Option<(String, String, String)> {
    let (x, y) = (a.spec(), b.spec());
    let settings = [
        ("version", x.version.to_string(), y.version.to_string()),
        ("cap_radius_m", x.cap_radius_m.to_string(), y.cap_radius_m.to_string()),
        ("ground", format!("{:?}", x.ground).to_lowercase(), format!("{:?}", y.ground).to_lowercase()),
        (
            "interpolation",
            format!("{:?}", x.interpolation).to_lowercase(),
            format!("{:?}", y.interpolation).to_lowercase(),
        ),
        ("position_block_m", x.position_block_m.to_string(), y.position_block_m.to_string()),
        ("color_divisor", x.color_divisor.to_string(), y.color_divisor.to_string()),
    ];
    let setting = settings.into_iter().find(|(_, ours, theirs)| ours != theirs);
    let surface = || {
        // The default surface is there even where nobody names it.
        let shared = x.surfaces.keys().filter(|name| y.surfaces.contains_key(*name)).map(String::as_str);
        let mut names = shared.chain(Some("default"));
        let name = names.find(|name| a.surface(Some(name)) != b.surface(Some(name)))?;
        let text = |schema: &Schema| format!("{:?}", schema.surface(Some(name)));
        Some((format!("surfaces.{name}"), text(a), text(b)))
    };
    setting.map(|(name, ours, theirs)| (name.to_string(), ours, theirs)).or_else(surface)
}

#[cfg(test)]
mod tests {
    use super::super::schema::{DEFAULT_SURFACE, GroundSource, SurfaceSpec};
    use super::*;

    fn schema(columns: &[&str]) -> Schema {
        Schema::parse(columns).unwrap()
    }

    fn with(base: &Schema, change: impl FnOnce(&mut SchemaSpec)) -> Schema {
        let mut spec = base.spec().clone();
        change(&mut spec);
        Schema::from_spec(spec).unwrap()
    }

    #[test]
    fn columns_come_once_and_in_order() {
        let (a, b) = (schema(&["planarity@k10", "normal_z"]), schema(&["linearity@r2.0", "planarity@k10"]));
        let union = Schema::union(&[("a", &a), ("b", &b), ("a", &a)]).unwrap();
        let names: Vec<String> = a.columns().iter().chain(&b.columns()[..1]).cloned().collect();
        assert_eq!(union.columns(), names);
        assert_eq!(Schema::union(&[("a", &a)]).unwrap(), a);
        assert!(Schema::union(&[]).is_err());
    }

    #[test]
    fn settings_that_differ_are_named() {
        let a = schema(&["height_above_ground"]);
        let refused = |b: &Schema| Schema::union(&[("a.onnx", &a), ("b.onnx", b)]).unwrap_err().to_string();
        let e = refused(&with(&a, |s| s.ground = GroundSource::Classified));
        assert!(e.contains("`a.onnx` and `b.onnx`") && e.contains("`ground` is filter and classified"), "{e}");
        let e = refused(&with(&a, |s| s.cap_radius_m = 9.0));
        assert!(e.contains("`cap_radius_m` is 15 and 9"), "{e}");
        let narrow = SurfaceSpec { window_m: 18.0, ..DEFAULT_SURFACE };
        let e = refused(&with(&a, |s| s.surfaces.extend([("default".to_string(), narrow)])));
        assert!(e.contains("surfaces.default"), "{e}");
        let named = with(&a, |s| s.surfaces.extend([("low".to_string(), narrow)]));
        let union = Schema::union(&[("a", &a), ("b", &named)]).unwrap();
        assert_eq!(union.surface(Some("low")), narrow);
    }
}
