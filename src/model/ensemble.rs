//! Several models that answer as one.

use super::manifest::{Dtype, Manifest, Normalization};
use super::{AsprsMap, Model};
use crate::error::{Error, Result};
use crate::features::Schema;
use serde_json::json;

/// How the answers of several models become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combine {
    /// The weighted mean of the probabilities; class, confidence and entropy are those of the mean.
    Mean,
    /// Each model gives its weight to its class; the class with most of it wins, and of several the one with the higher mean
    /// probability. Probabilities are the shares of the votes.
    Vote,
    /// One model answers alone: the one whose manifest's `block_size_m` is nearest to the scale of the call, and of two as
    /// near the one with the smaller blocks. The scale is the block size that the call asks for, or the longer edge of the
    /// points' extent.
    Scale,
}

impl Combine {
    /// A word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Vote => "vote",
            Self::Scale => "scale",
        }
    }
}

/// More models than one would ever wait for; beyond it a number is a mistake.
const MOST_MEMBERS: usize = 256;

/// A model of an ensemble.
pub(super) struct Member {
    pub(super) model: Model,
    /// Its part of all weights.
    pub(super) share: f64,
    /// Where its columns are among those of the ensemble.
    pub(super) columns: Vec<usize>,
}

/// What all users of an ensemble share.
pub(super) struct Ensemble {
    pub(super) name: String,
    pub(super) combine: Combine,
    pub(super) members: Vec<Member>,
    pub(super) manifest: Manifest,
    pub(super) schema: Schema,
    pub(super) asprs: AsprsMap,
}

impl std::fmt::Debug for Ensemble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ensemble").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Ensemble {
    /// Checks that the models fit each other, and says what they are together.
    pub(super) fn new(models: &[Model], weights: Option<&[f64]>, combine: Combine) -> Result<Self> {
        if !(1..=MOST_MEMBERS).contains(&models.len()) {
            return Err(Error::invalid(
                format!("an ensemble of {} models", models.len()),
                format!("combine 1 to {MOST_MEMBERS}"),
            ));
        }
        if let Some(nested) = models.iter().find(|model| model.is_ensemble()) {
            return Err(Error::invalid(
                format!("`{}` is an ensemble and cannot be part of another", nested.name()),
                "combine its models themselves",
            ));
        }
        for single in models.iter().filter_map(Model::single) {
            single.placement.expect_cpu("ensembles")?;
        }
        let shares = shares(models.len(), weights, combine)?;
        for other in &models[1..] {
            same_classes(&models[0], other)?;
        }
        let named: Vec<(&str, &Schema)> = models.iter().map(|model| (model.name(), model.schema())).collect();
        let schema = Schema::union(&named)?;
        let place = |name: &String| {
            let found = schema.columns().iter().position(|column| column == name);
            found.ok_or_else(|| Error::internal(format!("the union of schemas lacks `{name}`")))
        };
        let member = |(model, share): (&Model, f64)| {
            let columns = model.schema().columns().iter().map(place).collect::<Result<_>>()?;
            Ok(Member { model: model.clone(), share, columns })
        };
        let members: Vec<Member> = models.iter().zip(shares).map(member).collect::<Result<_>>()?;
        let name = format!("{} of {}", combine.name(), joined(models.iter().map(Model::name)));
        let manifest = manifest(&name, combine, &members, &schema);
        Ok(Self { asprs: AsprsMap::new(&manifest), name, combine, members, manifest, schema })
    }

    /// The model that answers alone at a scale in metres, if one does.
    pub(super) fn alone(&self, scale_m: f64) -> Option<&Model> {
        if self.combine != Combine::Scale {
            return None;
        }
        let key = |model: &Model| (model.manifest().block_size_m - scale_m).abs();
        let better = |best: &Model, other: &Model| {
            let (near, far) = (key(other), key(best));
            near < far || (near == far && other.manifest().block_size_m < best.manifest().block_size_m)
        };
        self.members
            .iter()
            .map(|member| &member.model)
            .reduce(|best, other| if better(best, other) { other } else { best })
    }
}

