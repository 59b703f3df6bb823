//! Classes of what a map of tiles shows, with colours and names.

// Shares for the eye.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use super::page::css;
use super::palette::{Color, VALUES};
use crate::pipeline::run::TileState;
use std::fmt::Write as _;

/// Colours of the states; an open tile is an outline.
const STATE_COLORS: [(TileState, Color); 3] =
    [(TileState::Done, [0, 114, 178]), (TileState::Kept, [140, 200, 238]), (TileState::Failed, [213, 94, 0])];
/// Upper ends of the classes of the mean confidence, but for the last one; narrow where most tiles are.
const CONFIDENCES: [f64; 6] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95];
/// Their colours, from doubt to certainty: ever lighter, so that they can be told apart without seeing red or green.
const CONFIDENCE_COLORS: [Color; 7] =
    [[96, 14, 84], [150, 34, 92], [204, 64, 78], [238, 118, 66], [248, 176, 92], [250, 222, 142], [206, 236, 214]];
/// At most this many steps of the speed.
const SPEED_STEPS: f64 = 6.0;

/// Rules of style for the colours of the classes, and for the names on them.
pub(super) fn style(speeds: &Steps) -> String {
    let mut text = String::new();
    let mut rule = |by: &str, path: &str, name: &str, color: Color| {
        let chosen = format!("#by-{by}:checked ~ figure");
        let _ = writeln!(text, "{chosen} {path} {{ fill: {}; }}", css(color));
        if is_dark(color) {
            let _ = writeln!(text, "{chosen} text.{name} {{ fill: #fff; }}");
        }
    };
    for (state, color) in STATE_COLORS {
        rule("state", &format!(".{} path", state.name()), state.name(), color);
    }
    for (i, color) in CONFIDENCE_COLORS.iter().enumerate() {
        rule("confidence", &format!("path.c{i}"), &format!("c{i}"), *color);
    }
    for i in 0..speeds.classes() {
        rule("speed", &format!("path.s{i}"), &format!("s{i}"), speeds.color(i));
    }
    text
}

/// Whether white can be read better on a colour than black.
fn is_dark(color: Color) -> bool {
    let [r, g, b] = color.map(linear);
    0.2126 * r + 0.7152 * g + 0.0722 * b < 0.19
}

/// The light of a channel, 0…1.
fn linear(channel: u8) -> f64 {
    let c = f64::from(channel) / 255.0;
    if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
}

/// The class of a confidence, 0…1.
pub(super) fn confidence_class(confidence: f64) -> usize {
    CONFIDENCES.iter().filter(|end| confidence >= **end).count()
}

/// Their names, from doubt to certainty.
pub(super) fn confidence_names() -> Vec<String> {
    let percent = |c: f64| format!("{:.0}", 100.0 * c);
    let mut names = vec![format!("below {} %", percent(CONFIDENCES[0]))];
    names.extend(CONFIDENCES.windows(2).map(|ends| format!("{}–{} %", percent(ends[0]), percent(ends[1]))));
    names.push(format!("{} % and more", percent(CONFIDENCES[CONFIDENCES.len() - 1])));
    names
}

/// Classes of a value between round numbers.
pub(super) struct Steps {
    /// Ends of the classes; the first one has no lower, the last one no upper end.
    ends: Vec<f64>,
    /// Distance of two ends.
    step: f64,
}

impl Steps {
    /// From the 2nd to the 98th percentile of the values, which may be none.
    pub(super) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values.get((share * (values.len().max(1) - 1) as f64).round() as usize).copied();
        let (Some(low), Some(high)) = (at(0.02), at(0.98)) else { return Self { ends: Vec::new(), step: 1.0 } };
        if high - low <= 1e-3 * high {
            return Self { ends: Vec::new(), step: 1.0 };
        }
        let least = (high - low) / SPEED_STEPS;
        let power = 10f64.powf(least.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|f| f * power).into_iter().find(|s| *s >= least).unwrap_or(least);
        let first = (low / step).floor() + 1.0;
        let ends =
            (0..=SPEED_STEPS as usize).map(|i| (first + i as f64) * step).take_while(|end| *end < high).collect();
        Self { ends, step }
    }

    pub(super) fn classes(&self) -> usize {
        self.ends.len() + 1
    }

    pub(super) fn class(&self, value: f64) -> usize {
        self.ends.iter().filter(|end| value >= **end).count()
    }

    /// Slow is dark, fast is bright.
    fn color(&self, class: usize) -> Color {
        VALUES.at(if self.ends.is_empty() { 0.5 } else { class as f32 / self.ends.len() as f32 })
    }

    pub(super) fn names(&self) -> Vec<String> {
        let (Some(first), Some(last)) = (self.ends.first(), self.ends.last()) else { return vec!["all alike".into()] };
        let (unit, word) = unit(*last);
        let decimals = (-(self.step / unit).log10().floor()).max(0.0) as usize;
        let said = |value: f64| format!("{:.decimals$}", value / unit);
        let mut names = vec![format!("below {}{word}", said(*first))];
        names.extend(self.ends.windows(2).map(|e| format!("{}–{}{word}", said(e[0]), said(e[1]))));
        names.push(format!("{}{word} and more", said(*last)));
        names
    }
}

