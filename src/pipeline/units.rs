//! Length of a unit of a coordinate reference system.

/// Metres of the linear unit of a projected system that is given as OGC WKT 1 or 2: 1 for metres, 0.3048 for feet. `None`
/// if it is geographic (its unit is an angle), or the text does not say.
#[must_use]
pub fn linear_unit_m(wkt: &str) -> Option<f64> {
    const PROJECTED: [&str; 5] = ["PROJCS", "PROJCRS", "PROJECTEDCRS", "LOCAL_CS", "ENGCRS"];
    let mut nodes: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut in_text = false;
    for c in wkt.chars() {
        match c {
            // A doubled quote inside a text closes and opens again: nothing to do.
            '"' => in_text = !in_text,
            _ if in_text => {}
            '[' | '(' => nodes.push(std::mem::take(&mut word).trim().to_ascii_uppercase()),
            ',' | ']' | ')' => {
                let number = word.trim().parse::<f64>().ok().filter(|f| f.is_finite() && *f > 0.0);
                word.clear();
                // Directly in the system, or in one of its axes.
                let unit = matches!(nodes.last().map(String::as_str), Some("UNIT" | "LENGTHUNIT"));
                let mut above = nodes.iter().rev().skip(1).filter(|n| *n != "AXIS");
                if unit && above.next().is_some_and(|n| PROJECTED.contains(&n.as_str())) && number.is_some() {
                    return number;
                }
                if c != ',' {
                    nodes.pop();
                }
            }
            _ => word.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_the_projected_system_counts() {
        assert_eq!(linear_unit_m(crate::dataset::synthetic::CRS_WKT), Some(1.0));
        let feet = r#"COMPD_CS["a, ""b""",PROJCS["x (ft)",GEOGCS["g",UNIT["degree",0.0174]],PARAMETER["false_easting",3],
            UNIT["foot [intl]", 0.3048 ,AUTHORITY["EPSG","9002"]],AXIS["E",EAST]],VERT_CS["h",UNIT["metre",1]]]"#;
        assert_eq!(linear_unit_m(feet), Some(0.3048));
        let second = r#"PROJCRS["x",BASEGEOGCRS["g",DATUM["d",ELLIPSOID["e",6378137,298.25,LENGTHUNIT["metre",1]]]],
            CS[Cartesian,2],AXIS["(E)",east,ORDER[1],LENGTHUNIT["US survey foot",0.304800609601219]]]"#;
        assert_eq!(linear_unit_m(second), Some(0.304_800_609_601_219));
        assert_eq!(linear_unit_m(r#"GEOGCS["WGS 84",UNIT["degree",0.0174532925199433]]"#), None);
        for broken in ["", "]]]]", "PROJCS[\"", "PROJCS[UNIT[,]]", "UNIT[\"m\",1]"] {
            assert_eq!(linear_unit_m(broken), None);
        }
    }
}
