//! The coordinate reference system of a file: OGC WKT, or GeoTIFF keys.

use super::bytes::{text, u16_at};
use super::vlr::{PROJECTION, Vlr, WKT};

const GEO_KEYS: u16 = 34735;
const GEO_ASCII: u16 = 34737;

const MODEL_TYPE: u16 = 1024;
const GEOGRAPHIC_MODEL: u32 = 2;
const LINEAR_UNITS: u16 = 3076;
/// EPSG codes of units: metre, foot, US survey foot.
const LENGTHS: [(u32, f64); 3] = [(9001, 1.0), (9002, 0.3048), (9003, 1200.0 / 3937.0)];
const GEOGRAPHIC_TYPE: u16 = 2048;
const PROJECTED_TYPE: u16 = 3072;
/// Citations, the most telling first: projected, general, geographic.
const CITATIONS: [u16; 3] = [3073, 1026, 2049];
/// GeoTIFF's "defined by other keys".
const USER_DEFINED: u16 = 32767;

/// A coordinate reference system as a file states it. Nothing is looked up or guessed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Crs {
    /// The OGC WKT, if the file has one.
    pub wkt: Option<String>,
    /// EPSG code of the horizontal system, if the file names one.
    pub epsg: Option<u32>,
    /// Name or citation of the system, if there is one.
    pub name: Option<String>,
    geographic: bool,
    linear_unit_m: Option<f64>,
}

impl Crs {
    /// Whether horizontal coordinates are degrees.
    #[must_use]
    pub fn is_geographic(&self) -> bool {
        self.geographic
    }

    /// Length of one unit of the horizontal coordinates in metres, if the file says so itself.
    #[must_use]
    pub fn linear_unit_m(&self) -> Option<f64> {
        self.linear_unit_m
    }

    /// EPSG code or name, whichever the file gives; for messages.
    #[must_use]
    pub fn label(&self) -> String {
        match (self.epsg, &self.name) {
            (Some(code), _) => format!("EPSG:{code}"),
            (None, Some(name)) => name.clone(),
            (None, None) => "unnamed".into(),
        }
    }

    /// Reads the records of a file; `extended_wkt` is the data of a WKT that stands behind the points.
    ///
    /// A WKT wins over GeoTIFF keys, which fill in what it leaves open.
    pub(super) fn of(vlrs: &[Vlr], extended_wkt: Option<&[u8]>) -> Option<Self> {
        let find = |id| vlrs.iter().find(|v| v.is(PROJECTION, id)).map(|v| v.data.as_slice());
        let wkt = find(WKT).or(extended_wkt).map(text).filter(|t| !t.is_empty());
        let keys = find(GEO_KEYS).map(|keys| Self::from_geo_keys(keys, find(GEO_ASCII).unwrap_or_default()));
        let mut crs = match wkt {
            Some(wkt) => Self::from_wkt(wkt),
            None => return keys.filter(|k| *k != Self::default()),
        };
        if let Some(keys) = keys {
            crs.epsg = crs.epsg.or(keys.epsg);
            crs.name = crs.name.or(keys.name);
            crs.linear_unit_m = crs.linear_unit_m.or(keys.linear_unit_m);
        }
        Some(crs)
    }