fn unit(rate: f64) -> (f64, &'static str) {
    match rate {
        1e6.. => (1e6, " M"),
        1e3.. => (1e3, " k"),
        _ => (1.0, ""),
    }
}

/// `1.23 M points/s`, `45.6 k points/s`, `7.89 points/s`.
pub(super) fn rate(points_per_s: f64) -> String {
    let (unit, word) = unit(points_per_s);
    let value = points_per_s / unit;
    let decimals = if value >= 100.0 { 0 } else { usize::from(value < 10.0) + 1 };
    format!("{value:.decimals$}{word} points/s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_classed_by_round_numbers() {
        let steps = Steps::of((0..100).map(|i| 1.0e6 + 1e4 * f64::from(i)).collect());
        assert_eq!(steps.classes(), 5, "{:?}", steps.ends);
        assert_eq!(steps.names(), ["below 1.2 M", "1.2–1.4 M", "1.4–1.6 M", "1.6–1.8 M", "1.8 M and more"]);
        assert_eq!((steps.class(0.0), steps.class(1.2e6 + 1.0), steps.class(f64::MAX)), (0, 1, 4));
        for values in [vec![], vec![5.0], vec![5.0; 9], vec![f64::MIN_POSITIVE, 1e-300], vec![1.0, 1e300]] {
            let steps = Steps::of(values);
            assert!(steps.classes() <= 8 && steps.names().len() == steps.classes(), "{:?}", steps.ends);
        }
    }

    #[test]
    fn confidences_are_classed_to_the_end() {
        assert_eq!([0.0, 0.5, 0.94, 0.95, 1.0].map(confidence_class), [0, 1, 5, 6, 6]);
        assert_eq!(confidence_names().len(), CONFIDENCE_COLORS.len());
        assert_eq!(confidence_names()[5], "90–95 %");
    }

    #[test]
    fn rates_have_three_digits() {
        let said = [1_234_567.0, 45_600.0, 7.89, 12.0, 512e6].map(rate);
        assert_eq!(said, ["1.23 M points/s", "45.6 k points/s", "7.89 points/s", "12.0 points/s", "512 M points/s"]);
    }

    /// Colours as those see them who lack one kind of cones (Machado, Oliveira and Fernandes 2009), in OKLab.
    fn seen(color: Color, eye: [[f64; 3]; 3]) -> [f64; 3] {
        let times = |m: [[f64; 3]; 3], v: [f64; 3]| m.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum::<f64>());
        let cones = times(
            [
                [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
                [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
                [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
            ],
            times(eye, color.map(linear)).map(|c| c.max(0.0)),
        );
        times(
            [
                [0.210_454_255_3, 0.793_617_785, -0.004_072_046_8],
                [1.977_998_495_1, -2.428_592_205, 0.450_593_709_9],
                [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766],
            ],
            cones.map(f64::cbrt),
        )
    }

    #[test]
    fn names_can_be_read_on_every_color() {
        let light = |c: Color| c.map(linear).iter().zip([0.2126, 0.7152, 0.0722]).map(|(a, b)| a * b).sum::<f64>();
        let speeds = Steps { ends: (1..7).map(f64::from).collect(), step: 1.0 };
        let states = STATE_COLORS.into_iter().map(|c| c.1);
        for color in CONFIDENCE_COLORS.into_iter().chain((0..7).map(|i| speeds.color(i))).chain(states) {
            let (a, b) = (light(color) + 0.05, light(if is_dark(color) { [255; 3] } else { [20, 24, 27] }) + 0.05);
            let contrast = a.max(b) / a.min(b);
            assert!(contrast >= 4.0, "{color:?}: {contrast}");
        }
    }

    #[test]
    fn colors_differ_for_every_eye() {
        const EYES: [[[f64; 3]; 3]; 4] = [
            [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
            [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
            [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
        ];
        let fastest = Steps { ends: (1..7).map(f64::from).collect(), step: 1.0 };
        let speeds: Vec<Color> = (0..fastest.classes()).map(|i| fastest.color(i)).collect();
        for (colors, least) in [(&CONFIDENCE_COLORS[..], 0.085), (&speeds, 0.085), (&STATE_COLORS.map(|c| c.1), 0.15)] {
            for eye in EYES {
                for (i, a) in colors.iter().enumerate() {
                    for b in &colors[i + 1..] {
                        let (p, q) = (seen(*a, eye), seen(*b, eye));
                        let distance = (0..3).map(|k| (p[k] - q[k]).powi(2)).sum::<f64>().sqrt();
                        assert!(distance > least, "{a:?} and {b:?}: {distance}");
                    }
                }
            }
        }
    }
}