/// Each model's part of the weights.
fn shares(count: usize, weights: Option<&[f64]>, combine: Combine) -> Result<Vec<f64>> {
    let Some(weights) = weights else { return Ok(vec![1.0 / count as f64; count]) };
    if combine == Combine::Scale {
        return Err(Error::invalid("weights for an ensemble by scale", "leave them out: one model answers alone"));
    }
    if weights.len() != count {
        return Err(Error::invalid(format!("{} weights for {count} models", weights.len()), "give one a model"));
    }
    if let Some((i, weight)) = weights.iter().enumerate().find(|(_, w)| !(w.is_finite() && **w >= 0.0)) {
        return Err(Error::invalid(format!("weight {i} is {weight}"), "a weight is finite and not negative"));
    }
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return Err(Error::invalid("all weights are 0", "give at least one model a weight"));
    }
    // By the largest first, so that the sum stays finite and tiny weights stay normal numbers.
    let sum: f64 = weights.iter().map(|w| w / largest).sum();
    Ok(weights.iter().map(|w| w / largest / sum).collect())
}

/// Refuses two models that do not tell the same classes apart, or write them as different codes.
fn same_classes(first: &Model, other: &Model) -> Result<()> {
    let (a, b) = (&first.manifest().classes, &other.manifest().classes);
    let mismatch = |expected: String, found: String| Error::ModelMismatch {
        model: other.name().to_string(),
        tensor: other.manifest().output.clone(),
        expected: format!("{expected} as in model {}", first.name()),
        found,
    };
    if !a.iter().map(|class| &class.name).eq(b.iter().map(|class| &class.name)) {
        let over = |model: &Model| {
            format!("over the classes {}", joined(model.manifest().classes.iter().map(|class| class.name.as_str())))
        };
        return Err(mismatch(over(first), over(other)));
    }
    match a.iter().zip(b).find(|(a, b)| a.asprs != b.asprs) {
        Some((ours, theirs)) => {
            let code = |class: &super::ClassSpec| format!("`{}` written as ASPRS {}", class.name, json!(class.asprs));
            Err(mismatch(code(ours), code(theirs)))
        }
        None => Ok(()),
    }
}

/// What an ensemble says of itself.
fn manifest(name: &str, combine: Combine, members: &[Member], schema: &Schema) -> Manifest {
    let of = |value: fn(&Manifest) -> &String| joined_once(members.iter().map(|m| value(m.model.manifest()).as_str()));
    let most = |value: fn(&Manifest) -> f64| members.iter().map(|m| value(m.model.manifest())).fold(0.0, f64::max);
    let first = members[0].model.manifest();
    let parts: Vec<serde_json::Value> = members
        .iter()
        .map(|m| json!({ "model": m.model.name(), "weight": m.share, "manifest": m.model.manifest() }))
        .collect();
    let mut training = serde_json::Map::new();
    training.insert("ensemble".into(), json!({ "combine": combine.name(), "members": parts }));
    Manifest {
        manifest_version: first.manifest_version,
        name: name.to_string(),
        version: of(|m| &m.version),
        description: format!("An ensemble of {} models ({}).", members.len(), combine.name()),
        licence: of(|m| &m.licence),
        features: schema.spec().clone(),
        feature_schema_hash: None,
        input: "features".into(),
        output: "probabilities".into(),
        dtype: Dtype::F32,
        // Each model normalises its own columns.
        normalization: Normalization {
            mean: vec![0.0; schema.columns().len()],
            std: vec![1.0; schema.columns().len()],
            clip: f64::from(f32::MAX),
        },
        temperature: 1.0,
        block_size_m: most(|m| m.block_size_m),
        halo_m: most(|m| m.halo_m),
        batch_rows: members.iter().map(|m| m.model.manifest().batch_rows).max().unwrap_or(1),
        classes: first.classes.clone(),
        training,
    }
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// As [`joined`], each word once.
fn joined_once<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut once: Vec<&str> = Vec::new();
    for word in words {
        if !once.contains(&word) {
            once.push(word);
        }
    }
    once.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_become_shares() {
        assert_eq!(shares(4, None, Combine::Scale).unwrap(), [0.25; 4]);
        assert_eq!(shares(3, Some(&[2.0, 0.0, 6.0]), Combine::Mean).unwrap(), [0.25, 0.0, 0.75]);
        assert_eq!(shares(2, Some(&[f64::MAX, f64::MAX]), Combine::Vote).unwrap(), [0.5; 2]);
        assert_eq!(shares(2, Some(&[1e-320, 1e-320]), Combine::Vote).unwrap(), [0.5; 2]);
        for bad in [&[1.0][..], &[1.0, -1.0], &[1.0, f64::NAN], &[f64::INFINITY, 1.0], &[0.0, 0.0]] {
            assert_eq!(shares(2, Some(bad), Combine::Mean).unwrap_err().code(), 100, "{bad:?}");
        }
        assert!(shares(2, Some(&[1.0, 1.0]), Combine::Scale).is_err());
    }
}