    /// Takes name and code from the horizontal part of a WKT 1 or WKT 2 text.
    fn from_wkt(wkt: String) -> Self {
        const HORIZONTAL: [&str; 10] = [
            "PROJCS",
            "PROJCRS",
            "PROJECTEDCRS",
            "GEOGCS",
            "GEOGCRS",
            "GEOGRAPHICCRS",
            "GEODCRS",
            "GEODETICCRS",
            "GEOCCS",
            "ENGCRS",
        ];
        let nodes = nodes(&wkt);
        let horizontal = nodes.iter().position(|n| HORIZONTAL.iter().any(|k| n.keyword.eq_ignore_ascii_case(k)));
        let (epsg, name) = horizontal.map_or((None, None), |i| {
            // The code is the node's own, not one of its parts'; the last one, should there be several.
            let is_code = |n: &&Node| {
                n.parent == Some(i)
                    && (n.keyword.eq_ignore_ascii_case("AUTHORITY") || n.keyword.eq_ignore_ascii_case("ID"))
                    && n.values.first().is_some_and(|a| a.eq_ignore_ascii_case("EPSG"))
            };
            let code = nodes.iter().rfind(is_code).and_then(|n| n.values.get(1)?.parse().ok());
            (code, nodes[i].values.first().map(|n| (*n).to_owned()))
        });
        // The unit stands in the system itself or, in WKT 2, in its axes; those inside the base system are angles.
        let of_system = |n: &Node| {
            let axis = |p: usize| nodes[p].keyword.eq_ignore_ascii_case("AXIS") && nodes[p].parent == horizontal;
            n.parent.is_some_and(|p| Some(p) == horizontal || axis(p))
        };
        let is_unit =
            |n: &&Node| ["UNIT", "LENGTHUNIT"].iter().any(|k| n.keyword.eq_ignore_ascii_case(k)) && of_system(n);
        let geographic = horizontal.is_some_and(|i| {
            let keyword = nodes[i].keyword.to_ascii_uppercase();
            keyword.starts_with("GEOG") || keyword.starts_with("GEOD")
        });
        let linear_unit_m = nodes
            .iter()
            .find(is_unit)
            .and_then(|n| n.values.get(1)?.parse().ok())
            .filter(|unit: &f64| !geographic && unit.is_finite() && *unit > 0.0);
        Self { wkt: Some(wkt), epsg, name, geographic, linear_unit_m }
    }

    /// Reads a GeoTIFF key directory (16-bit numbers, four a key) and its texts.
    fn from_geo_keys(keys: &[u8], ascii: &[u8]) -> Self {
        let number = |i: usize| u16_at(keys, 2 * i);
        let entries = (keys.len() / 8).saturating_sub(1);
        let claimed = if keys.len() >= 8 { usize::from(number(3)) } else { 0 };
        // id, where the value is (0: here), number of values, value or position
        let entry = |id: u16| (1..=entries.min(claimed)).map(|e| 4 * e).find(|&at| number(at) == id);
        let code = |id| {
            let at = entry(id).filter(|&at| number(at + 1) == 0)?;
            Some(number(at + 3)).filter(|&v| v != 0 && v != USER_DEFINED).map(u32::from)
        };
        let citation = |id| {
            let at = entry(id).filter(|&at| number(at + 1) == GEO_ASCII)?;
            let from = usize::from(number(at + 3));
            let bytes = ascii.get(from..from + usize::from(number(at + 2)))?;
            Some(text(bytes).trim_end_matches('|').trim().to_owned()).filter(|t| !t.is_empty())
        };
        // A user-defined projection has no code of its own; that of its base would be wrong for the coordinates.
        let epsg = if entry(PROJECTED_TYPE).is_some() { code(PROJECTED_TYPE) } else { code(GEOGRAPHIC_TYPE) };
        Self {
            wkt: None,
            epsg,
            name: CITATIONS.into_iter().find_map(citation),
            geographic: code(MODEL_TYPE) == Some(GEOGRAPHIC_MODEL),
            linear_unit_m: code(LINEAR_UNITS)
                .and_then(|unit| LENGTHS.iter().find(|(code, _)| *code == unit))
                .map(|(_, length)| *length),
        }
    }
}

/// One `KEYWORD[value, …]` of a WKT.
struct Node<'a> {
    keyword: &'a str,
    /// Index of the node around it.
    parent: Option<usize>,
    /// Its own values, without quotes; nodes inside it are not among them.
    values: Vec<&'a str>,
}

/// Splits a WKT into nodes in the order of their beginnings. Reads what it can of a broken text.
fn nodes(wkt: &str) -> Vec<Node<'_>> {
    let mut nodes: Vec<Node<'_>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let bytes = wkt.as_bytes();
    let mut token = 0; // where the present bare word begins
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let end = wkt[at + 1..].find('"').map_or(bytes.len(), |n| at + 1 + n);
                if let Some(&i) = open.last() {
                    nodes[i].values.push(&wkt[at + 1..end]);
                }
                at = end;
                token = (end + 1).min(bytes.len());
            }
            b'[' | b'(' => {
                nodes.push(Node { keyword: wkt[token..at].trim(), parent: open.last().copied(), values: Vec::new() });
                open.push(nodes.len() - 1);
                token = at + 1;
            }
            c @ (b']' | b')' | b',') => {
                let word = wkt[token..at].trim();
                if let (Some(&i), false) = (open.last(), word.is_empty()) {
                    nodes[i].values.push(word);
                }
                if c != b',' {
                    open.pop();
                }
                token = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wkt(text: &str) -> Crs {
        Crs::of(&[Vlr::new(PROJECTION, WKT, "", text.as_bytes().to_vec())], None).unwrap()
    }

    #[test]
    fn the_code_is_that_of_the_horizontal_part() {
        let projected = r#"PROJCS["RGF93 v1 / Lambert-93",GEOGCS["RGF93",DATUM["d",AUTHORITY["EPSG","6171"]],AUTHORITY["EPSG","4171"]],UNIT["metre",1,AUTHORITY["EPSG","9001"]],AUTHORITY["EPSG","2154"]]"#;
        let crs = wkt(projected);
        assert_eq!((crs.epsg, crs.name.as_deref()), (Some(2154), Some("RGF93 v1 / Lambert-93")));
        let compound =
            format!(r#"COMPD_CS["both",{projected},VERT_CS["h",AUTHORITY["EPSG","5720"]],AUTHORITY["EPSG","9794"]]"#);
        assert_eq!(wkt(&compound).epsg, Some(2154));
        let new = r#"COMPOUNDCRS["c",PROJCRS["p",BASEGEOGCRS["b",ID["EPSG",4258]],ID["EPSG",25832]],VERTCRS["v",ID["EPSG",7837]]]"#;
        assert_eq!(wkt(new).epsg, Some(25832));
        // A projection without a code has none, whatever its parts have.
        assert_eq!(wkt(r#"PROJCS["own",GEOGCS["g",AUTHORITY["EPSG","4326"]]]"#).epsg, None);
        assert_eq!(wkt(r#"geogcs("WGS 84",authority("EPSG","4326"))"#).epsg, Some(4326));
        assert_eq!(wkt(r#"PROJCS["a [b",AUTHORITY["EPSG","1"]]"#).epsg, Some(1));
        for broken in ["PROJCS[", "]]]", "PROJCS[\"", "\"", "PROJCS[\"é\",AUTHORITY[\"EPSG\",\"x\"]]"] {
            assert_eq!(wkt(broken).epsg, None, "{broken}");
        }
    }

    #[test]
    fn units_are_those_of_the_horizontal_system() {
        let feet = r#"PROJCS["p",GEOGCS["g",UNIT["degree",0.0174532925]],UNIT["US survey foot",0.304800609601219]]"#;
        assert_eq!((wkt(feet).linear_unit_m(), wkt(feet).is_geographic()), (Some(0.304800609601219), false));
        let axes = r#"PROJCRS["p",BASEGEOGCRS["b",ANGLEUNIT["degree",0.01]],CS[Cartesian,2],AXIS["e",east,LENGTHUNIT["metre",1]]]"#;
        assert_eq!(wkt(axes).linear_unit_m(), Some(1.0));
        let degrees = wkt(r#"GEOGCS["WGS 84",UNIT["degree",0.0174532925]]"#);
        assert_eq!((degrees.linear_unit_m(), degrees.is_geographic()), (None, true));
        let keys: Vec<u8> =
            [1u16, 1, 0, 2, 1024, 0, 1, 1, 3076, 0, 1, 9003].iter().flat_map(|w| w.to_le_bytes()).collect();
        let crs = Crs::of(&[Vlr::new(PROJECTION, GEO_KEYS, "", keys)], None).unwrap();
        assert!((crs.linear_unit_m().unwrap() - 0.304_800_609_6).abs() < 1e-9 && !crs.is_geographic());
    }

    #[test]
    fn geo_keys_give_code_and_citation() {
        let words: Vec<u16> = vec![1, 1, 0, 3, 1024, 0, 1, 1, 3072, 0, 1, 26910, 1026, GEO_ASCII, 8, 2];
        let keys: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let vlrs = [
            Vlr::new(PROJECTION, GEO_KEYS, "", keys.clone()),
            Vlr::new(PROJECTION, GEO_ASCII, "", b"xxUTM 10N|".into()),
        ];
        let crs = Crs::of(&vlrs, None).unwrap();
        assert_eq!((crs.epsg, crs.name.as_deref(), crs.wkt), (Some(26910), Some("UTM 10N"), None));
        // The texts may be missing or short, the directory cut anywhere.
        for n in 0..keys.len() {
            let _ = Crs::of(&[Vlr::new(PROJECTION, GEO_KEYS, "", keys[..n].to_vec())], None);
        }
        assert_eq!(Crs::of(&[], None), None);
    }
}
